//! The settings that count: flags over `VESTIBULE_*` over the settings file over defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vestibule::identifiers::{Audience, DEFAULT_CLIENT_ID};
use vestibule::{AnonymityPolicy, AudienceSettings, DeviceProof, FileSystems, OidcSettings, SdkSettings, Settings};

use crate::global_options::GlobalOptions;
use crate::settings_layer::{
    AnonymityWord, AudienceEntry, DeviceProofWord, Environment, InvalidSettings, SettingsLayer, non_empty,
};

/// The tenant where none is named: of the embedded development IdP alone, where any name is a realm.
pub(crate) const DEVELOPMENT_TENANT: &str = "acme";
/// This program's folder within each of the XDG base directories.
pub(crate) const FOLDER: &str = "vestibule";

/// Everything that a command may need to know.
#[derive(Clone, Debug)]
pub(crate) struct EffectiveSettings {
    layers: SettingsLayer,
    /// Where records lie, absolute.
    pub(crate) data_dir: PathBuf,
    /// Where the device key lies, absolute.
    pub(crate) state_dir: PathBuf,
}

impl EffectiveSettings {
    /// Reads the environment of this process and the settings file.
    pub(crate) fn read(options: GlobalOptions) -> Result<Self, InvalidSettings> {
        Self::read_from(options, &|name| std::env::var_os(name))
    }

    fn read_from(options: GlobalOptions, environment: Environment<'_>) -> Result<Self, InvalidSettings> {
        let file = read_file(options.config.as_deref(), environment)?;
        let layers = SettingsLayer::from_options(options)
            .over(SettingsLayer::from_environment(environment)?)
            .over(file);
        let data = ("XDG_DATA_HOME", ".local/share", "--data-dir");
        let state = ("XDG_STATE_HOME", ".local/state", "--state-dir");
        Ok(Self {
            data_dir: directory(layers.data_dir.as_deref(), data, environment)?,
            state_dir: directory(layers.state_dir.as_deref(), state, environment)?,
            layers,
        })
    }

    /// The issuer that was configured. Without one the embedded development IdP serves.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.layers.issuer.as_deref()
    }

    /// The client id where a command names none.
    pub(crate) fn client_id(&self) -> &str {
        self.layers.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID)
    }

    /// The tenant where a command names none.
    pub(crate) fn tenant(&self) -> Result<&str, InvalidSettings> {
        match (self.layers.tenant.as_deref(), self.issuer()) {
            (Some(tenant), _) => Ok(tenant),
            (None, None) => Ok(DEVELOPMENT_TENANT),
            (None, Some(_)) => Err(InvalidSettings(
                "tenant is not named: use --tenant, VESTIBULE_TENANT or the settings file".into(),
            )),
        }
    }

    /// Whom tokens can be asked for.
    pub(crate) fn audience_names(&self) -> Vec<String> {
        self.audiences().into_iter().map(|entry| entry.name).collect()
    }

    /// What `Sdk::open` needs, at the issuer that was configured.
    pub(crate) fn at_issuer(&self, issuer: &str) -> Result<Settings, InvalidSettings> {
        let mut idp = self.oidc(issuer)?;
        if self.layers.plain_http_to_loopback.unwrap_or(false) {
            idp = idp.allowing_plain_http_to_loopback();
        }
        Ok(self.with_directories(idp))
    }

    /// The same at a development IdP on this device.
    pub(crate) fn at_development_idp(&self, issuer: &str) -> Result<Settings, InvalidSettings> {
        let idp = self.oidc(issuer)?.allowing_plain_http_to_loopback();
        Ok(self.with_directories(idp))
    }

    /// The audiences that were configured, else those of the development IdP where that serves.
    fn audiences(&self) -> Vec<AudienceEntry> {
        match (&self.layers.audiences, self.issuer()) {
            (Some(audiences), _) => audiences.clone(),
            (None, None) => vestibule_dev_idp::scope::AUDIENCES
                .map(AudienceEntry::at_development_idp)
                .to_vec(),
            (None, Some(_)) => Vec::new(),
        }
    }

    fn oidc(&self, issuer: &str) -> Result<OidcSettings, InvalidSettings> {
        let layers = &self.layers;
        let mut idp = OidcSettings::new(issuer).with_device_proof(match layers.device_proof {
            Some(DeviceProofWord::Required) => DeviceProof::Required,
            Some(DeviceProofWord::Never) => DeviceProof::Never,
            None => DeviceProof::default(),
        });
        if let Some(uri) = &layers.redirect_uri {
            idp = idp.with_redirect_uri(uri);
        }
        if let Some(leeway) = layers.leeway_s {
            idp = idp.with_leeway(Duration::from_secs(leeway));
        }
        for origin in layers.extra_origins.iter().flatten() {
            idp = idp.with_extra_origin(origin);
        }
        for entry in self.audiences() {
            idp = idp.with_audience(entry.checked()?);
        }
        Ok(idp)
    }

    fn with_directories(&self, idp: OidcSettings) -> Settings {
        let mut flows = SdkSettings::default();
        flows.anonymity = match self.layers.anonymity {
            Some(AnonymityWord::Refuse) => AnonymityPolicy::Refuse,
            Some(AnonymityWord::Warn) => AnonymityPolicy::Warn,
            None => AnonymityPolicy::default(),
        };
        let file_systems = match self.layers.any_file_system {
            Some(true) => FileSystems::Any,
            Some(false) => FileSystems::Local,
            None => FileSystems::default(),
        };
        Settings::new(idp, &self.data_dir, &self.state_dir)
            .with_flows(flows)
            .with_file_systems(file_systems)
    }
}

impl AudienceEntry {
    fn at_development_idp(name: &str) -> Self {
        Self {
            name: name.into(),
            scope: format!("aud:{name}"),
            lifetime_cap_s: None,
            opaque: false,
        }
    }

    fn checked(&self) -> Result<AudienceSettings, InvalidSettings> {
        let audience = Audience::parse(&self.name).map_err(|error| InvalidSettings(format!("audiences: {error}")))?;
        let mut settings = AudienceSettings::new(audience, &self.scope);
        if let Some(cap) = self.lifetime_cap_s {
            settings = settings.with_lifetime_cap(Duration::from_secs(cap));
        }
        Ok(if self.opaque {
            settings.allowing_opaque()
        } else {
            settings
        })
    }
}

/// The settings file. The default one may be absent, a named one may not.
fn read_file(named: Option<&Path>, environment: Environment<'_>) -> Result<SettingsLayer, InvalidSettings> {
    let named = named
        .map(Path::to_owned)
        .or_else(|| non_empty(environment, "VESTIBULE_CONFIG").map(PathBuf::from));
    let is_named = named.is_some();
    let Some(path) =
        named.or_else(|| base("XDG_CONFIG_HOME", ".config", environment).map(|base| base.join("config.toml")))
    else {
        return Ok(SettingsLayer::default());
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => SettingsLayer::from_toml(&text, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => Ok(SettingsLayer::default()),
        Err(error) => Err(InvalidSettings(format!("{}: {error}", path.display()))),
    }
}

fn directory(
    named: Option<&Path>,
    (variable, under_home, flag): (&str, &str, &str),
    environment: Environment<'_>,
) -> Result<PathBuf, InvalidSettings> {
    let path = named
        .map(Path::to_owned)
        .or_else(|| base(variable, under_home, environment));
    let path = path.ok_or_else(|| InvalidSettings(format!("HOME is not set: name a directory with {flag}")))?;
    std::path::absolute(&path).map_err(|error| InvalidSettings(format!("{}: {error}", path.display())))
}

/// Our folder in an XDG base directory. A relative one is invalid and ignored, as the XDG Base Directory Specification
/// 0.8 says.
fn base(variable: &str, under_home: &str, environment: Environment<'_>) -> Option<PathBuf> {
    let absolute = |name| {
        non_empty(environment, name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(under_home)));
    base.map(|base| base.join(FOLDER))
}
