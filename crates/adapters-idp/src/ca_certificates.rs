//! CA certificates that a host brings along, read once and whole: one that cannot be used spoils the bundle, by number.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _, SectionKind};

/// What every block of a PEM file begins with (RFC 7468, section 2).
const PEM_BEGINNING: &[u8] = b"-----BEGIN ";

/// One or more CA certificates, each of which can be used.
#[derive(Clone, PartialEq, Eq)]
pub struct CaCertificates(Vec<CertificateDer<'static>>);

/// Why CA certificates cannot be used. Certificates are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificates {
    /// There is none.
    #[error("holds no certificate")]
    Empty,
    /// One of them cannot be read.
    #[error("certificate {number} {why}")]
    Unreadable {
        /// Which one.
        number: usize,
        /// What is wrong with it, as the rest of a sentence.
        why: &'static str,
    },
    /// Something else lies among them, a private key for example.
    #[error("entry {number} is no certificate (a private key does not belong here)")]
    NotACertificate {
        /// Which entry.
        number: usize,
    },
}

impl CaCertificates {
    /// Reads a PEM bundle (RFC 7468) or one certificate in DER.
    ///
    /// # Errors
    /// [`InvalidCertificates`] says which certificate of the bundle is bad, or that there is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidCertificates> {
        if bytes.trim_ascii().is_empty() {
            return Err(InvalidCertificates::Empty);
        }
        let all = if bytes.windows(PEM_BEGINNING.len()).any(|part| part == PEM_BEGINNING) {
            from_pem(bytes)?
        } else {
            vec![CertificateDer::from(bytes.to_vec())]
        };
        if all.is_empty() {
            return Err(InvalidCertificates::Empty);
        }
        let mut store = RootCertStore::empty();
        for (before, certificate) in all.iter().enumerate() {
            let unreadable = |_| InvalidCertificates::Unreadable {
                number: before + 1,
                why: "is no X.509 certificate in PEM or DER",
            };
            store.add(certificate.clone()).map_err(unreadable)?;
        }
        Ok(Self(all))
    }

    /// Each certificate in DER.
    pub(crate) fn iter(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        self.0.iter().cloned()
    }
}

impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificates({})", self.0.len())
    }
}

fn from_pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidCertificates> {
    let entries = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes);
    let read = |(before, entry): (usize, Result<(SectionKind, Vec<u8>), PemError>)| {
        let number = before + 1;
        match entry {
            Ok((SectionKind::Certificate, der)) => Ok(CertificateDer::from(der)),
            Ok(_) => Err(InvalidCertificates::NotACertificate { number }),
            Err(error) => Err(InvalidCertificates::Unreadable {
                number,
                why: flaw(&error),
            }),
        }
    };
    entries.enumerate().map(read).collect()
}

/// Never what the file holds: it may be a key that was put there by mistake.
const fn flaw(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "has no end",
        PemError::IllegalSectionStart { .. } => "has no proper beginning",
        PemError::Base64Decode(_) => "is no base64",
        _ => "cannot be read as PEM",
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn pem(certificate: &rcgen::Certificate) -> String {
        block("CERTIFICATE", &STANDARD.encode(certificate.der()))
    }

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    fn certificate() -> rcgen::Certificate {
        rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()])
            .unwrap()
            .cert
    }

    #[test]
    fn a_bundle_is_read_whole_from_pem_or_one_certificate_from_der() {
        let (one, two) = (certificate(), certificate());
        let bundle = format!("# a comment\r\n{}\n# and another\n{}", pem(&one), pem(&two));
        let read = CaCertificates::parse(bundle.as_bytes()).unwrap();
        assert_eq!(read.0, [one.der().clone(), two.der().clone()]);
        assert_eq!(CaCertificates::parse(one.der()).unwrap().0, [one.der().clone()]);
    }

    #[test]
    fn the_certificate_that_spoils_a_bundle_is_named_and_nothing_of_it_is_shown() {
        let good = pem(&certificate());
        let canary = "c2VjcmV0LWNhbmFyeQ==";
        let unreadable = |number, why| InvalidCertificates::Unreadable { number, why };
        let table = [
            (String::new(), InvalidCertificates::Empty),
            (" \n".into(), InvalidCertificates::Empty),
            (block("SOMETHING ELSE", canary), InvalidCertificates::Empty),
            (
                "no certificate".into(),
                unreadable(1, "is no X.509 certificate in PEM or DER"),
            ),
            (
                format!("{good}{}", block("CERTIFICATE", canary)),
                unreadable(2, "is no X.509 certificate in PEM or DER"),
            ),
            (
                format!("{good}{good}{}{good}", block("CERTIFICATE", "%%%")),
                unreadable(3, "is no base64"),
            ),
            (
                format!("{good}-----BEGIN CERTIFICATE-----\n{canary}\n"),
                unreadable(2, "has no end"),
            ),
            (
                format!("-----BEGIN CERTIFICATE---\n{canary}\n"),
                unreadable(1, "has no proper beginning"),
            ),
            (
                format!("{good}{}", block("PRIVATE KEY", canary)),
                InvalidCertificates::NotACertificate { number: 2 },
            ),
        ];
        for (text, expected) in table {
            let error = CaCertificates::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!format!("{error} {error:?}").contains(canary));
        }
        let der = certificate().der().to_vec();
        let with_a_tail = [der.as_slice(), b"x"].concat();
        assert!(CaCertificates::parse(&with_a_tail).is_err());
        assert!(CaCertificates::parse(&der[..der.len() - 1]).is_err());
    }
}
