//! Every error of the IdP port.

use vestibule::identifiers::InvalidParameter;
use vestibule::ports::IdpError;
use vestibule::status::{Denial, Hint, Untrusted};

/// Every variant, by name; the interrupt both before and behind the authorization request.
pub(crate) fn all() -> [(&'static str, IdpError); 17] {
    let hint = Hint::default;
    let parameter = InvalidParameter {
        field: "planned",
        why: "planned",
    };
    [
        ("InvalidRequest", IdpError::InvalidRequest(parameter)),
        ("AudienceRefused", IdpError::AudienceRefused(hint())),
        ("Unreachable", IdpError::Unreachable(hint())),
        ("RateLimited", IdpError::RateLimited { retry_after: None }),
        ("Interrupted early", IdpError::Interrupted { begun: false }),
        ("Interrupted late", IdpError::Interrupted { begun: true }),
        ("UntrustedServer", IdpError::UntrustedServer(hint())),
        ("Misconfigured", IdpError::Misconfigured(Untrusted::IssuerChanged)),
        ("ClockSkewed", IdpError::ClockSkewed { ahead_ms: None }),
        (
            "Denied",
            IdpError::Denied {
                denial: Denial::Refused,
                hint: hint(),
            },
        ),
        ("AuthorizationRefused", IdpError::AuthorizationRefused(hint())),
        ("CodeRefused", IdpError::CodeRefused(hint())),
        ("GrantRefused", IdpError::GrantRefused(hint())),
        ("ProofRefused", IdpError::ProofRefused(hint())),
        ("RefreshRefused", IdpError::RefreshRefused(hint())),
        ("AnswerLost", IdpError::AnswerLost(hint())),
        (
            "UntrustedResponse",
            IdpError::UntrustedResponse(Untrusted::TokenAnswer("planned")),
        ),
    ]
}

/// The error of this name.
pub(crate) fn named(name: &str) -> IdpError {
    let found = all().into_iter().find(|(of, _)| *of == name);
    found.unwrap_or_else(|| panic!("no error is called {name}")).1
}
