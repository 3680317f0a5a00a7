//! What a refresh token may do that is used again. Seen on Keycloak 26.7 with `revokeRefreshToken` and
//! `refreshTokenMaxReuse`.

use serde::{Deserialize, Serialize};

use crate::realm::Rotation;

/// How often a session's refresh tokens were used. Tokens are numbered in the order in which they were issued.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Uses {
    /// The newest token used: its number, how often it was used, and the number of the next one issued when it came first.
    newest: Option<(u64, u32, u64)>,
}

/// What a use leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Served; the session remembers it so.
    Served(Uses),
    /// The same token too often. The session is lost.
    TooOften,
    /// An older token after a newer one was used. The session is lost.
    Stale,
}

/// Judges the use of token number `token`, when `next` is the number of the one to be issued.
pub(crate) fn judge(rule: Rotation, uses: &Uses, token: u64, next: u64) -> Verdict {
    let most_uses = match rule {
        Rotation::Off => return Verdict::Served(uses.clone()),
        Rotation::NoReuse => 1,
        Rotation::ReuseOnce => 2,
    };
    match uses.newest {
        Some((newest, count, first_used)) if newest == token => {
            if count >= most_uses {
                return Verdict::TooOften;
            }
            Verdict::Served(Uses {
                newest: Some((token, count + 1, first_used)),
            })
        }
        Some((_, _, first_used)) if token < first_used => Verdict::Stale,
        Some(_) | None => Verdict::Served(Uses {
            newest: Some((token, 1, next)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses the tokens in order; each use issues the next number. Says how many were served, and how it ended.
    fn play(rule: Rotation, tokens: &[u64]) -> (usize, Option<Verdict>) {
        let (mut uses, mut next) = (Uses::default(), 1);
        for (served, token) in tokens.iter().enumerate() {
            match judge(rule, &uses, *token, next) {
                Verdict::Served(after) => (uses, next) = (after, next + 1),
                lost @ (Verdict::TooOften | Verdict::Stale) => return (served, Some(lost)),
            }
        }
        (tokens.len(), None)
    }

    #[test]
    fn each_row_of_the_rotation_table_ends_as_on_keycloak() {
        use Rotation::{NoReuse, Off, ReuseOnce};
        type Row = (Rotation, &'static [u64], (usize, Option<Verdict>));
        let table: [Row; 12] = [
            (Off, &[0, 0, 0, 1, 0], (5, None)),
            (NoReuse, &[0, 1, 2, 3], (4, None)),
            (NoReuse, &[0, 0], (1, Some(Verdict::TooOften))),
            (NoReuse, &[0, 1, 0], (2, Some(Verdict::Stale))),
            (ReuseOnce, &[0, 1, 2, 3], (4, None)),
            (ReuseOnce, &[0, 0, 2, 3], (4, None)),
            (ReuseOnce, &[0, 0, 2, 2, 4], (5, None)),
            (ReuseOnce, &[0, 0, 0], (2, Some(Verdict::TooOften))),
            (ReuseOnce, &[0, 0, 1, 2], (3, Some(Verdict::Stale))),
            (ReuseOnce, &[0, 0, 2, 1], (3, Some(Verdict::Stale))),
            (ReuseOnce, &[0, 1, 0], (2, Some(Verdict::Stale))),
            (ReuseOnce, &[0, 1, 1, 3, 1], (4, Some(Verdict::Stale))),
        ];
        for (rule, tokens, wanted) in table {
            assert_eq!(play(rule, tokens), wanted, "{rule:?} {tokens:?}");
        }
    }
}
