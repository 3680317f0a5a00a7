//! OpenID Connect adapter of Vestibule: headless enrolment, refresh and revocation over reqwest.
//!
//! [`OidcIdentityProvider`] is an [`IdentityProvider`](vestibule_ports::IdentityProvider) for any OpenID provider whose
//! flow makes a user without a person: Keycloak with the *Device enrollment* authenticator, and servers like it. The
//! protocol engine (huskarl) and the HTTP client (reqwest) stay behind it; neither is visible from outside.
//!
//! ```
//! use vestibule_adapters_idp::{AudienceSettings, OidcSettings};
//! use vestibule_domain::identifiers::Audience;
//!
//! # fn main() -> Result<(), vestibule_domain::identifiers::InvalidParameter> {
//! let settings = OidcSettings::new("https://idp.example/realms/{tenant}")
//!     .with_audience(AudienceSettings::new(Audience::parse("orders")?, "aud:orders"));
//! # Ok(())
//! # }
//! ```

mod audience_settings;
mod authorization_request;
mod authorization_walk;
mod ca_certificates;
mod conversation;
mod cookies;
mod deadline;
mod discovery;
mod dpop_key;
mod engine_wire;
mod enrolment;
mod extra_headers;
mod grant_contents;
mod http;
mod id_token;
mod issuer_template;
mod key_set;
mod known_issuers;
mod oauth_refusal;
mod oidc_identity_provider;
mod oidc_settings;
mod pushed_request;
mod redirects;
mod renewal;
mod revocation;
mod server_time;
mod server_trust;
mod signed_token;
mod spki_pin;
mod strict_json;
mod token_answer;
mod token_request;
mod typed_claims;
mod verified_answer;

/// Every default and limit of this adapter; each is defined in the file of its rule.
pub mod limits {
    pub use crate::audience_settings::MAX_AUDIENCES;
    pub use crate::cookies::MAX_COOKIES;
    pub use crate::deadline::{FLOW_TIMEOUT, RENEWAL_TIMEOUT};
    pub use crate::discovery::METADATA_LIFE_S;
    pub use crate::extra_headers::{MAX_EXTRA_HEADER_BYTES, MAX_EXTRA_HEADERS};
    pub use crate::grant_contents::FORMAT;
    pub use crate::http::{
        CONNECT_TIMEOUT, LONGEST_WAIT, MAX_BODY_BYTES, MAX_HEADER_FIELDS, REQUEST_TIMEOUT, TOKEN_TIMEOUT,
    };
    pub use crate::id_token::DEFAULT_LEEWAY;
    pub use crate::issuer_template::MAX_TEMPLATE_BYTES;
    pub use crate::key_set::{MAX_JWKS_BYTES, MAX_KEYS, MAX_RSA_BITS, MIN_RSA_BITS};
    pub use crate::known_issuers::KEYS_REFETCH_INTERVAL;
    pub use crate::oauth_refusal::MAX_HINT_CHARACTERS;
    pub use crate::oidc_settings::MAX_LEEWAY;
    pub use crate::redirects::{MAX_CODE_BYTES, MAX_HOPS, MAX_LOCATION_BYTES};
    pub use crate::server_time::WORTH_REPEATING_MS;
    pub use crate::signed_token::MAX_TOKEN_BYTES;
    pub use crate::token_answer::MAX_REFRESH_TOKEN_BYTES;
}

pub use audience_settings::AudienceSettings;
pub use ca_certificates::{CaCertificates, InvalidCertificates};
pub use extra_headers::{ExtraHeaders, InvalidHeader};
pub use id_token::{DEVICE_KEY_CLAIM, DEVICE_USER_CLAIM};
pub use issuer_template::TENANT_PLACEHOLDER;
pub use oidc_identity_provider::OidcIdentityProvider;
pub use oidc_settings::{DEFAULT_REDIRECT_URI, DeviceProof, InvalidSetting, OidcSettings};
pub use server_trust::ServerTrust;
