//! What a host may change of the flows. Every rule's own numbers live in the file of the rule.

/// What to do when a token carries user data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnonymityPolicy {
    /// Refuse the identity.
    #[default]
    Refuse,
    /// Take it, and tell the app (`IdentityNoLongerAnonymous`).
    Warn,
}

/// Settings of an SDK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SdkSettings {
    /// Whether an identity with user data is refused at its enrolment.
    pub anonymity: AnonymityPolicy,
}
