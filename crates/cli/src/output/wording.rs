//! Words for states, modes, stages, times and notifications.

use std::path::Path;

use jiff::Timestamp;
use vestibule::instant::WallTime;
use vestibule::notification::{Notification, SessionEnd};
use vestibule::record::StageKind;
use vestibule::{AuthenticationMode, Revocation, SdkState};

/// What a state means here.
pub(crate) fn state_in_words(state: SdkState) -> String {
    let meaning = match state {
        SdkState::NotStarted => "nothing was read yet",
        SdkState::ActivationRequired => "no user is enrolled on this device",
        SdkState::LoginRequired => "a user is enrolled on this device",
        SdkState::LoggedIn => "a user's token is unlocked and proven at the IdP",
        SdkState::Suspended => "keys and tokens are wiped",
    };
    format!("{state}: {meaning}")
}

/// What a mode means.
pub(crate) fn mode_in_words(mode: AuthenticationMode) -> String {
    let meaning = match mode {
        AuthenticationMode::No => "sealed with this device's key, opens without a prompt",
        AuthenticationMode::Password => "sealed with this device's key and a password",
        AuthenticationMode::Biometric => "sealed with this device's key and a biometric gate",
    };
    format!("{mode}: {meaning}")
}

/// What a stage means.
pub(crate) const fn stage_in_words(stage: StageKind) -> &'static str {
    match stage {
        StageKind::Enrolling => "unfinished enrolment",
        StageKind::Active => "active",
        StageKind::Rotating => "a request was under way",
        StageKind::Outdated => "refused by the IdP, kept",
        StageKind::Deleting => "being deleted",
        // `StageKind` is open to other crates.
        StageKind::Revoking | _ => "being revoked",
    }
}

/// What became of a session at the IdP, for a program.
pub(crate) const fn revocation_name(revocation: Revocation) -> &'static str {
    match revocation {
        Revocation::Done => "Done",
        Revocation::Queued => "Queued",
        // `Revocation` is open to other crates.
        Revocation::NotPossible | _ => "NotPossible",
    }
}

/// The same for a person.
pub(crate) const fn revocation_in_words(revocation: Revocation) -> &'static str {
    match revocation {
        Revocation::Done => "revoked at the IdP",
        Revocation::Queued => "not revoked yet: that is queued, and the next command tries again",
        // `Revocation` is open to other crates.
        Revocation::NotPossible | _ => "cannot be revoked: if there is one at the IdP, it stays until its idle end",
    }
}

/// A time in UTC (RFC 3339), by whole seconds.
pub(crate) fn rfc3339(time: WallTime) -> String {
    Timestamp::from_second(time.unix_s()).map_or_else(|_| "beyond the calendar".into(), |time| time.to_string())
}

/// A time, and how far away it is.
pub(crate) fn time_in_words(time: WallTime, now: WallTime) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let away = time.since(now).as_secs();
    let Some((length, unit)) = UNITS.into_iter().find(|(length, _)| away >= *length) else {
        return format!("{}, which has passed", rfc3339(time));
    };
    let count = (away + length / 2) / length;
    let plural = if count == 1 { "" } else { "s" };
    format!("{}, in {count} {unit}{plural}", rfc3339(time))
}

/// A path, with `~` for the home directory.
pub(crate) fn tilde(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) => Path::new("~").join(below).display().to_string(),
        None => path.display().to_string(),
    }
}

/// What the SDK told without having been asked; `None` where the result says it anyway.
pub(super) fn notification_in_words(notification: &Notification) -> Option<String> {
    Some(match notification {
        Notification::IdentityReplaced { user } => format!("a new user took the place of the old one: {user}"),
        Notification::UserRecovered { user } => {
            format!("the token was lost; the same user was found again by the device's key: {user}")
        }
        Notification::SessionEnded { why } => match why {
            SessionEnd::Refused => "the IdP refused the session; the record is kept".into(),
            SessionEnd::Removed => "another process removed the record".into(),
            SessionEnd::Reprotected => "another process changed the record's protection".into(),
            _ => "the session ended".into(),
        },
        Notification::ShortLivedSession { ends } => format!(
            "this IdP ends sessions that are not used for a while: log in before {}",
            rfc3339(*ends)
        ),
        Notification::AccessTokensBound => {
            "the IdP binds access tokens to this device: they cannot be handed to a third party".into()
        }
        Notification::IdentityNoLongerAnonymous { claim } => format!("the user has registered: a token holds {claim}"),
        Notification::StorageProtectionChanged => "the protection of the stored token changed".into(),
        Notification::RevocationPending => "a session at the IdP is still to be revoked".into(),
        Notification::RevocationDone => "a session at the IdP was revoked".into(),
        Notification::Missed { count } => format!("{count} notifications were missed"),
        Notification::StateChanged { .. } | Notification::TokenRefreshed { .. } => return None,
        // `Notification` is open to other crates.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_utc_and_by_its_distance() {
        let now = WallTime::from_unix_s(1_800_000_000);
        let table = [
            (1_800_000_001, "2027-01-15T08:00:01Z, in 1 second"),
            (1_800_000_300, "2027-01-15T08:05:00Z, in 5 minutes"),
            (1_800_005_399, "2027-01-15T09:29:59Z, in 1 hour"),
            (1_800_005_400, "2027-01-15T09:30:00Z, in 2 hours"),
            (1_802_591_999, "2027-02-14T07:59:59Z, in 30 days"),
            (1_800_000_000, "2027-01-15T08:00:00Z, which has passed"),
            (1_799_999_999, "2027-01-15T07:59:59Z, which has passed"),
        ];
        for (second, words) in table {
            assert_eq!(time_in_words(WallTime::from_unix_s(second), now), words);
        }
    }

    #[test]
    fn the_home_directory_is_a_tilde_and_nothing_else_is() {
        let table = [
            ("/home/a/.local/share/vestibule", "~/.local/share/vestibule"),
            ("/home/ab/x", "/home/ab/x"),
            ("/srv/x", "/srv/x"),
        ];
        for (path, shown) in table {
            assert_eq!(tilde(Path::new(path), Some(Path::new("/home/a"))), shown);
        }
        assert_eq!(tilde(Path::new("/home/a/x"), None), "/home/a/x");
    }
}
