//! Servers that TLS cannot prove.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use vestibule_ports::IdpError;

use crate::device::{Device, settings};

/// A TLS server whose certificate no CA has signed.
async fn self_signed() -> u16 {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            // The client refuses the handshake: that is what this is for.
            acceptor.accept(stream).await.ok();
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_an_untrusted_server() {
    let port = self_signed().await;
    let device = Device::new(settings(&format!("https://127.0.0.1:{port}/{{tenant}}")), "acme", 1);
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::UntrustedServer(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_an_untrusted_server() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
            // Until the client has had enough of it.
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
    });
    let device = Device::new(settings(&format!("https://127.0.0.1:{port}/{{tenant}}")), "acme", 1);
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::UntrustedServer(_)), "{error:?}");
}
