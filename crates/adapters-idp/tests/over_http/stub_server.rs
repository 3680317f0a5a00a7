//! A server that answers whatever bytes a test wants, one connection after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct StubRequest {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl StubRequest {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A parameter of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut all = url::form_urlencoded::parse(query.as_bytes());
        all.find(|(other, _)| other == name)
            .map(|(_, value)| value.into_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &str| {
            line.split_once(':')
                .is_some_and(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        self.head
            .lines()
            .find(|text| line(text))
            .and_then(|text| text.split_once(": "))
            .map(|(_, value)| value)
    }
}

/// What is sent once, and what becomes of the connection then.
struct Reply {
    bytes: Vec<u8>,
    then: Then,
}

enum Then {
    /// It is closed.
    Close,
    /// These bytes come again and again, until the client has had enough.
    Repeat(&'static [u8]),
    /// Nothing more comes, until the client has had enough.
    Hold,
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        let then = Then::Close;
        Self { bytes, then }
    }
}

type Answer = Box<dyn Fn(&StubRequest) -> Reply + Send + Sync>;
type Script = HashMap<&'static str, VecDeque<Answer>>;

/// The running server. A path answers what the test has queued for it, then what a well-behaved IdP would.
pub(crate) struct StubServer {
    pub(crate) port: u16,
    scheme: &'static str,
    script: Arc<Mutex<Script>>,
    requests: Arc<Mutex<Vec<StubRequest>>>,
    /// Bytes that were sent again and again.
    again: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl StubServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_over_tls(tls: TlsAcceptor) -> Self {
        Self::start_with(Some(tls)).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script: Arc<Mutex<Script>> = Arc::default();
        let requests: Arc<Mutex<Vec<StubRequest>>> = Arc::default();
        let again: Arc<AtomicUsize> = Arc::default();
        let (answers, log, sent) = (Arc::clone(&script), Arc::clone(&requests), Arc::clone(&again));
        let serving = tokio::spawn(async move {
            let origin = format!("{scheme}://127.0.0.1:{port}");
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => serve(stream, &origin, &answers, &log, &sent).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(tunnel) => serve(tunnel, &origin, &answers, &log, &sent).await,
                        // The client did not want this server.
                        Err(_) => continue,
                    },
                }
            }
        });
        Self {
            port,
            scheme,
            script,
            requests,
            again,
            serving,
        }
    }

    pub(crate) fn origin(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub(crate) fn issuer_template(&self) -> String {
        format!("{}/{{tenant}}", self.origin())
    }

    /// The next request to this path gets these bytes.
    pub(crate) fn answer(&self, path: &'static str, bytes: impl Into<Vec<u8>>) -> &Self {
        let bytes = bytes.into();
        self.answer_with(path, move |_| bytes.clone())
    }

    /// The next request to this path gets what this makes of it.
    pub(crate) fn answer_with(
        &self,
        path: &'static str,
        make: impl Fn(&StubRequest) -> Vec<u8> + Send + Sync + 'static,
    ) -> &Self {
        self.queue(path, move |request| make(request).into())
    }

    /// The next request to this path gets these bytes, then those again and again.
    pub(crate) fn answer_without_end(&self, path: &'static str, bytes: &str, again: &'static [u8]) -> &Self {
        let bytes = bytes.as_bytes().to_vec();
        self.queue(path, move |_| Reply {
            bytes: bytes.clone(),
            then: Then::Repeat(again),
        })
    }

    /// The next request to this path gets these bytes, and then nothing any more.
    pub(crate) fn answer_and_hold(&self, path: &'static str, bytes: &str) -> &Self {
        let bytes = bytes.as_bytes().to_vec();
        self.queue(path, move |_| Reply {
            bytes: bytes.clone(),
            then: Then::Hold,
        })
    }

    fn queue(&self, path: &'static str, make: impl Fn(&StubRequest) -> Reply + Send + Sync + 'static) -> &Self {
        let mut script = self.script.lock().unwrap();
        script.entry(path).or_default().push_back(Box::new(make));
        drop(script);
        self
    }

    pub(crate) fn requests(&self) -> Vec<StubRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// How many bytes the system took of answers without an end.
    pub(crate) fn sent_again(&self) -> usize {
        self.again.load(SeqCst)
    }

    /// How often a path was asked.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|request| request.path() == path).count()
    }
}

impl Drop for StubServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer with a body that is as long as it says.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    answer(status, "Content-Type: application/json\r\n", body)
}

/// A redirect.
pub(crate) fn redirect(location: &str) -> Vec<u8> {
    answer(302, &format!("Location: {location}\r\n"), "")
}

/// The metadata of the stub, with more members.
pub(crate) fn metadata(port: u16, more: &str) -> String {
    metadata_at(&format!("http://127.0.0.1:{port}"), more)
}

/// The same on any origin.
pub(crate) fn metadata_at(at: &str, more: &str) -> String {
    format!(
        r#"{{"issuer":"{at}/acme","authorization_endpoint":"{at}/auth","token_endpoint":"{at}/token",
        "jwks_uri":"{at}/certs","revocation_endpoint":"{at}/revoke"{more}}}"#
    )
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    origin: &str,
    script: &Mutex<Script>,
    log: &Mutex<Vec<StubRequest>>,
    again: &AtomicUsize,
) {
    let Some(request) = read(&mut stream).await else { return };
    log.lock().unwrap().push(request.clone());
    let queued = script
        .lock()
        .unwrap()
        .get_mut(request.path())
        .and_then(VecDeque::pop_front);
    let reply = queued.map_or_else(|| well_behaved(&request, origin).into(), |make| make(&request));
    // A client that has seen enough may close first.
    stream.write_all(&reply.bytes).await.ok();
    match reply.then {
        Then::Close => {}
        Then::Repeat(bytes) => {
            while stream.write_all(bytes).await.is_ok() {
                again.fetch_add(bytes.len(), SeqCst);
            }
        }
        Then::Hold => drop(stream.read(&mut [0]).await),
    }
    stream.shutdown().await.ok();
}

/// Reads one request; `None` where the client has closed.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<StubRequest> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok()?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut first = head.lines().next()?.split(' ');
            let request = StubRequest {
                target: first.nth(1)?.into(),
                head: head.into(),
                body: body.into(),
            };
            let length = request
                .header("content-length")
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(request);
            }
        }
        if read == 0 {
            return None;
        }
    }
}

fn well_behaved(request: &StubRequest, origin: &str) -> Vec<u8> {
    match request.path() {
        "/acme/.well-known/openid-configuration" => json(200, &metadata_at(origin, "")),
        "/certs" => json(200, r#"{"keys":[]}"#),
        "/auth" => {
            let state = request.parameter("state").unwrap_or_default();
            redirect(&format!("dev.vestibule.app:/enrolled?code=canary-code&state={state}"))
        }
        _ => answer(404, "", ""),
    }
}
