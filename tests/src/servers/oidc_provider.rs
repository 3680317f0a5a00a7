//! The certified OpenID provider of npm, `oidc-provider`, with the server script in `tests/servers/oidc-provider`.

use std::io::{BufRead as _, BufReader, Error, Read as _, Result};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::node_packages;

/// What the server prints before its port, once it listens.
const MARKER: &str = "listening ";

/// A running provider. It ends when this is dropped, and when this process ends in any way: its standard input does.
#[derive(Debug)]
pub struct OidcProvider {
    process: Child,
    port: u16,
}

/// How the provider enrols a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One redirect, no cookie needed; no DPoP, no pushed requests; signs with RSA.
    OneRedirect,
    /// Over `/interaction/...` with mandatory cookies; DPoP and pushed requests; signs with P-256.
    Hops,
}

impl OidcProvider {
    /// A client that enrols devices silently.
    pub const DEVICE_CLIENT: &str = "AstDeviceEnrollment";
    /// Another one; where there is DPoP, the server insists on its nonce.
    pub const DEVICE_CLIENT_WITH_NONCE: &str = "AstDeviceEnrollmentNonce";
    /// A client at which a person has to log in.
    pub const ORDINARY_CLIENT: &str = "ordinary";

    /// Starts a provider and returns once it listens.
    ///
    /// # Errors
    /// When node or npm is missing, the packages cannot be installed, or the server ends without listening.
    pub fn start(form: Form) -> Result<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers/oidc-provider");
        node_packages::install(&folder)?;
        let mut process = Command::new("node")
            .args(["server.mjs", form.argument()])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Error::new(error.kind(), format!("node cannot be run: {error}")))?;
        let port = process.stdout.as_mut().and_then(port);
        // From here on the process ends with the guard.
        let mut provider = Self {
            process,
            port: port.unwrap_or_default(),
        };
        if port.is_none() {
            Err(provider.failure())
        } else {
            Ok(provider)
        }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Says why the server did not listen. It has closed its output, so it has ended or is about to.
    fn failure(&mut self) -> Error {
        let mut said = String::new();
        if let Some(stderr) = &mut self.process.stderr {
            // What can be read is better than nothing.
            _ = stderr.read_to_string(&mut said);
        }
        Error::other(format!("the OpenID provider did not start: {said}"))
    }
}

impl Form {
    const fn argument(self) -> &'static str {
        match self {
            Self::OneRedirect => "one-redirect",
            Self::Hops => "hops",
        }
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        // An error says that it has ended already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Reads up to the marker; `None` when the output ends before. The pipe stays open: the server may say more.
fn port(stdout: &mut ChildStdout) -> Option<u16> {
    BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix(MARKER)?.parse().ok())
}
