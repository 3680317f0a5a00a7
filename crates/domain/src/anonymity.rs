//! Anonymity is checked, not assumed: which claims are user data.

use alloc::string::String;

/// Claims that carry user data (OpenID Connect Core 1.0, section 5.1, without `sub` and the data-free ones, and the
/// usual extensions). `preferred_username` is judged apart: Keycloak sends the subject itself under that name.
pub const USER_DATA_CLAIMS: [&str; 17] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "birthdate",
    "zoneinfo",
    "phone_number",
    "address",
    "upn",
    "unique_name",
    "preferred_username",
];

/// The first claim in `names` that is user data; `None` when there is none.
///
/// A `preferred_username` is reported by the adapter only where it differs from the subject.
#[must_use]
pub fn first_user_datum(names: &[String]) -> Option<&'static str> {
    USER_DATA_CLAIMS
        .into_iter()
        .find(|claim| names.iter().any(|name| name == claim))
}
