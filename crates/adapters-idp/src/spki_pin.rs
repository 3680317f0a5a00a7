//! Pins of a server's key (RFC 7469, section 2.4), checked after everything else about its certificate: a pin never
//! replaces a CA. Only the server's own key is pinned. What else a server sends along proves nothing, since anybody may
//! send the certificate of a pinned CA along; to trust one CA alone, set it instead of the system's.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use sha2::{Digest as _, Sha256};

use crate::oidc_settings::InvalidSetting;

/// Bytes of a pin: a SHA-256 hash.
const PIN_BYTES: usize = 32;

/// SHA-256 of a key as it stands in a certificate (`SubjectPublicKeyInfo` in DER).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpkiPin([u8; PIN_BYTES]);

/// The server's key is none of the pinned ones, though its certificate is in order.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the server's key is none of the pinned ones")]
pub(crate) struct NotPinned;

impl SpkiPin {
    /// Reads base64 (RFC 4648, section 4), with its padding.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let bytes = STANDARD.decode(text).ok();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok());
        hash.map(Self).ok_or(InvalidSetting {
            setting: "spki_pins",
            why: "holds one that is not a SHA-256 hash in base64",
        })
    }

    fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        Ok(Self(Sha256::digest(key.as_ref()).into()))
    }
}

/// A verifier that asks another one first, and then for a pinned key.
#[derive(Debug)]
pub(crate) struct PinningVerifier {
    first: Arc<dyn ServerCertVerifier>,
    pins: Vec<SpkiPin>,
}

impl PinningVerifier {
    pub(crate) const fn new(first: Arc<dyn ServerCertVerifier>, pins: Vec<SpkiPin>) -> Self {
        Self { first, pins }
    }
}

impl ServerCertVerifier for PinningVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .first
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if self.pins.contains(&SpkiPin::of(end_entity)?) {
            Ok(verified)
        } else {
            let why = CertificateError::Other(OtherError(Arc::new(NotPinned)));
            Err(Error::InvalidCertificate(why))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.first.root_hint_subjects()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_sha_256_hash_in_base64_and_nothing_else() {
        let whole = STANDARD.encode([7; PIN_BYTES]);
        assert_eq!(SpkiPin::parse(&whole), Ok(SpkiPin([7; PIN_BYTES])));
        let table = [
            String::new(),
            STANDARD.encode([7; PIN_BYTES - 1]),
            STANDARD.encode([7; PIN_BYTES + 1]),
            whole.trim_end_matches('=').into(),
            format!("sha256/{whole}"),
            format!("{whole} "),
            "07".repeat(PIN_BYTES),
        ];
        for text in table {
            assert_eq!(
                SpkiPin::parse(&text).map_err(|error| error.setting),
                Err("spki_pins"),
                "{text}"
            );
        }
    }
}
