//! Why an IdP did not do it, and how far it got.

use core::time::Duration;

use vestibule_domain::enrolment::Effect;
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::rotation::{Answer, Reenrolled};
use vestibule_domain::status::{Cause, Certainty, Denial, Hint, Untrusted};

/// Why an IdP did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdpError {
    /// The request does not fit this adapter; certainly not done.
    #[error("{0}")]
    InvalidRequest(InvalidParameter),
    /// The audience is not among the configured ones, or its scope is refused; certainly not done.
    #[error("audience refused{0}")]
    AudienceRefused(Hint),
    /// Certainly not sent.
    #[error("not reachable{0}")]
    Unreachable(Hint),
    /// The server asks to wait; certainly not done.
    #[error("the server asks to wait")]
    RateLimited {
        /// How long.
        retry_after: Option<Duration>,
    },
    /// The interrupt was obeyed; no code was redeemed. A user may exist when the redirects had begun (`begun`).
    #[error("interrupted")]
    Interrupted {
        /// Whether the authorization endpoint had been asked.
        begun: bool,
    },
    /// TLS could not prove the server; certainly not done.
    #[error("untrusted server{0}")]
    UntrustedServer(Hint),
    /// Metadata or the record's binding break a rule; nothing was sent of the record.
    #[error("{0}")]
    Misconfigured(Untrusted),
    /// The device's clock is wrong; certainly not done.
    #[error("the clock is wrong")]
    ClockSkewed {
        /// Milliseconds ahead of the server (negative: behind), if known.
        ahead_ms: Option<i64>,
    },
    /// Refused before a code was given.
    #[error("denied: {denial:?}{hint}")]
    Denied {
        /// To what.
        denial: Denial,
        /// The server's words.
        hint: Hint,
    },
    /// Another error at the authorization endpoint, before a code was given.
    #[error("no authorization code{0}")]
    AuthorizationRefused(Hint),
    /// The code was refused.
    #[error("the code was refused{0}")]
    CodeRefused(Hint),
    /// `invalid_grant`, and not because of the proof.
    #[error("the grant was refused{0}")]
    GrantRefused(Hint),
    /// Refused because of the proof, even after a correction.
    #[error("the proof was refused{0}")]
    ProofRefused(Hint),
    /// Another OAuth error at the token endpoint.
    #[error("the refresh was refused{0}")]
    RefreshRefused(Hint),
    /// It may have been done; the answer was lost.
    #[error("the answer was lost{0}")]
    AnswerLost(Hint),
    /// An answer breaks a rule and brought no grant; it may have been done.
    #[error("untrusted response: {0}")]
    UntrustedResponse(Untrusted),
}

impl IdpError {
    /// How far an enrolment got.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::InvalidRequest(_)
            | Self::AudienceRefused(_)
            | Self::Unreachable(_)
            | Self::RateLimited { .. }
            | Self::Interrupted { begun: false }
            | Self::UntrustedServer(_)
            | Self::Misconfigured(_) => Effect::NotDone,
            Self::Denied { .. } | Self::AuthorizationRefused(_) | Self::ClockSkewed { .. } => Effect::RefusedBeforeCode,
            Self::CodeRefused(_) | Self::GrantRefused(_) | Self::ProofRefused(_) | Self::RefreshRefused(_) => {
                Effect::RefusedAfterCode
            }
            Self::AnswerLost(_) | Self::UntrustedResponse(_) | Self::Interrupted { begun: true } => Effect::Unclear,
        }
    }

    /// The answer to an enrolment with the key of a user that stands. A matter of key or clock is no refusal of the user.
    #[must_use]
    pub const fn reenrolled(&self) -> Reenrolled {
        match self {
            Self::ClockSkewed { .. }
            | Self::ProofRefused(_)
            | Self::InvalidRequest(_)
            | Self::AudienceRefused(_)
            | Self::Unreachable(_)
            | Self::RateLimited { .. }
            | Self::Interrupted { .. }
            | Self::UntrustedServer(_)
            | Self::Misconfigured(_)
            | Self::AnswerLost(_)
            | Self::UntrustedResponse(_) => Reenrolled::NotSentOrUnclear,
            Self::Denied { .. }
            | Self::AuthorizationRefused(_)
            | Self::CodeRefused(_)
            | Self::GrantRefused(_)
            | Self::RefreshRefused(_) => Reenrolled::Refused,
        }
    }

    /// The answer to a refresh, as the rotation sees it.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match self {
            Self::InvalidRequest(_)
            | Self::AudienceRefused(_)
            | Self::Unreachable(_)
            | Self::RateLimited { .. }
            | Self::Interrupted { .. }
            | Self::UntrustedServer(_)
            | Self::Misconfigured(_) => Answer::NotSent,
            Self::ClockSkewed { .. } | Self::ProofRefused(_) => Answer::ProofRefused,
            Self::GrantRefused(_) => Answer::GrantRefused,
            Self::Denied { .. } | Self::AuthorizationRefused(_) | Self::CodeRefused(_) | Self::RefreshRefused(_) => {
                Answer::OtherRefusal
            }
            Self::AnswerLost(_) | Self::UntrustedResponse(_) => Answer::Unclear,
        }
    }
}

impl From<IdpError> for Cause {
    fn from(error: IdpError) -> Self {
        match error {
            IdpError::InvalidRequest(parameter) => Self::InvalidParameter(parameter),
            IdpError::AudienceRefused(hint) => Self::AccessDenied {
                denial: Denial::AudienceRefused,
                hint,
            },
            IdpError::Unreachable(hint) => Self::NotReachable {
                certainty: Certainty::NotDone,
                hint,
            },
            IdpError::RateLimited { retry_after } => Self::RateLimited { retry_after },
            IdpError::Interrupted { begun } => Self::Interrupted {
                certainty: if begun {
                    Certainty::MayBeDone
                } else {
                    Certainty::NotDone
                },
            },
            IdpError::UntrustedServer(hint) => Self::UntrustedServer { hint },
            IdpError::ClockSkewed { ahead_ms } => Self::ClockSkewed { ahead_ms },
            IdpError::Denied { denial, hint } => Self::AccessDenied { denial, hint },
            IdpError::AuthorizationRefused(hint) => Self::AuthorizationRefused { hint },
            IdpError::CodeRefused(hint) => Self::CodeRefused { hint },
            IdpError::GrantRefused(_) => Self::Outdated(vestibule_domain::record::OutdatedCause::Refused),
            IdpError::ProofRefused(hint) | IdpError::RefreshRefused(hint) => Self::RefreshRefused { hint },
            IdpError::AnswerLost(hint) => Self::NotReachable {
                certainty: Certainty::MayBeDone,
                hint,
            },
            IdpError::Misconfigured(why) | IdpError::UntrustedResponse(why) => Self::UntrustedResponse(why),
        }
    }
}
