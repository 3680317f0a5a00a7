//! Whom TLS trusts, and what is said of a server that it does not trust.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore, SupportedProtocolVersion};
use rustls_platform_verifier::Verifier;
use vestibule_ports::Clock;

use crate::ca_certificates::CaCertificates;
use crate::http::HttpFault;
use crate::spki_pin::{NotPinned, PinningVerifier, SpkiPin};

/// The versions of TLS that are spoken (RFC 8446, RFC 5246); never an older one.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
/// What is spoken over TLS (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

const UNFIT_PROVIDER: HttpFault = HttpFault::NotSent("the TLS provider of this process speaks neither TLS 1.2 nor 1.3");

/// Which CAs may vouch for a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerTrust {
    /// Those of this system. On Linux the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` move them, as for other programs.
    #[default]
    System,
    /// Those of this system, and these. A system that has none does not matter then.
    SystemAnd(CaCertificates),
    /// These alone; the system's are not read.
    Only(CaCertificates),
}

/// TLS for these settings. It reads the system's CA certificates, which takes milliseconds.
pub(crate) fn tls(trust: &ServerTrust, pins: &[SpkiPin], clock: Arc<dyn Clock>) -> Result<ClientConfig, HttpFault> {
    let provider = provider();
    let verifier = verifier(trust, Arc::clone(&provider))?;
    let verifier = if pins.is_empty() {
        verifier
    } else {
        Arc::new(PinningVerifier::new(verifier, pins.to_vec()))
    };
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(DeviceTime(clock)))
        .with_protocol_versions(&VERSIONS)
        .map_err(|_| UNFIT_PROVIDER)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(config)
}

/// TLS that trusts nobody, for a client that never speaks it.
pub(crate) fn tls_of_nobody() -> Result<ClientConfig, HttpFault> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&VERSIONS)
        .map_err(|_| UNFIT_PROVIDER)?;
    Ok(config
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// What is wrong with a server, in words of ours.
pub(crate) fn why_untrusted(error: &Error) -> &'static str {
    let Error::InvalidCertificate(flaw) = error else {
        return "the server did not prove who it is over TLS 1.2 or 1.3";
    };
    match flaw {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired, or this device's clock is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or this device's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host"
        }
        // A CA of the same name, but not the one that signed.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no CA that is trusted here has signed the server's certificate"
        }
        CertificateError::Other(other) if other.0.is::<NotPinned>() => "the server's key is none of the pinned ones",
        _ => "the server's certificate is not trusted",
    }
}

/// The one that the host has installed for its process, else aws-lc: what reqwest would take.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()))
}

fn verifier(trust: &ServerTrust, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, HttpFault> {
    match trust {
        ServerTrust::System => Verifier::new(provider)
            .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
            .map_err(|_| HttpFault::NoCertificateStore),
        ServerTrust::SystemAnd(added) => system_and(added, provider),
        ServerTrust::Only(these) => {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(these.iter());
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
                .map_err(|_| HttpFault::NoCertificateStore)
        }
    }
}

#[cfg(not(target_os = "android"))]
fn system_and(added: &CaCertificates, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, HttpFault> {
    Verifier::new_with_extra_roots(added.iter(), provider)
        .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
        .map_err(|_| HttpFault::NoCertificateStore)
}

/// Android's own verifier takes no more CAs: there they are added in the app's network security configuration.
#[cfg(target_os = "android")]
fn system_and(_: &CaCertificates, _: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, HttpFault> {
    Err(HttpFault::NoCertificateStore)
}

/// The date by which certificates are judged: the device's own.
struct DeviceTime(Arc<dyn Clock>);

impl TimeProvider for DeviceTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since = u64::try_from(self.0.wall().unix_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since)))
    }
}

impl fmt::Debug for DeviceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceTime")
    }
}
