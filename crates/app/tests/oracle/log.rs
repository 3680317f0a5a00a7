//! The log of a life, read by the rules of the protocol that hold at every moment.

use std::collections::{BTreeMap, BTreeSet};

use vestibule::ports::testing::{IdpCall, JournalEntry, Outcome};
use vestibule::record::StageKind;
use vestibule::secret::Grant;

use crate::world::World;

/// What a log tells.
pub(crate) struct Log {
    /// Every rule that was broken.
    pub broken: Vec<String>,
    /// How often the grant that was sent most often was sent, until it was refused.
    pub most_uses: usize,
    /// How many users ever stood on the disk.
    pub local_users: usize,
    /// Every grant that was queued for revocation.
    pub queued: Vec<Grant>,
}

/// Reads the log. What [`Journal::violations`](vestibule::ports::testing::Journal::violations) judges is judged there.
pub(crate) fn read(world: &World) -> Log {
    // Two starts may work off one queue: revoking twice is revoking.
    let entries = world.journal.entries();
    let is_revoke = |line: usize| {
        matches!(
            entries.get(line),
            Some(JournalEntry::Opened {
                call: IdpCall::Revoke,
                ..
            })
        )
    };
    let mut broken: Vec<_> = world
        .journal
        .violations()
        .into_iter()
        .filter(|violation| !is_revoke(line_of(violation)))
        .collect();
    let mut uses = BTreeMap::<Vec<u8>, usize>::new();
    let (mut open, mut refused) = (BTreeMap::<usize, Vec<u8>>::new(), BTreeSet::new());
    let mut users = BTreeSet::new();
    let mut payloads_of_users: Vec<Vec<u8>> = Vec::new();
    let mut queued_payloads: Vec<Vec<u8>> = Vec::new();
    let mut given: Vec<Grant> = Vec::new();
    let mut last_sent: Option<(IdpCall, Vec<u8>)> = None;
    for (line, entry) in entries.iter().enumerate() {
        match entry {
            JournalEntry::Opened {
                request,
                call,
                key,
                grant,
                late,
                ..
            } => {
                let sent = grant
                    .as_ref()
                    .map_or_else(|| key.expose().to_vec(), |grant| grant.expose().to_vec());
                match call {
                    IdpCall::Revoke if payloads_of_users.iter().any(|payload| holds(payload, &sent)) => {
                        broken.push(format!("line {line}: a user's own grant is revoked"));
                    }
                    IdpCall::Refresh if !refused.contains(&sent) => {
                        *uses.entry(sent.clone()).or_default() += 1;
                        open.insert(*request, sent.clone());
                    }
                    IdpCall::Refresh => {}
                    IdpCall::Enroll | IdpCall::Revoke => {}
                }
                if !late && *call != IdpCall::Revoke && last_sent.as_ref() == Some(&(*call, sent.clone())) {
                    broken.push(format!("line {line}: sent again, but the lease was not written again"));
                }
                last_sent = Some((*call, sent));
            }
            JournalEntry::Closed { request, outcome } => {
                given.extend(granted(outcome));
                if let (Outcome::Refused(_), Some(sent)) = (outcome, open.remove(request)) {
                    refused.insert(sent);
                }
            }
            JournalEntry::Stored { header, payload, .. } => {
                last_sent = None;
                let payload = payload.expose().to_vec();
                if let Some(user) = header.stage.user() {
                    users.insert(user.clone());
                    payloads_of_users.push(payload);
                } else if header.stage.kind() == StageKind::Revoking {
                    queued_payloads.push(payload);
                }
            }
            _ => {}
        }
    }
    given.retain(|grant| queued_payloads.iter().any(|payload| holds(payload, grant.expose())));
    Log {
        broken,
        most_uses: uses.into_values().max().unwrap_or(0),
        local_users: users.len(),
        queued: given,
    }
}

fn granted(outcome: &Outcome) -> Option<Grant> {
    match outcome {
        Outcome::Enrolled { grant, .. } => Some(grant.clone()),
        Outcome::Refreshed { successor } => successor.clone(),
        _ => None,
    }
}

fn line_of(violation: &str) -> usize {
    let number = violation.strip_prefix("line ").and_then(|rest| rest.split(':').next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a violation names its line")
}

pub(crate) fn holds(payload: &[u8], secret: &[u8]) -> bool {
    payload.windows(secret.len()).any(|window| window == secret)
}
