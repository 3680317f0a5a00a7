//! Servers that TLS cannot prove: nothing of HTTP reaches them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vestibule_adapters_idp::{OidcSettings, ServerTrust};
use vestibule_ports::IdpError;

use crate::clock::DeviceClock;
use crate::device::{Device, settings};
use crate::tls_server::{Ca, Identity, Seen, TlsServer};

const HOST: &str = "127.0.0.1";
const UNKNOWN_CA: &str = "no CA that is trusted here has signed the server's certificate";
const WRONG_KEY: &str = "the server's key is none of the pinned ones";
const EXPIRED: &str = "the server's certificate has expired, or this device's clock is wrong";
const NOT_YET: &str = "the server's certificate is not valid yet, or this device's clock is wrong";
const OTHER_HOST: &str = "the server's certificate is for another host";
/// Seconds of a day.
const DAY_S: i64 = 24 * 60 * 60;

/// Asserts that a server is asked, or why it is not, and then not with a single byte of HTTP.
async fn assert_asked_or_refused(server: &mut TlsServer, device: &Device, refused: Option<&str>, row: &str) {
    let error = device.enroll().await.unwrap_err();
    let why = match &error {
        IdpError::UntrustedServer(hint) => Some(hint.as_str()),
        _ => None,
    };
    assert_eq!(why, refused, "{row}: {error:?}");
    match (refused, server.next().await) {
        (Some(_), seen) => assert_eq!(seen, Seen::NoHandshake, "{row}"),
        (None, seen) => {
            let is_asked = matches!(&seen, Seen::Request(head) if head.starts_with("GET /acme/.well-known/"));
            assert!(is_asked, "{row}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_server_is_asked_only_when_a_trusted_ca_has_signed_its_certificate() {
    let (ours, other) = (Ca::new(), Ca::new());
    let table = [
        ("the system's", ServerTrust::System, Some(UNKNOWN_CA)),
        ("added", ServerTrust::SystemAnd(ours.certificates()), None),
        ("alone", ServerTrust::Only(ours.certificates()), None),
        (
            "another one added",
            ServerTrust::SystemAnd(other.certificates()),
            Some(UNKNOWN_CA),
        ),
        (
            "another one alone",
            ServerTrust::Only(other.certificates()),
            Some(UNKNOWN_CA),
        ),
    ];
    for (row, trust, refused) in table {
        let mut server = TlsServer::start(ours.sign(HOST)).await;
        let device = Device::new(settings(&server.issuer_template()).with_server_trust(trust), "acme", 1);
        assert_asked_or_refused(&mut server, &device, refused, row).await;
    }
    let mut server = TlsServer::start(Identity::self_signed(HOST)).await;
    let trust = ServerTrust::Only(ours.certificates());
    let device = Device::new(settings(&server.issuer_template()).with_server_trust(trust), "acme", 1);
    assert_asked_or_refused(&mut server, &device, Some(UNKNOWN_CA), "signed by itself").await;
}

#[tokio::test]
async fn a_certificate_counts_for_its_host_and_its_days_on_the_devices_clock() {
    let day = |day| rcgen::date_time_ymd(2027, 1, day);
    // The device's clock begins on 2027-01-15, 08:00.
    let table = [
        (HOST, (15, 16), 0, None),
        (HOST, (15, 16), DAY_S, Some(EXPIRED)),
        (HOST, (15, 16), -DAY_S, Some(NOT_YET)),
        (HOST, (14, 15), 0, Some(EXPIRED)),
        (HOST, (16, 17), 0, Some(NOT_YET)),
        ("idp.example", (15, 16), 0, Some(OTHER_HOST)),
        ("127.0.0.2", (15, 16), 0, Some(OTHER_HOST)),
    ];
    let ca = Ca::new();
    for (host, (from, to), ahead_s, refused) in table {
        let identity = ca.sign_with(host, |parameters| {
            (parameters.not_before, parameters.not_after) = (day(from), day(to));
        });
        let mut server = TlsServer::start(identity).await;
        let settings = settings(&server.issuer_template()).with_server_trust(ServerTrust::Only(ca.certificates()));
        let device = Device::with_clock(settings, "acme", 1, DeviceClock::ahead_by(ahead_s));
        let row = format!("{host} {from}..{to} {ahead_s}");
        assert_asked_or_refused(&mut server, &device, refused, &row).await;
    }
}

#[tokio::test]
async fn a_pin_is_asked_for_after_the_certificate_and_never_instead_of_it() {
    let (ours, other) = (Ca::new(), Ca::new());
    let wrong = Identity::self_signed(HOST).pin();
    let table: [(&str, &Ca, &[&str], Option<&str>); 7] = [
        ("no pin", &ours, &[], None),
        ("the right pin", &ours, &["right"], None),
        ("the second of two", &ours, &["wrong", "right"], None),
        ("a wrong pin", &ours, &["wrong"], Some(WRONG_KEY)),
        (
            "the pin of the CA, which is sent along",
            &ours,
            &["ca"],
            Some(WRONG_KEY),
        ),
        ("the right pin of an untrusted CA", &other, &["right"], Some(UNKNOWN_CA)),
        ("a wrong pin of an untrusted CA", &other, &["wrong"], Some(UNKNOWN_CA)),
    ];
    for (row, trusted, pins, refused) in table {
        let identity = ours.sign(HOST);
        let right = identity.pin();
        let mut server = TlsServer::start(identity).await;
        let trust = ServerTrust::Only(trusted.certificates());
        let with_pin = |settings: OidcSettings, pin: &&str| match *pin {
            "right" => settings.with_spki_pin(&right),
            "ca" => settings.with_spki_pin(ours.pin()),
            _ => settings.with_spki_pin(&wrong),
        };
        let settings = settings(&server.issuer_template()).with_server_trust(trust);
        let device = Device::new(pins.iter().fold(settings, with_pin), "acme", 1);
        assert_asked_or_refused(&mut server, &device, refused, row).await;
    }
}

#[tokio::test]
async fn nothing_older_than_tls_1_2_is_spoken() {
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; 4096];
        let read = stream.read(&mut hello).await.unwrap();
        hello.truncate(read);
        // A ServerHello of TLS 1.1 (RFC 4346, section 7.4.1.3): a random of zeros, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
        let body = [&[3, 2][..], &[0; 32], &[0, 0xC0, 0x13, 0]].concat();
        let length = u8::try_from(body.len()).unwrap();
        let record = [&[0x16, 3, 2, 0, length + 4, 2, 0, 0, length][..], &body].concat();
        stream.write_all(&record).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
        (hello, rest)
    });
    let device = Device::new(settings(&format!("https://{HOST}:{port}/{{tenant}}")), "acme", 1);
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::UntrustedServer(_)), "{error:?}");
    let (hello, rest) = server.await.unwrap();
    // The extension supported_versions (RFC 8446, section 4.2.1) names 1.3 and 1.2, and nothing else.
    let versions = [0, 43, 0, 5, 4, 3, 4, 3, 3];
    assert!(hello.windows(versions.len()).any(|part| part == versions), "{hello:?}");
    // An alert, two bytes long, and the end.
    assert_eq!((rest.first(), rest.len()), (Some(&0x15), 7), "{rest:?}");
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
