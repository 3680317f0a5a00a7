//! A server over TLS with whatever certificate a test wants, and the CA that signs it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use vestibule_adapters_idp::CaCertificates;

/// A CA of its own.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// What a server proves itself by.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        let body = STANDARD.encode(self.0.der());
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    pub(crate) fn certificates(&self) -> CaCertificates {
        CaCertificates::parse(self.0.der()).unwrap()
    }

    /// A certificate for this host.
    pub(crate) fn sign(&self, host: &str) -> Identity {
        self.sign_with(host, |_| ())
    }

    pub(crate) fn sign_with(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut parameters = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity {
            chain: vec![certificate.der().clone(), self.0.der().clone()],
            key,
        }
    }

    /// The pin of this CA's own key.
    pub(crate) fn pin(&self) -> String {
        pin(self.0.key())
    }
}

impl Identity {
    /// Signed by nobody but itself.
    pub(crate) fn self_signed(host: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
        Self {
            chain: vec![made.cert.der().clone()],
            key: made.signing_key,
        }
    }

    /// The pin of the server's key.
    pub(crate) fn pin(&self) -> String {
        pin(&self.key)
    }
}

/// What came of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The client broke the handshake off: no byte of HTTP.
    NoHandshake,
    /// What it sent in the tunnel, to the end of the head.
    Request(String),
}

/// A server that answers every request with 404.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl TlsServer {
    pub(crate) async fn start(identity: Identity) -> Self {
        let acceptor = acceptor(identity);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let what = match acceptor.accept(stream).await {
                    Ok(mut tunnel) => {
                        let head = read_head(&mut tunnel).await;
                        let answer = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n";
                        tunnel.write_all(answer).await.ok();
                        tunnel.shutdown().await.ok();
                        Seen::Request(head)
                    }
                    Err(_) => Seen::NoHandshake,
                };
                tell.send(what).ok();
            }
        });
        Self { port, seen }
    }

    pub(crate) fn issuer_template(&self) -> String {
        format!("https://127.0.0.1:{}/{{tenant}}", self.port)
    }

    /// What came of the next connection.
    pub(crate) async fn next(&mut self) -> Seen {
        self.seen.recv().await.unwrap()
    }
}

/// What ends the TLS of a server with this certificate.
pub(crate) fn acceptor(identity: Identity) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn read_head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn pin(key: &KeyPair) -> String {
    use rcgen::PublicKeyData as _;
    use sha2::Digest as _;
    STANDARD.encode(sha2::Sha256::digest(key.subject_public_key_info()))
}
