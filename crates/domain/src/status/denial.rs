//! To what the IdP said no.

/// To what the IdP, or the rules for shared tokens, said no.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// The IdP does not know the client, or has disabled it.
    ClientUnknown,
    /// The flow wants a person.
    InteractionRequired,
    /// The IdP refused this device.
    Refused,
    /// The audience was not granted at enrolment.
    AudienceNotGranted,
    /// The audience is not among the configured ones, or the IdP refuses it to this client.
    AudienceRefused,
    /// The token is opaque, so that nothing about it can be proven.
    TokenUnverifiable,
    /// The token is bound to this device's key, so that a third party cannot use it.
    TokenBoundToDevice,
}

impl Denial {
    /// What happened, as part of the cause's sentence.
    pub(super) const fn text(&self) -> &'static str {
        match self {
            Self::ClientUnknown => "the IdP does not know this client",
            Self::InteractionRequired => "the IdP's flow wants a person",
            Self::Refused => "the IdP refused this device",
            Self::AudienceNotGranted => "audience not granted",
            Self::AudienceRefused => "audience refused",
            Self::TokenUnverifiable => "token unverifiable: it is opaque",
            Self::TokenBoundToDevice => "token bound to this device",
        }
    }

    /// What to do.
    pub(super) const fn advice(&self) -> &'static str {
        match self {
            Self::ClientUnknown => "Check the client id at the IdP.",
            Self::InteractionRequired => {
                "Bind the Device enrollment flow to this client at the IdP, and disable required actions such as VERIFY_PROFILE."
            }
            Self::Refused => "Ask the operator of the IdP.",
            Self::AudienceNotGranted => "Assign the audience's scope to the client at the IdP, then enrol again.",
            Self::AudienceRefused => "Name the audience in the settings, and its scope at the IdP.",
            Self::TokenUnverifiable => "Let the IdP issue JWT access tokens, or mark the audience as opaque.",
            Self::TokenBoundToDevice => {
                "Bind only refresh tokens at the IdP (Keycloak: client policy executor dpop-bind-enforcer with allow-only-refresh-token-binding)."
            }
        }
    }
}
