//! Why an answer of the IdP must not be trusted.

use crate::single_audience::Unfit;
use crate::status::Hint;

/// Why an answer must not be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// The issuer, or the endpoint that a record is bound to, is not what it was.
    #[error("issuer changed")]
    IssuerChanged,
    /// The metadata breaks a rule.
    #[error("metadata: {0}")]
    Metadata(&'static str),
    /// The metadata names another issuer than the settings: compared byte for byte, so that a slash at the end counts.
    #[error("metadata: the issuer is \"{}\", but its metadata says \"{}\"", .configured.as_str(), .named.as_str())]
    AnotherIssuer {
        /// The one that was asked.
        configured: Hint,
        /// The one that the metadata names.
        named: Hint,
    },
    /// A redirect leads where none may lead, or lacks what it must bring.
    #[error("redirect: {0}")]
    Redirect(&'static str),
    /// The ID token breaks a rule.
    #[error("ID token: {0}")]
    IdToken(&'static str),
    /// The token answer breaks a rule.
    #[error("token answer: {0}")]
    TokenAnswer(&'static str),
    /// The identity carries user data.
    #[error("user data: {0}")]
    UserData(&'static str),
    /// The subject is not the record's.
    #[error("subject changed")]
    SubjectChanged,
    /// The access token is not what was asked for.
    #[error("{0}")]
    AccessToken(Unfit),
}
