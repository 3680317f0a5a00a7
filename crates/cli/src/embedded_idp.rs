//! The development IdP where no issuer is configured: in this process, or in the one that serves its state file already.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use vestibule_dev_idp::{DevIdp, Settings, StartError};

/// Its state file, in the state directory. It holds the keys of all its realms, and its port.
pub(crate) const STATE_FILE: &str = "dev-idp.json";

/// A development IdP to talk to.
pub(crate) struct EmbeddedIdp {
    /// Its issuers, with `{tenant}` in it.
    pub(crate) issuer_template: String,
    /// `None` where another process serves it.
    pub(crate) here: Option<DevIdp>,
}

impl EmbeddedIdp {
    /// Serves it here, unless another process does.
    pub(crate) async fn find_or_start(state_dir: &Path) -> Result<Self, StartError> {
        match start(state_dir, None).await {
            Ok(idp) => Ok(Self {
                issuer_template: idp.issuer_template(),
                here: Some(idp),
            }),
            Err(StartError::Locked { port }) => Ok(Self {
                issuer_template: DevIdp::issuer_template_at(port),
                here: None,
            }),
            Err(error) => Err(error),
        }
    }

    /// What a person should know before anything is stored there.
    pub(crate) fn introduction(&self) -> String {
        let place = self
            .issuer_template
            .strip_suffix("/realms/{tenant}")
            .unwrap_or(&self.issuer_template);
        let whose = if self.here.is_some() {
            "in this process"
        } else {
            "in another process"
        };
        format!(
            "No issuer is configured: a development IdP serves at {place}, {whose}. It is no place for real users.\n"
        )
    }

    /// Ends it, where it is served here.
    pub(crate) async fn shutdown(self) {
        if let Some(idp) = self.here {
            idp.shutdown().await;
        }
    }
}

/// Serves the development IdP of a state directory here.
pub(crate) async fn start(state_dir: &Path, port: Option<u16>) -> Result<DevIdp, StartError> {
    let file = state_dir.join(STATE_FILE);
    make_private(state_dir).map_err(|error| StartError::StateFile {
        path: state_dir.into(),
        reason: error.to_string(),
    })?;
    let settings = Settings::kept_in(file);
    DevIdp::start(match port {
        Some(port) => settings.port(port),
        None => settings,
    })
    .await
}

/// The state directory is made here, as the device key wants it, before the server would make it open to others.
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
