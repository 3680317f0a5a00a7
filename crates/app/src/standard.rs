//! The adapters of this workspace, wired from one settings value.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestibule_adapters_idp::OidcIdentityProvider;
pub use vestibule_adapters_idp::{
    AudienceSettings, CaCertificates, DeviceProof, ExtraHeaders, InvalidCertificates, InvalidHeader, InvalidSetting,
    OidcSettings, ServerTrust,
};
pub use vestibule_adapters_storage::FileSystems;
use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, LockFilePresence, Vault};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::status::{Cause, StatusType};
use vestibule_ports::{Clock, Entropy};

use crate::builder::{BuildError, SdkBuilder};
use crate::sdk::Sdk;
use crate::sdk_settings::SdkSettings;
use crate::system_clock::SystemClock;
use crate::system_entropy::SystemEntropy;

/// What [`Sdk::open`] wires. Every default and limit lives in the adapter that it belongs to.
#[derive(Clone, Debug)]
pub struct Settings {
    idp: OidcSettings,
    data_dir: PathBuf,
    state_dir: PathBuf,
    file_systems: FileSystems,
    flows: SdkSettings,
}

impl Settings {
    /// An OpenID provider, and two directories of this user alone, which are made where there are none. Sealed records
    /// lie in `data_dir`; the device key, without which they are useless, and the marks of who is at work lie in
    /// `state_dir`. So `state_dir` stays out of every backup of the data, and all processes on one `data_dir` use the
    /// same `state_dir`.
    #[must_use]
    pub fn new(idp: OidcSettings, data_dir: impl Into<PathBuf>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            idp,
            data_dir: data_dir.into(),
            state_dir: state_dir.into(),
            file_systems: FileSystems::default(),
            flows: SdkSettings::default(),
        }
    }

    /// On which file systems the directories may lie.
    #[must_use]
    pub const fn with_file_systems(mut self, file_systems: FileSystems) -> Self {
        self.file_systems = file_systems;
        self
    }

    /// Other settings of the flows.
    #[must_use]
    pub const fn with_flows(mut self, flows: SdkSettings) -> Self {
        self.flows = flows;
        self
    }
}

/// Why an SDK was not opened. Nothing was sent, and nothing but directories was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting of the IdP cannot be used.
    #[error("{0}")]
    Setting(#[from] InvalidSetting),
    /// A directory cannot be used.
    #[error("{}: {cause}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Which rule it breaks.
        cause: Cause,
    },
    /// The SDK was not built.
    #[error("{0}")]
    Build(#[from] BuildError),
}

impl OpenError {
    /// The same as the cause of a failure, for whoever shows both the same way. It does not name the directory.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Setting(InvalidSetting { setting, why }) => {
                Cause::InvalidParameter(InvalidParameter { field: setting, why })
            }
            Self::Directory { cause, .. } => cause.clone(),
            Self::Build(BuildError::NoRuntime) => Cause::ContractBroken("an SDK was opened outside a tokio runtime"),
            Self::Build(BuildError::GateLacks { property }) => Cause::BiometricUnavailable(property),
        }
    }

    /// The status that an app branches on.
    #[must_use]
    pub fn status(&self) -> StatusType {
        self.cause().status()
    }
}

impl Sdk {
    /// Opens an SDK on the adapters of this workspace: OpenID Connect, a vault of files, a device key and flow presence
    /// in the state directory, the system's clock and randomness. It asks for no password and knows no biometric gate:
    /// a host that has them takes [`Sdk::wire`]. Nothing is read yet: send `StartEvent`.
    ///
    /// It makes and opens directories on the calling thread.
    ///
    /// # Errors
    /// [`OpenError`]: a setting, a directory, or no tokio runtime.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        Ok(Self::wire(settings)?.build()?)
    }

    /// The same adapters in a builder, for a host that adds who asks for a password or a biometric gate.
    ///
    /// It makes and opens directories on the calling thread.
    ///
    /// # Errors
    /// [`OpenError`]: a setting or a directory.
    pub fn wire(settings: Settings) -> Result<SdkBuilder, OpenError> {
        let Settings {
            idp,
            data_dir,
            state_dir,
            file_systems,
            flows,
        } = settings;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let idp = OidcIdentityProvider::new(idp, Arc::clone(&clock))?;
        let store = FileByteStore::open_on(&data_dir, Arc::clone(&entropy), file_systems).map_err(at(&data_dir))?;
        let device_key =
            FileDeviceKey::open_on(&state_dir, Arc::clone(&entropy), file_systems).map_err(at(&state_dir))?;
        let presence =
            LockFilePresence::open_on(&state_dir, Arc::clone(&entropy), file_systems).map_err(at(&state_dir))?;
        let vault = Vault::new(
            Arc::new(store),
            Arc::new(device_key),
            Arc::clone(&clock),
            Arc::clone(&entropy),
        );
        Ok(Self::builder(Arc::new(idp), Arc::new(vault))
            .presence(Arc::new(presence))
            .clock(clock)
            .entropy(entropy)
            .settings(flows))
    }
}

/// Says which directory an adapter refused.
fn at<E: Into<Cause>>(path: &Path) -> impl FnOnce(E) -> OpenError {
    let path = path.to_owned();
    |error| OpenError::Directory {
        path,
        cause: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StorageError;

    #[test]
    fn why_an_sdk_was_not_opened_has_a_status_too() {
        let setting = InvalidSetting {
            setting: "issuer",
            why: "is no URL",
        };
        let table = [
            (
                OpenError::from(setting),
                StatusType::InvalidParameter,
                "issuer is no URL",
            ),
            (
                at(Path::new("/d"))(StorageError::Unavailable("it is not ours")),
                StatusType::StorageUnavailable,
                "/d: the storage cannot be used: it is not ours",
            ),
            (
                OpenError::from(BuildError::NoRuntime),
                StatusType::InternalError,
                "an SDK lives on a tokio runtime: build it inside one",
            ),
        ];
        for (error, status, text) in table {
            assert_eq!((error.status(), error.to_string().as_str()), (status, text));
        }
    }
}
