//! Anonymity is checked, not assumed: which claims are user data.

use alloc::string::String;

/// Claims that carry user data.
///
/// OpenID Connect Core 1.0, section 5.1, but `sub` and what says nothing about a person (`email_verified`,
/// `phone_number_verified`, `updated_at`: a stock Keycloak sends `email_verified: false` without an e-mail); OpenID
/// Connect for Identity Assurance 1.0, sections 4 and 5; and the names that common servers give to the same.
pub const USER_DATA_CLAIMS: [&str; 37] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "address",
    "place_of_birth",
    "nationalities",
    "birth_family_name",
    "birth_given_name",
    "birth_middle_name",
    "salutation",
    "title",
    "msisdn",
    "also_known_as",
    "verified_claims",
    "upn",
    "unique_name",
    "username",
    "user_name",
    "display_name",
    "emails",
    "mail",
    "phone",
    "phone_numbers",
    "mobile",
    "addresses",
];

/// The first claim in `names` that is user data; `None` when there is none.
///
/// `names` comes from [`Claims::names`](crate::claims::Claims::names): a claim that only repeats the subject is not
/// among them, since Keycloak sends the subject of an anonymous user as `preferred_username` and `upn`, too.
#[must_use]
pub fn first_user_datum(names: &[String]) -> Option<&'static str> {
    USER_DATA_CLAIMS
        .into_iter()
        .find(|claim| names.iter().any(|name| name == claim))
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec::Vec;

    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn each_claim_of_a_person_is_found_among_the_others() {
        let of_a_person = [
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "email",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "phone_number",
            "address",
            "place_of_birth",
            "nationalities",
            "birth_family_name",
            "birth_given_name",
            "birth_middle_name",
            "salutation",
            "title",
            "msisdn",
            "also_known_as",
            "verified_claims",
            "upn",
            "unique_name",
            "username",
            "user_name",
            "display_name",
            "emails",
            "mail",
            "phone",
            "phone_numbers",
            "mobile",
            "addresses",
        ];
        assert_eq!(
            of_a_person, USER_DATA_CLAIMS,
            "a claim was added or taken out: change this table, too"
        );
        for claim in of_a_person {
            assert_eq!(first_user_datum(&owned(&["sub", "iss", claim, "exp"])), Some(claim));
        }
    }

    #[test]
    fn what_an_anonymous_user_of_a_stock_server_brings_is_no_user_datum() {
        let tables: [&[&str]; 5] = [
            &[],
            &[
                "exp",
                "iat",
                "jti",
                "iss",
                "sub",
                "typ",
                "azp",
                "sid",
                "acr",
                "scope",
                "aud",
                "email_verified",
            ],
            &["aud", "auth_time", "nonce", "at_hash", "device_jkt", "device_user"],
            &[
                "phone_number_verified",
                "updated_at",
                "cnf",
                "client_id",
                "realm_access",
                "resource_access",
            ],
            &["Name", "name ", "e-mail", "names"],
        ];
        for names in tables {
            assert_eq!(first_user_datum(&owned(names)), None, "{names:?}");
        }
    }
}
