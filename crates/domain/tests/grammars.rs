//! The grammars of everything that comes from outside: what is taken, what is refused, and that no input breaks a parser.

use proptest::prelude::*;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use vestibule_domain::identifiers::{
    AppInfo, Audience, ClientId, InvalidParameter, RealmId, RecordHandle, TenantId, UserId, UserIdentifier,
};

/// What a parser says to a value: nothing, or which field it complains about.
fn complaint<T>(parsed: Result<T, InvalidParameter>) -> Option<&'static str> {
    parsed.err().map(|refused| refused.field)
}

#[test]
fn tenants_of_every_script_are_taken_as_they_are() {
    let longest = "ä".repeat(255);
    let taken = [
        "acme",
        "a",
        "...",
        ".a",
        "a..b",
        "tenant 1",
        "Zürich",
        "東京",
        "a\u{2013}b",
        "0",
        "a+b=c&d",
        &longest,
    ];
    for tenant in taken {
        assert_eq!(TenantId::parse(tenant).unwrap().as_str(), tenant);
        assert_eq!(TenantId::parse(tenant).unwrap().to_string(), tenant);
    }
}

#[test]
fn tenants_that_could_leave_their_path_segment_are_refused() {
    let too_long = "ä".repeat(256);
    let table = [
        ("", "is empty"),
        (too_long.as_str(), "is longer than 255 characters"),
        (".", "may not be a relative path segment"),
        ("..", "may not be a relative path segment"),
        ("%2e%2e", "holds one of / \\ ? # % ; @ :"),
        ("%2E%2e", "holds one of / \\ ? # % ; @ :"),
        ("a\\..\\b", "holds one of / \\ ? # % ; @ :"),
        ("../admin", "holds one of / \\ ? # % ; @ :"),
        ("a/b", "holds one of / \\ ? # % ; @ :"),
        ("\t/../", "holds a control character"),
        ("a\tb", "holds a control character"),
        ("a\r\nHost: b", "holds a control character"),
        ("a\0", "holds a control character"),
        ("a\u{7f}", "holds a control character"),
        ("a\u{85}b", "holds a control character"),
        ("a?b", "holds one of / \\ ? # % ; @ :"),
        ("a#b", "holds one of / \\ ? # % ; @ :"),
        ("a;b", "holds one of / \\ ? # % ; @ :"),
        ("a@b", "holds one of / \\ ? # % ; @ :"),
        ("a:b", "holds one of / \\ ? # % ; @ :"),
        (" a", "begins or ends with white space"),
        ("a ", "begins or ends with white space"),
        ("\u{a0}a", "begins or ends with white space"),
        ("a\u{3000}", "begins or ends with white space"),
        (" ", "begins or ends with white space"),
        ("Zu\u{308}rich", "is not in Unicode normalisation form C"),
        ("\u{212b}", "is not in Unicode normalisation form C"),
    ];
    for (tenant, why) in table {
        assert_eq!(
            TenantId::parse(tenant),
            Err(InvalidParameter {
                field: "tenant_id",
                why
            }),
            "{tenant:?}"
        );
    }
}

#[test]
fn client_audience_and_user_are_visible_ascii() {
    let longest = "~".repeat(255);
    let too_long = "~".repeat(256);
    let table = [
        ("AstDeviceEnrollment", true),
        ("!", true),
        ("urn:example:orders", true),
        ("https://api.example/v1?x#y", true),
        ("a/b", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        ("", false),
        (" ", false),
        ("a b", false),
        ("a\n", false),
        ("a\u{7f}", false),
        ("\u{e4}", false),
        ("\u{ff21}", false),
    ];
    for (value, taken) in table {
        let refused = |field| (!taken).then_some(field);
        assert_eq!(complaint(ClientId::parse(value)), refused("client_id"), "{value:?}");
        assert_eq!(complaint(Audience::parse(value)), refused("audience"), "{value:?}");
        assert_eq!(complaint(UserId::parse(value)), refused("user_id"), "{value:?}");
    }
}

#[test]
fn a_realm_is_opaque_but_for_its_size_and_control_characters() {
    let (longest, too_long) = ("r".repeat(2048), "r".repeat(2049));
    let table = [
        ("https://idp.example/realms/a%20b", None),
        ("東京 / x", None),
        (longest.as_str(), None),
        (too_long.as_str(), Some("is longer than 2,048 bytes")),
        ("", Some("is empty")),
        ("a\nb", Some("holds a control character")),
    ];
    for (realm, why) in table {
        assert_eq!(RealmId::new(realm).err().map(|refused| refused.why), why, "{realm:?}");
    }
}

#[test]
fn a_record_handle_is_thirty_two_lower_case_hex_digits() {
    let digits = "00112233445566778899aabbccddeeff";
    let handle = RecordHandle::parse(digits).unwrap();
    assert_eq!(handle.to_string(), digits);
    assert_eq!(handle.as_bytes()[15], 0xff);
    let upper = digits.to_uppercase();
    let refused = [
        "",
        "0",
        "0112233445566778899aabbccddeeff",
        &upper,
        "00112233445566778899aabbccddeefg",
        "+0112233445566778899aabbccddeeff",
        "éééééééééééééééé",
    ];
    for value in refused {
        assert_eq!(complaint(RecordHandle::parse(value)), Some("record"), "{value:?}");
    }
}

#[test]
fn the_first_slash_ends_the_tenant_of_a_user() {
    let user = UserIdentifier::parse("acme/a/b").unwrap();
    assert_eq!((user.tenant_id.as_str(), user.user_id.as_str()), ("acme", "a/b"));
    let table = [
        ("acme", "user"),
        ("", "user"),
        ("/u1", "tenant_id"),
        ("acme/", "user_id"),
        ("../u1", "tenant_id"),
    ];
    for (value, field) in table {
        assert_eq!(complaint(UserIdentifier::parse(value)), Some(field), "{value:?}");
    }
}

#[test]
fn what_an_app_says_of_itself_is_short_and_its_language_a_tag() {
    let (longest, too_long) = ("ä".repeat(16), "a".repeat(33));
    let table = [
        (("demo", "1.0", "en"), None),
        ((longest.as_str(), longest.as_str(), "de-CH-1996"), None),
        (("demo app", "1.0 (7)", "zh-Hant-TW"), None),
        (("demo", "1.0", "x-private"), None),
        (("", "1.0", "en"), Some("app_name")),
        ((too_long.as_str(), "1.0", "en"), Some("app_name")),
        (("de\nmo", "1.0", "en"), Some("app_name")),
        (("demo", "", "en"), Some("app_version")),
        (("demo", too_long.as_str(), "en"), Some("app_version")),
        (("demo", "1\0", "en"), Some("app_version")),
        (("demo", "1.0", ""), Some("locale")),
        (("demo", "1.0", "e"), Some("locale")),
        (("demo", "1.0", "en_US"), Some("locale")),
        (("demo", "1.0", "en-"), Some("locale")),
        (("demo", "1.0", "-en"), Some("locale")),
        (("demo", "1.0", "en--US"), Some("locale")),
        (("demo", "1.0", "12-US"), Some("locale")),
        (("demo", "1.0", "englishes"), Some("locale")),
        (("demo", "1.0", "en-ÜS"), Some("locale")),
        (("demo", "1.0", "en-aaaaaaaa-bbbbbbbb-cccccccc-dddddd"), Some("locale")),
    ];
    for ((name, version, locale), field) in table {
        let parsed = AppInfo::parse(name, version, locale);
        assert_eq!(complaint(parsed.clone()), field, "{name:?} {version:?} {locale:?}");
        if let Ok(app) = parsed {
            assert_eq!((app.name(), app.version(), app.locale()), (name, version, locale));
        }
    }
}

#[test]
fn a_refusal_names_the_field_and_never_repeats_the_value() {
    let refused = TenantId::parse("canary/../x").unwrap_err();
    assert_eq!(refused.to_string(), "tenant_id holds one of / \\ ? # % ; @ :");
}

/// Strings near the grammars: much of what is accepted, and much that is just not.
fn near_misses() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,300}",
        "[a-z./%\\\\?# \u{308}\u{e4}\t]{0,12}",
        "[0-9a-f]{30,34}",
        "\\PC{0,40}"
    ]
}

proptest! {
    #[test]
    fn no_accepted_tenant_breaks_its_grammar(value in near_misses()) {
        if let Ok(tenant) = TenantId::parse(&value) {
            let text = tenant.as_str();
            prop_assert_eq!(text, &value);
            prop_assert!((1..=255).contains(&text.chars().count()));
            prop_assert!(is_nfc(text));
            prop_assert!(text != "." && text != "..");
            prop_assert!(!text.chars().any(|c| c.is_control() || "/\\?#%;@:".contains(c)));
            prop_assert_eq!(text.trim(), text);
        }
    }

    #[test]
    fn a_normalised_word_is_a_tenant_and_keeps_its_bytes(value in "[\\p{L}\\p{N}]{1,80}") {
        let normalised: String = value.nfc().collect();
        let parsed = TenantId::parse(&normalised).unwrap();
        prop_assert_eq!(parsed.as_str(), normalised);
    }

    #[test]
    fn no_accepted_name_breaks_visible_ascii(value in near_misses()) {
        let fits = (1..=255).contains(&value.len()) && value.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        prop_assert_eq!(ClientId::parse(&value).is_ok(), fits);
        prop_assert_eq!(Audience::parse(&value).is_ok(), fits);
        prop_assert_eq!(UserId::parse(&value).is_ok(), fits);
    }

    #[test]
    fn no_accepted_realm_breaks_its_grammar(value in near_misses()) {
        if let Ok(realm) = RealmId::new(value.clone()) {
            prop_assert_eq!(realm.as_str(), &value);
            prop_assert!(!value.is_empty() && value.len() <= 2048 && !value.contains(char::is_control));
        }
    }

    #[test]
    fn a_handle_is_read_as_it_is_written(bytes: [u8; 16], value in near_misses()) {
        let handle = RecordHandle::from_bytes(bytes);
        prop_assert_eq!(RecordHandle::parse(&handle.to_string()), Ok(handle));
        if let Ok(handle) = RecordHandle::parse(&value) {
            prop_assert_eq!(handle.to_string(), value);
        }
    }

    #[test]
    fn a_user_is_read_as_it_is_written(tenant in "[a-zäß .]{1,20}", user in "[!-~]{1,40}", value in near_misses()) {
        if let Ok(tenant_id) = TenantId::parse(&tenant) {
            let written = UserIdentifier { tenant_id, user_id: UserId::parse(&user).unwrap() };
            prop_assert_eq!(UserIdentifier::parse(&written.to_string()), Ok(written));
        }
        if let Ok(read) = UserIdentifier::parse(&value) {
            prop_assert_eq!(read.to_string(), value);
        }
    }

    #[test]
    fn no_accepted_app_info_breaks_its_grammar(name in near_misses(), version in near_misses(), locale in "[a-zA-Z0-9_-]{0,40}") {
        if AppInfo::parse(&name, &version, &locale).is_ok() {
            prop_assert!([&name, &version].iter().all(|field| (1..=32).contains(&field.len()) && !field.contains(char::is_control)));
            prop_assert!((2..=35).contains(&locale.len()));
            prop_assert!(locale.split('-').all(|part| (1..=8).contains(&part.len()) && !part.contains('_')));
        }
    }
}
