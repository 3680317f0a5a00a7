//! What the environment of a process says of CA certificates and proxies. Each test runs in a process of its own.

use std::process::Command;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use vestibule_adapters_idp::ServerTrust;
use vestibule_domain::status::Untrusted;
use vestibule_ports::IdpError;

use crate::device::{Device, settings};
use crate::stub_server::StubServer;
use crate::tls_server::{Ca, Seen, TlsServer};

const HOST: &str = "127.0.0.1";
/// Tells a process that it is the one that a test has started.
const IS_CHILD: &str = "VESTIBULE_TEST_IS_CHILD";

/// Runs a test of this file in a process with these variables.
fn in_a_process(test: &str, variables: &[(&str, &str)], body: impl Future<Output = ()>) {
    if std::env::var_os(IS_CHILD).is_some() {
        return Runtime::new().unwrap().block_on(body);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("system_store::{test}")])
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .env(IS_CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn enroll(server: &TlsServer, trust: ServerTrust) -> IdpError {
    let settings = settings(&server.issuer_template()).with_server_trust(trust);
    Device::new(settings, "acme", 1).enroll().await.unwrap_err()
}

#[test]
fn a_ca_is_added_to_those_of_the_system_or_replaces_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.pem").display().to_string();
    let name = "a_ca_is_added_to_those_of_the_system_or_replaces_them";
    in_a_process(name, &[("SSL_CERT_FILE", &file)], async {
        let (system, ours) = (Ca::new(), Ca::new());
        // In this process the variable leads into the other one's folder: it is there to be filled.
        std::fs::write(std::env::var("SSL_CERT_FILE").unwrap(), system.pem()).unwrap();
        // Who is trusted: does that accept a server of the system's CA, and one of ours?
        let table = [
            (ServerTrust::System, true, false),
            (ServerTrust::SystemAnd(ours.certificates()), true, true),
            (ServerTrust::Only(ours.certificates()), false, true),
        ];
        for (trust, systems, of_ours) in table {
            for (ca, accepted) in [(&system, systems), (&ours, of_ours)] {
                let mut server = TlsServer::start(ca.sign(HOST)).await;
                let error = enroll(&server, trust.clone()).await;
                let is_asked = matches!(error, IdpError::Misconfigured(Untrusted::Metadata(_)));
                assert_eq!(is_asked, accepted, "{trust:?}: {error:?}");
                assert_eq!(matches!(server.next().await, Seen::Request(_)), accepted, "{trust:?}");
            }
        }
    });
}

#[test]
fn a_system_without_ca_certificates_is_told_with_its_cure_and_heals_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent").display().to_string();
    let name = "a_system_without_ca_certificates_is_told_with_its_cure_and_heals_without_a_restart";
    in_a_process(name, &[("SSL_CERT_FILE", &absent)], async {
        let ours = Ca::new();
        let mut server = TlsServer::start(ours.sign(HOST)).await;
        let device = Device::new(settings(&server.issuer_template()), "acme", 1);
        let error = device.enroll().await.unwrap_err();
        let IdpError::UntrustedServer(hint) = &error else {
            panic!("{error:?}");
        };
        for words in [
            "this system has no CA certificates",
            "ca-certificates",
            "a CA of your own",
        ] {
            assert!(hint.as_str().contains(words), "{hint:?}");
        }
        // Nobody was connected to: the next connection is that of a device with a CA of its own, which needs no other.
        for trust in [
            ServerTrust::SystemAnd(ours.certificates()),
            ServerTrust::Only(ours.certificates()),
        ] {
            let error = enroll(&server, trust).await;
            assert!(matches!(error, IdpError::Misconfigured(_)), "{error:?}");
            assert!(matches!(server.next().await, Seen::Request(_)));
        }
        // Plain http to a loopback address needs no certificates at all.
        let stub = StubServer::start().await;
        let plain = Device::new(settings(&stub.issuer_template()), "acme", 1);
        plain.enroll().await.unwrap_err();
        assert_eq!(stub.count("/acme/.well-known/openid-configuration"), 1);
        std::fs::write(std::env::var("SSL_CERT_FILE").unwrap(), ours.pem()).unwrap();
        let error = device.enroll().await.unwrap_err();
        assert!(matches!(error, IdpError::Misconfigured(_)), "{error:?}");
    });
}

#[test]
fn a_proxy_of_the_environment_is_never_asked() {
    let listener = std::net::TcpListener::bind((HOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let variables = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let variables = variables.map(|name| (name, proxy.as_str()));
    in_a_process("a_proxy_of_the_environment_is_never_asked", &variables, async {
        let ours = Ca::new();
        let mut server = TlsServer::start(ours.sign(HOST)).await;
        let error = enroll(&server, ServerTrust::Only(ours.certificates())).await;
        assert!(matches!(error, IdpError::Misconfigured(_)), "{error:?}");
        assert!(matches!(server.next().await, Seen::Request(_)));
        let stub = StubServer::start().await;
        let plain = Device::new(settings(&stub.issuer_template()), "acme", 1);
        plain.enroll().await.unwrap_err();
        assert_eq!(stub.count("/acme/.well-known/openid-configuration"), 1);
    });
    if std::env::var_os(IS_CHILD).is_none() {
        let asked = listener.accept().map(|_| ());
        assert_eq!(asked.map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_is_named() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ours = Ca::new();
    let server = TlsServer::start(ours.sign(HOST)).await;
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let refusing = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.read_u8().await.unwrap();
        client.write_all(b"HTTP/1.1 407 X\r\n\r\n").await.unwrap();
        client.read_to_end(&mut Vec::new()).await.ok();
    });
    let settings = settings(&server.issuer_template())
        .with_server_trust(ServerTrust::Only(ours.certificates()))
        .with_proxy(proxy);
    let device = Device::new(settings, "acme", 1);
    for row in ["it refuses", "it is gone"] {
        let IdpError::Unreachable(hint) = device.enroll().await.unwrap_err() else {
            panic!("{row}");
        };
        assert_eq!(hint.as_str(), "the server cannot be reached through the proxy", "{row}");
        refusing.abort();
    }
}

#[tokio::test]
async fn a_proxy_that_was_asked_for_tunnels_tls_and_sees_nothing_of_it() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ours = Ca::new();
    let mut server = TlsServer::start(ours.sign(HOST)).await;
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let target = format!("{HOST}:{}", server.port);
    let seen = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        client.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.unwrap();
        let mut upstream = tokio::net::TcpStream::connect(target).await.unwrap();
        tokio::io::copy_bidirectional(&mut client, &mut upstream).await.ok();
        drop(listener);
        String::from_utf8(head).unwrap()
    });
    let headers = vestibule_adapters_idp::ExtraHeaders::kobil("canary-id", "canary-data").unwrap();
    let settings = settings(&server.issuer_template())
        .with_server_trust(ServerTrust::Only(ours.certificates()))
        .with_extra_headers(headers)
        .with_proxy(&proxy);
    let error = Device::new(settings, "acme", 1).enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::Misconfigured(_)), "{error:?}");
    let Seen::Request(head) = server.next().await else {
        panic!("no request came through the tunnel");
    };
    assert!(head.contains("canary-id") && head.contains("canary-data"), "{head}");
    let connect = seen.await.unwrap();
    assert!(
        connect.starts_with(&format!("CONNECT {HOST}:{} ", server.port)),
        "{connect}"
    );
    assert!(!connect.contains("canary") && !connect.contains("acme"), "{connect}");

    // Its listener is gone by now: whoever asked it would fail.
    let stub = StubServer::start().await;
    let plain = crate::device::settings(&stub.issuer_template()).with_proxy(proxy);
    Device::new(plain, "acme", 1).enroll().await.unwrap_err();
    assert_eq!(stub.count("/acme/.well-known/openid-configuration"), 1);
}
