//! One layer of settings: what the file says, what the environment says, what the flags say. Each may leave all open.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::global_options::GlobalOptions;
use crate::idp_connection::HeaderEntries;

/// What one layer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsLayer {
    pub(crate) issuer: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) device_proof: Option<DeviceProofWord>,
    pub(crate) plain_http_to_loopback: Option<bool>,
    pub(crate) leeway_s: Option<u64>,
    pub(crate) extra_origins: Option<Vec<String>>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) ca_replaces_system: Option<bool>,
    pub(crate) spki_pins: Option<Vec<String>>,
    pub(crate) extra_headers: Option<HeaderEntries>,
    pub(crate) proxy: Option<String>,
    pub(crate) anonymity: Option<AnonymityWord>,
    pub(crate) audiences: Option<Vec<AudienceEntry>>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) any_file_system: Option<bool>,
}

/// Whether an enrolment proves the device's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceProofWord {
    Required,
    Never,
}

/// What to do with an identity that carries user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AnonymityWord {
    Refuse,
    Warn,
}

/// An audience that tokens may be handed out for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AudienceEntry {
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) lifetime_cap_s: Option<u64>,
    #[serde(default)]
    pub(crate) opaque: bool,
}

/// Settings that cannot be used: which, where they stand, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidSettings(pub(crate) String);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Looks a variable of the environment up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl SettingsLayer {
    /// Reads TOML. Relative paths are meant from the folder of the file.
    pub(crate) fn from_toml(text: &str, file: &Path) -> Result<Self, InvalidSettings> {
        let mut layer: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            InvalidSettings(format!("{}:{line}: {}", file.display(), error.message()))
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let paths = [&mut layer.data_dir, &mut layer.state_dir, &mut layer.ca_file];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        Ok(layer)
    }

    /// Reads `VESTIBULE_*`; an empty variable says nothing.
    pub(crate) fn from_environment(environment: Environment<'_>) -> Result<Self, InvalidSettings> {
        let text = |name: &str| text_of(environment, name);
        Ok(Self {
            issuer: text("VESTIBULE_ISSUER")?,
            tenant: text("VESTIBULE_TENANT")?,
            client_id: text("VESTIBULE_CLIENT_ID")?,
            redirect_uri: text("VESTIBULE_REDIRECT_URI")?,
            device_proof: word(environment, "VESTIBULE_DEVICE_PROOF", &DEVICE_PROOF_WORDS)?,
            plain_http_to_loopback: word(environment, "VESTIBULE_PLAIN_HTTP_TO_LOOPBACK", &TRUTH_WORDS)?,
            leeway_s: text("VESTIBULE_LEEWAY_S")?.map(|value| seconds(&value)).transpose()?,
            extra_origins: text("VESTIBULE_EXTRA_ORIGINS")?.map(|value| list(&value)),
            ca_file: non_empty(environment, "VESTIBULE_CA_FILE").map(PathBuf::from),
            ca_replaces_system: word(environment, "VESTIBULE_CA_REPLACES_SYSTEM", &TRUTH_WORDS)?,
            spki_pins: text("VESTIBULE_SPKI_PINS")?.map(|value| list(&value)),
            extra_headers: text("VESTIBULE_EXTRA_HEADERS")?
                .map(|value| HeaderEntries::from_lines(&value))
                .transpose()?,
            proxy: text("VESTIBULE_PROXY")?,
            anonymity: word(environment, "VESTIBULE_ANONYMITY", &ANONYMITY_WORDS)?,
            audiences: text("VESTIBULE_AUDIENCES")?
                .map(|value| audiences(&value))
                .transpose()?,
            data_dir: non_empty(environment, "VESTIBULE_DATA_DIR").map(PathBuf::from),
            state_dir: non_empty(environment, "VESTIBULE_STATE_DIR").map(PathBuf::from),
            any_file_system: word(environment, "VESTIBULE_ANY_FILE_SYSTEM", &TRUTH_WORDS)?,
        })
    }

    /// What the global options say.
    pub(crate) fn from_options(options: GlobalOptions) -> Self {
        Self {
            issuer: options.issuer,
            data_dir: options.data_dir,
            state_dir: options.state_dir,
            ..Self::default()
        }
    }

    /// This layer, and where it leaves a setting open the one below. A list counts as one setting.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            issuer: self.issuer.or(below.issuer),
            tenant: self.tenant.or(below.tenant),
            client_id: self.client_id.or(below.client_id),
            redirect_uri: self.redirect_uri.or(below.redirect_uri),
            device_proof: self.device_proof.or(below.device_proof),
            plain_http_to_loopback: self.plain_http_to_loopback.or(below.plain_http_to_loopback),
            leeway_s: self.leeway_s.or(below.leeway_s),
            extra_origins: self.extra_origins.or(below.extra_origins),
            ca_file: self.ca_file.or(below.ca_file),
            ca_replaces_system: self.ca_replaces_system.or(below.ca_replaces_system),
            spki_pins: self.spki_pins.or(below.spki_pins),
            extra_headers: self.extra_headers.or(below.extra_headers),
            proxy: self.proxy.or(below.proxy),
            anonymity: self.anonymity.or(below.anonymity),
            audiences: self.audiences.or(below.audiences),
            data_dir: self.data_dir.or(below.data_dir),
            state_dir: self.state_dir.or(below.state_dir),
            any_file_system: self.any_file_system.or(below.any_file_system),
        }
    }
}

/// A variable that is there and not empty.
pub(crate) fn non_empty(environment: Environment<'_>, name: &str) -> Option<OsString> {
    environment(name).filter(|value| !value.is_empty())
}

const DEVICE_PROOF_WORDS: [(&str, DeviceProofWord); 2] = [
    ("required", DeviceProofWord::Required),
    ("never", DeviceProofWord::Never),
];
const ANONYMITY_WORDS: [(&str, AnonymityWord); 2] = [("refuse", AnonymityWord::Refuse), ("warn", AnonymityWord::Warn)];
const TRUTH_WORDS: [(&str, bool); 2] = [("true", true), ("false", false)];

/// The number of the line that holds this byte, from 1.
fn line_at(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    before.filter(|byte| **byte == b'\n').count() + 1
}

fn text_of(environment: Environment<'_>, name: &str) -> Result<Option<String>, InvalidSettings> {
    non_empty(environment, name)
        .map(OsString::into_string)
        .transpose()
        .map_err(|_| InvalidSettings(format!("{name} is not UTF-8")))
}

fn word<T: Copy>(environment: Environment<'_>, name: &str, words: &[(&str, T)]) -> Result<Option<T>, InvalidSettings> {
    let Some(value) = text_of(environment, name)? else {
        return Ok(None);
    };
    let known = words.iter().find(|(word, _)| *word == value);
    known.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        InvalidSettings(format!("{name} is neither {}", all.join(" nor ")))
    })
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(Into::into).collect()
}

fn seconds(value: &str) -> Result<u64, InvalidSettings> {
    value
        .parse()
        .map_err(|_| InvalidSettings("VESTIBULE_LEEWAY_S is no number of seconds".into()))
}

/// `orders=aud:orders,billing=aud:billing`. Whatever does not fit this form stands in the settings file.
fn audiences(value: &str) -> Result<Vec<AudienceEntry>, InvalidSettings> {
    let entry = |pair: &str| {
        let (name, scope) = pair.split_once('=')?;
        Some(AudienceEntry {
            name: name.into(),
            scope: scope.into(),
            lifetime_cap_s: None,
            opaque: false,
        })
    };
    let entries: Option<_> = value.split(',').map(entry).collect();
    entries.ok_or_else(|| InvalidSettings("VESTIBULE_AUDIENCES is not of the form name=scope,name=scope".into()))
}
