//! Starts and ends the server.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::call::Idp;
use crate::clock::{Clock, SystemClock};
use crate::connections::{self, Doorway};
use crate::dpop_proof::SeenProofs;
use crate::realm::RealmSettings;
use crate::realm_admin::RealmAdmin;
use crate::request_log::{RequestLog, RequestRecord};
use crate::router::router;
use crate::scenes::{Scene, SceneQueue};
use crate::state_file::{Starting, StateFile, StateFileError};
use crate::store::{IdpState, Store};

/// A running development IdP. Dropping it ends it too, but only [`DevIdp::shutdown`] waits for that.
#[derive(Debug)]
pub struct DevIdp {
    idp: Arc<Idp>,
    serving: JoinHandle<()>,
}

/// What a development IdP is started with.
#[derive(Clone)]
pub struct Settings {
    port: Option<u16>,
    state_file: Option<PathBuf>,
    realms: BTreeMap<String, RealmSettings>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("port", &self.port)
            .field("state_file", &self.state_file)
            .field("realms", &self.realms)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// For a test: a free port, and everything is forgotten at the end.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            port: None,
            state_file: None,
            realms: BTreeMap::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Everything lies in `file`, the port too: the same one at each start.
    #[must_use]
    pub fn kept_in(file: impl Into<PathBuf>) -> Self {
        Self {
            state_file: Some(file.into()),
            ..Self::in_memory()
        }
    }

    /// Serves on this port, whatever the state file says, and keeps it there. Issuers hold the port: clients that
    /// enrolled before will not know the server again.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Makes one tenant a realm of that kind, whatever its name says.
    #[must_use]
    pub fn realm(mut self, tenant: impl Into<String>, settings: RealmSettings) -> Self {
        self.realms.insert(tenant.into(), settings);
        self
    }

    /// Takes the time from there.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another process serves this state file: use its port.
    #[error("another process already serves this development IdP on port {port}")]
    Locked {
        /// Where it serves.
        port: u16,
    },
    /// Somebody else listens on the port.
    #[error("port {port} is taken by another program: end it, or name another port (issuers change with the port)")]
    PortTaken {
        /// The port that was asked for, or that the state file names.
        port: u16,
    },
    /// The port cannot be listened on, for another reason.
    #[error("port {port} on 127.0.0.1 cannot be listened on: {source}")]
    NotBound {
        /// The port; 0 = any free one.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The state file cannot be used; nothing in it was changed.
    #[error("{path}: {reason}", path = path.display())]
    StateFile {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl DevIdp {
    /// Binds to 127.0.0.1 and serves on a task of the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is served then.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let Opened { file, state, starting } = open(settings.state_file.clone()).await?;
        let mut state = state.unwrap_or_else(IdpState::new);
        let listener = bind(settings.port.unwrap_or(state.port)).await?;
        let port = listener
            .local_addr()
            .map_err(|source| StartError::NotBound { port: 0, source })?
            .port();
        state.port = port;
        let path = settings.state_file.unwrap_or_default();
        let store = Store::begin(state, file).map_err(|error| not_usable(&path, &error))?;
        drop(starting);
        let idp = Arc::new(Idp {
            port,
            clock: settings.clock,
            realms: settings.realms,
            store,
            log: RequestLog::default(),
            scenes: SceneQueue::default(),
            seen_proofs: SeenProofs::default(),
        });
        let doorway = Doorway::new(listener, Arc::clone(&idp));
        let serving = tokio::spawn(connections::serve(doorway, router(&idp)));
        Ok(Self { idp, serving })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.idp.port
    }

    /// `http://127.0.0.1:PORT/realms/{tenant}`, with the placeholder in it.
    #[must_use]
    pub fn issuer_template(&self) -> String {
        Self::issuer_template_at(self.idp.port)
    }

    /// The same of a development IdP on another port: the one that [`StartError::Locked`] names.
    #[must_use]
    pub fn issuer_template_at(port: u16) -> String {
        format!("http://127.0.0.1:{port}/realms/{{tenant}}")
    }

    /// The issuer of one tenant, its name percent-encoded as the URL standard does it in a path segment. A request that
    /// encodes more of the name is answered with an issuer spelt the same way as its own path.
    #[must_use]
    pub fn issuer(&self, tenant: &str) -> String {
        let mut issuer = format!("{}/realms/", self.idp.origin());
        if let Ok(mut url) = url::Url::parse(&issuer) {
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().push(tenant);
            }
            issuer = url.into();
        }
        issuer
    }

    /// All requests so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.idp.log.all()
    }

    /// Queues a scene for the next request that it matches.
    pub fn play(&self, scene: impl Scene) {
        self.idp.scenes.push(Box::new(scene));
    }

    /// Scenes that have not played yet.
    #[must_use]
    pub fn waiting_scenes(&self) -> usize {
        self.idp.scenes.waiting()
    }

    /// What the operator of a realm can see and do.
    #[must_use]
    pub fn realm(&self, tenant: impl Into<String>) -> RealmAdmin {
        RealmAdmin::new(Arc::clone(&self.idp), tenant.into())
    }

    /// Ends the server: all connections are closed, an answer under way is lost, the state file is free afterwards.
    pub async fn shutdown(mut self) {
        self.serving.abort();
        // Aborted, so the only possible answer is that it was cancelled.
        (&mut self.serving).await.ok();
    }
}

impl Drop for DevIdp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Opened {
    file: Option<StateFile>,
    state: Option<IdpState>,
    starting: Option<Starting>,
}

async fn open(path: Option<PathBuf>) -> Result<Opened, StartError> {
    let Some(path) = path else {
        return Ok(Opened {
            file: None,
            state: None,
            starting: None,
        });
    };
    let on = path.clone();
    // Waits for another process that is just starting.
    let opened = tokio::task::spawn_blocking(move || StateFile::open(&on)).await;
    match opened {
        Ok(Ok((file, state, starting))) => Ok(Opened {
            file: Some(file),
            state,
            starting: Some(starting),
        }),
        Ok(Err(StateFileError::Locked { port })) => Err(StartError::Locked { port }),
        Ok(Err(error)) => Err(not_usable(&path, &error)),
        Err(error) => Err(StartError::StateFile {
            path,
            reason: error.to_string(),
        }),
    }
}

async fn bind(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken { port },
            _ => StartError::NotBound { port, source },
        })
}

fn not_usable(path: &Path, error: &StateFileError) -> StartError {
    StartError::StateFile {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
