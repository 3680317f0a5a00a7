//! Which record a command speaks of: the one that was named, or the only one.

use vestibule::event::RecordRef;
use vestibule::identifiers::{InvalidParameter, RecordHandle, UserIdentifier};
use vestibule::{AuthenticationMode, KnownRecord};

/// What a record is named by that has no user.
pub(crate) const HANDLE_PREFIX: &str = "record:";

/// Parses USER: `tenant/user_id`, or `record:<hex>` as `list` shows it. A tenant holds no `:`, so they are never mixed up.
pub(crate) fn parse_user(value: &str) -> Result<RecordRef, InvalidParameter> {
    match value.strip_prefix(HANDLE_PREFIX) {
        Some(handle) => RecordHandle::parse(handle).map(RecordRef::Handle),
        None => UserIdentifier::parse(value).map(RecordRef::User),
    }
}

/// What is known of a record that was named.
pub(crate) fn find<'a>(known: &'a [KnownRecord], named: &RecordRef) -> Option<&'a KnownRecord> {
    known.iter().find(|record| match named {
        RecordRef::Handle(handle) => record.handle == *handle,
        RecordRef::User(user) => record.user() == Some(user),
    })
}

/// What opens a record that was named. One that is not known or cannot be read opens without a password: not at all.
pub(crate) fn mode_of(known: &[KnownRecord], named: &RecordRef) -> AuthenticationMode {
    let content = find(known, named).and_then(|record| record.content.as_ref().ok());
    content.map_or(AuthenticationMode::No, |content| content.authentication_mode)
}

/// Whether somebody could log in with a record: one with a user, or an unreadable one, which might have one.
pub(crate) fn is_candidate(record: &KnownRecord) -> bool {
    record.content.is_err() || record.user().is_some()
}

/// The only candidate, where none is named.
pub(crate) fn only_one(
    candidates: impl IntoIterator<Item = RecordHandle>,
) -> Result<Option<RecordRef>, InvalidParameter> {
    let mut candidates = candidates.into_iter();
    match (candidates.next(), candidates.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => Ok(Some(RecordRef::Handle(only))),
        (Some(_), Some(_)) => Err(InvalidParameter {
            field: "user",
            why: "is not named, and there are several: take one from `list`",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_need_not_be_named_where_there_is_only_one() {
        let handle = |byte| RecordHandle::from_bytes([byte; 16]);
        assert_eq!(only_one([]), Ok(None));
        assert_eq!(only_one([handle(1)]), Ok(Some(RecordRef::Handle(handle(1)))));
        for several in [vec![handle(1), handle(2)], vec![handle(1), handle(2), handle(3)]] {
            assert_eq!(only_one(several).unwrap_err().field, "user");
        }
    }

    #[test]
    fn a_user_is_named_by_tenant_and_id_or_by_the_handle_of_its_record() {
        let hex = "00112233445566778899aabbccddeeff";
        let user = |text: &str| Ok(RecordRef::User(UserIdentifier::parse(text).unwrap()));
        let handle = RecordHandle::parse(hex).unwrap();
        let table = [
            ("acme/u1", user("acme/u1")),
            ("acme/a/b", user("acme/a/b")),
            ("record/u1", user("record/u1")),
            (&format!("record:{hex}"), Ok(RecordRef::Handle(handle))),
            ("acme", Err("user")),
            ("", Err("user")),
            ("/u1", Err("tenant_id")),
            ("a:b/u1", Err("tenant_id")),
            ("acme/", Err("user_id")),
            ("acme/a b", Err("user_id")),
            ("record:", Err("record")),
            ("record:00", Err("record")),
            (&format!("record:{}", hex.to_uppercase()), Err("record")),
            (&format!("Record:{hex}"), Err("user")),
        ];
        for (text, expected) in table {
            assert_eq!(parse_user(text).map_err(|error| error.field), expected, "{text}");
        }
    }
}
