//! The settings that count: flags over `VESTIBULE_*` over the settings file over defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vestibule::identifiers::{Audience, DEFAULT_CLIENT_ID};
use vestibule::{AnonymityPolicy, AudienceSettings, DeviceProof, FileSystems, OidcSettings, SdkSettings, Settings};

use crate::global_options::GlobalOptions;
use crate::idp_connection::with_connection;
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
        with_connection(idp, layers)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::*;

    const HOME: &str = "/home/nobody-here";

    /// Variables of an environment: names and values.
    type Variables<'a> = &'a [(&'a str, &'a str)];

    /// A settings file, variables, flags.
    struct Layers<'a> {
        file: &'a str,
        variables: Variables<'a>,
        options: GlobalOptions,
    }

    impl Layers<'_> {
        fn read(self) -> Result<EffectiveSettings, InvalidSettings> {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("settings.toml");
            std::fs::write(&file, self.file).unwrap();
            let mut variables: BTreeMap<&str, OsString> = self
                .variables
                .iter()
                .map(|(name, value)| (*name, OsString::from(value)))
                .collect();
            variables.entry("HOME").or_insert_with(|| HOME.into());
            let options = GlobalOptions {
                config: Some(file),
                ..self.options
            };
            EffectiveSettings::read_from(options, &|name| variables.get(name).cloned())
                .map_err(|error| InvalidSettings(error.0.replace(&folder.path().display().to_string(), "FOLDER")))
        }
    }

    fn flags(change: impl FnOnce(&mut GlobalOptions)) -> GlobalOptions {
        let mut options = GlobalOptions::default();
        change(&mut options);
        options
    }

    #[test]
    fn flags_count_before_variables_before_the_file_before_defaults() {
        let none = GlobalOptions::default;
        let issuer = || flags(|options| options.issuer = Some("https://flag".into()));
        let (in_file, in_variable) = ("issuer = \"https://file\"", [("VESTIBULE_ISSUER", "https://variable")]);
        let table: [(&str, Variables<'_>, GlobalOptions, Option<&str>); 9] = [
            ("", &[], none(), None),
            (in_file, &[], none(), Some("https://file")),
            ("", &in_variable, none(), Some("https://variable")),
            (in_file, &in_variable, none(), Some("https://variable")),
            ("", &[], issuer(), Some("https://flag")),
            (in_file, &[], issuer(), Some("https://flag")),
            ("", &in_variable, issuer(), Some("https://flag")),
            (in_file, &in_variable, issuer(), Some("https://flag")),
            (in_file, &[("VESTIBULE_ISSUER", "")], none(), Some("https://file")),
        ];
        for (number, (file, variables, options, expected)) in table.into_iter().enumerate() {
            let layers = Layers {
                file,
                variables,
                options,
            };
            assert_eq!(layers.read().unwrap().issuer(), expected, "row {number}");
        }
    }

    #[test]
    fn every_setting_can_stand_in_the_file_and_a_variable_counts_before_it() {
        /// What a setting is, in text.
        type Look = fn(&SettingsLayer) -> String;
        let table: [(&str, &str, &str, Look); 18] = [
            ("issuer = 'a'", "ISSUER", "b", |all| format!("{:?}", all.issuer)),
            ("tenant = 'a'", "TENANT", "b", |all| format!("{:?}", all.tenant)),
            ("client_id = 'a'", "CLIENT_ID", "b", |all| {
                format!("{:?}", all.client_id)
            }),
            ("redirect_uri = 'a'", "REDIRECT_URI", "b", |all| {
                format!("{:?}", all.redirect_uri)
            }),
            ("device_proof = 'required'", "DEVICE_PROOF", "never", |all| {
                format!("{:?}", all.device_proof)
            }),
            (
                "plain_http_to_loopback = true",
                "PLAIN_HTTP_TO_LOOPBACK",
                "false",
                |all| format!("{:?}", all.plain_http_to_loopback),
            ),
            ("leeway_s = 1", "LEEWAY_S", "2", |all| format!("{:?}", all.leeway_s)),
            ("extra_origins = ['a']", "EXTRA_ORIGINS", "b,c", |all| {
                format!("{:?}", all.extra_origins)
            }),
            ("ca_file = '/a'", "CA_FILE", "/b", |all| format!("{:?}", all.ca_file)),
            ("ca_replaces_system = true", "CA_REPLACES_SYSTEM", "false", |all| {
                format!("{:?}", all.ca_replaces_system)
            }),
            ("spki_pins = ['a']", "SPKI_PINS", "b,c", |all| {
                format!("{:?}", all.spki_pins)
            }),
            ("extra_headers = { a = 'x' }", "EXTRA_HEADERS", "b: y\nc: z", |all| {
                format!("{:?}", all.extra_headers)
            }),
            ("proxy = 'a'", "PROXY", "b", |all| format!("{:?}", all.proxy)),
            ("anonymity = 'refuse'", "ANONYMITY", "warn", |all| {
                format!("{:?}", all.anonymity)
            }),
            ("data_dir = '/a'", "DATA_DIR", "/b", |all| format!("{:?}", all.data_dir)),
            ("state_dir = '/a'", "STATE_DIR", "/b", |all| {
                format!("{:?}", all.state_dir)
            }),
            ("any_file_system = true", "ANY_FILE_SYSTEM", "false", |all| {
                format!("{:?}", all.any_file_system)
            }),
            (
                "audiences = [{ name = 'a', scope = 's', lifetime_cap_s = 9, opaque = true }]",
                "AUDIENCES",
                "b=s,c=t=u",
                |all| format!("{:?}", all.audiences),
            ),
        ];
        let set = ["\"a\"", "Required", "true", "1", "Refuse", "\"/a\""];
        for (file, variable, value, look) in table {
            let name = format!("VESTIBULE_{variable}");
            let read = |file: &str, variables: Variables<'_>| {
                let options = GlobalOptions::default();
                look(
                    &Layers {
                        file,
                        variables,
                        options,
                    }
                    .read()
                    .unwrap()
                    .layers,
                )
            };
            let (open, from_file) = (read("", &[]), read(file, &[]));
            let (from_variable, from_both) = (read("", &[(&name, value)]), read(file, &[(&name, value)]));
            assert_eq!(open, "None", "{name}");
            assert!(set.iter().any(|word| from_file.contains(word)), "{name}: {from_file}");
            assert_ne!(from_variable, from_file, "{name}");
            assert_ne!(from_variable, open, "{name}");
            assert_eq!(from_both, from_variable, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_says_where_it_stands() {
        let table: [(&str, Variables<'_>, &str); 12] = [
            (
                "tenant = 'a'\n\nisuer = 'b'\n",
                &[],
                "FOLDER/settings.toml:3: unknown field `isuer`, expected one of `issuer`",
            ),
            (
                "# \u{e9}\n[[audiences]]\nname = 'a'\nscope = 's'\nscopes = 't'",
                &[],
                "FOLDER/settings.toml:5: unknown field `scopes`",
            ),
            (
                "[[audiences]]\nname = 'a'",
                &[],
                "FOLDER/settings.toml:1: missing field `scope`",
            ),
            ("tenant = 7", &[], "FOLDER/settings.toml:1: invalid type"),
            ("\ntenant = ", &[], "FOLDER/settings.toml:2: "),
            (
                "\n\ndevice_proof = 'maybe'",
                &[],
                "FOLDER/settings.toml:3: unknown variant `maybe`",
            ),
            (
                "",
                &[("VESTIBULE_DEVICE_PROOF", "Never")],
                "VESTIBULE_DEVICE_PROOF is neither required nor never",
            ),
            (
                "",
                &[("VESTIBULE_PLAIN_HTTP_TO_LOOPBACK", "1")],
                "VESTIBULE_PLAIN_HTTP_TO_LOOPBACK is neither true nor false",
            ),
            (
                "",
                &[("VESTIBULE_LEEWAY_S", "-1")],
                "VESTIBULE_LEEWAY_S is no number of seconds",
            ),
            (
                "",
                &[("VESTIBULE_AUDIENCES", "orders")],
                "VESTIBULE_AUDIENCES is not of the form name=scope,name=scope",
            ),
            ("", &[("HOME", "")], "HOME is not set: name a directory with --data-dir"),
            (
                "data_dir = 'd'",
                &[("HOME", "relative")],
                "HOME is not set: name a directory with --state-dir",
            ),
        ];
        for (file, variables, message) in table {
            let options = GlobalOptions::default();
            let error = Layers {
                file,
                variables,
                options,
            }
            .read()
            .unwrap_err()
            .to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn only_a_file_that_was_named_must_be_there() {
        let empty = tempfile::tempdir().unwrap();
        let home = |name: &str| (name == "HOME").then(|| OsString::from(empty.path()));
        assert!(EffectiveSettings::read_from(GlobalOptions::default(), &home).is_ok());
        let absent = empty.path().join("absent.toml");
        let flag = flags(|options| options.config = Some(absent.clone()));
        let variable = |name: &str| {
            (name == "VESTIBULE_CONFIG")
                .then(|| OsString::from(&absent))
                .or_else(|| home(name))
        };
        for named in [
            EffectiveSettings::read_from(flag, &home),
            EffectiveSettings::read_from(GlobalOptions::default(), &variable),
        ] {
            let message = named.unwrap_err().to_string();
            assert!(message.starts_with(&absent.display().to_string()), "{message}");
        }
    }

    #[test]
    fn the_default_file_lies_in_the_configuration_directory() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = home.path().join("elsewhere");
        for folder in [home.path().join(".config"), elsewhere.clone()] {
            std::fs::create_dir_all(folder.join(FOLDER)).unwrap();
            let text = format!("tenant = '{}'", folder.file_name().unwrap().display());
            std::fs::write(folder.join(FOLDER).join("config.toml"), text).unwrap();
        }
        let table = [
            (None, ".config"),
            (Some(elsewhere), "elsewhere"),
            (Some(PathBuf::from("relative")), ".config"),
        ];
        for (xdg, tenant) in table {
            let environment = |name: &str| match name {
                "HOME" => Some(OsString::from(home.path())),
                "XDG_CONFIG_HOME" => xdg.clone().map(OsString::from),
                _ => None,
            };
            let settings = EffectiveSettings::read_from(GlobalOptions::default(), &environment).unwrap();
            assert_eq!(settings.tenant(), Ok(tenant));
        }
    }

    #[test]
    fn directories_follow_flag_variable_file_base_directory_and_home() {
        let none = GlobalOptions::default;
        let flag = || flags(|options| options.data_dir = Some("/flag".into()));
        let variable = ("VESTIBULE_DATA_DIR", "/variable");
        let xdg = ("XDG_DATA_HOME", "/xdg");
        let table: [(&str, Variables<'_>, GlobalOptions, &str); 6] = [
            ("data_dir = '/file'", &[variable, xdg], flag(), "/flag"),
            ("data_dir = '/file'", &[variable, xdg], none(), "/variable"),
            ("data_dir = '/file'", &[xdg], none(), "/file"),
            ("", &[xdg], none(), "/xdg/vestibule"),
            (
                "",
                &[("XDG_DATA_HOME", "relative")],
                none(),
                "/home/nobody-here/.local/share/vestibule",
            ),
            ("", &[], none(), "/home/nobody-here/.local/share/vestibule"),
        ];
        for (file, variables, options, expected) in table {
            let settings = Layers {
                file,
                variables,
                options,
            }
            .read()
            .unwrap();
            assert_eq!(settings.data_dir, Path::new(expected));
            assert_eq!(
                settings.state_dir,
                Path::new("/home/nobody-here/.local/state/vestibule")
            );
        }
    }

    #[test]
    fn a_relative_path_is_meant_from_the_file_that_names_it() {
        let file = Path::new("/etc/vestibule/settings.toml");
        let layer =
            SettingsLayer::from_toml("data_dir = 'data'\nstate_dir = '/state'\nca_file = 'ca.pem'", file).unwrap();
        assert_eq!(layer.data_dir.as_deref(), Some(Path::new("/etc/vestibule/data")));
        assert_eq!(layer.state_dir.as_deref(), Some(Path::new("/state")));
        assert_eq!(layer.ca_file.as_deref(), Some(Path::new("/etc/vestibule/ca.pem")));
    }

    #[test]
    fn a_tenant_and_audiences_are_made_up_only_for_the_development_idp() {
        let read = |file| {
            let (variables, options): (&[_], _) = (&[], GlobalOptions::default());
            Layers {
                file,
                variables,
                options,
            }
            .read()
            .unwrap()
        };
        let development = read("");
        assert_eq!(development.tenant(), Ok("acme"));
        assert_eq!(development.audience_names(), ["orders", "billing"]);
        let configured = read("issuer = 'https://idp.example/{tenant}'");
        assert!(
            configured
                .tenant()
                .unwrap_err()
                .to_string()
                .starts_with("tenant is not named")
        );
        assert_eq!(configured.audience_names(), [""; 0]);
        let whole = read("issuer = 'https://idp.example'\ntenant = 't'\naudiences = [{ name = 'a', scope = 's' }]");
        assert_eq!(whole.tenant(), Ok("t"));
        assert_eq!(whole.audience_names(), ["a"]);
        let other = read("audiences = [{ name = 'a', scope = 's' }]");
        assert_eq!(other.audience_names(), ["a"]);
    }
}
