//! The settings of the connection to the IdP: whom TLS trusts, what every request carries, through which proxy.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use vestibule::{CaCertificates, ExtraHeaders, OidcSettings, ServerTrust};

use crate::settings_layer::{InvalidSettings, SettingsLayer};

/// Headers by name. Values may be secrets, so neither `Debug` nor an error shows one.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct HeaderEntries(BTreeMap<String, String>);

impl HeaderEntries {
    /// One `Name: value` per line.
    pub(crate) fn from_lines(text: &str) -> Result<Self, InvalidSettings> {
        let entry = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().into(), value.trim().into()))
        };
        let entries: Option<Vec<(String, String)>> = text.lines().map(entry).collect();
        let entries = entries.ok_or_else(|| {
            InvalidSettings("VESTIBULE_EXTRA_HEADERS is not of the form Name: value, one a line".into())
        })?;
        let count = entries.len();
        let all: BTreeMap<_, _> = entries.into_iter().collect();
        if all.len() < count {
            return Err(InvalidSettings("VESTIBULE_EXTRA_HEADERS names a header twice".into()));
        }
        Ok(Self(all))
    }
}

impl<'de> Deserialize<'de> for HeaderEntries {
    /// By way of a whole value: an error of serde would repeat what stands there instead.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let text = |(name, value): (&String, &toml::Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let entries = value.as_table().and_then(|table| table.iter().map(text).collect());
        entries
            .map(Self)
            .ok_or_else(|| D::Error::custom("extra_headers is no table of names and texts"))
    }
}

impl fmt::Debug for HeaderEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Settings of an IdP with what these layers say of the connection to it.
pub(crate) fn with_connection(mut idp: OidcSettings, layers: &SettingsLayer) -> Result<OidcSettings, InvalidSettings> {
    let replaces = layers.ca_replaces_system.unwrap_or(false);
    match &layers.ca_file {
        Some(file) => {
            let certificates = read_certificates(file)?;
            idp = idp.with_server_trust(if replaces {
                ServerTrust::Only(certificates)
            } else {
                ServerTrust::SystemAnd(certificates)
            });
        }
        None if replaces => {
            return Err(InvalidSettings(
                "ca_replaces_system is true, but there is no ca_file".into(),
            ));
        }
        None => {}
    }
    for pin in layers.spki_pins.iter().flatten() {
        idp = idp.with_spki_pin(pin);
    }
    if let Some(HeaderEntries(entries)) = &layers.extra_headers {
        let headers = ExtraHeaders::new(entries).map_err(|error| InvalidSettings(error.to_string()))?;
        idp = idp.with_extra_headers(headers);
    }
    if let Some(proxy) = &layers.proxy {
        idp = idp.with_proxy(proxy);
    }
    Ok(idp)
}

fn read_certificates(file: &Path) -> Result<CaCertificates, InvalidSettings> {
    let invalid = |why: String| InvalidSettings(format!("ca_file {}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| invalid(error.to_string()))?;
    CaCertificates::parse(&bytes).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = include_str!("../tests/fixtures/ca.pem");

    fn connected(change: impl FnOnce(&mut SettingsLayer)) -> Result<String, String> {
        let mut layer = SettingsLayer::default();
        change(&mut layer);
        with_connection(OidcSettings::new("https://idp.example"), &layer)
            .map(|settings| format!("{settings:?}"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_ca_file_is_added_to_the_system_or_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, CA).unwrap();
        let table = [
            (None, "server_trust: SystemAnd(CaCertificates(1))"),
            (Some(false), "server_trust: SystemAnd(CaCertificates(1))"),
            (Some(true), "server_trust: Only(CaCertificates(1))"),
        ];
        for (replaces, trust) in table {
            let shown = connected(|layer| {
                layer.ca_file = Some(file.clone());
                layer.ca_replaces_system = replaces;
            });
            assert!(shown.as_ref().unwrap().contains(trust), "{shown:?}");
        }
        assert!(connected(|_| ()).unwrap().contains("server_trust: System,"));
        let alone = connected(|layer| layer.ca_replaces_system = Some(true));
        assert_eq!(
            alone.unwrap_err(),
            "ca_replaces_system is true, but there is no ca_file"
        );
    }

    #[test]
    fn a_ca_file_that_cannot_be_used_is_named_with_the_certificate_that_spoils_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let told = || {
            let error = connected(|layer| layer.ca_file = Some(file.clone())).unwrap_err();
            error.replace(&format!("ca_file {}: ", file.display()), "")
        };
        assert!(told().starts_with("No such file"));
        let table = [
            (String::new(), "holds no certificate"),
            ("hello".into(), "certificate 1 is no X.509 certificate in PEM or DER"),
            (
                CA.replace("MIIB", "MIIC"),
                "certificate 1 is no X.509 certificate in PEM or DER",
            ),
            (format!("{CA}{}", CA.replace("MIIB", "%")), "certificate 2 is no base64"),
        ];
        for (text, message) in table {
            std::fs::write(&file, text).unwrap();
            assert_eq!(told(), message);
        }
    }

    #[test]
    fn pins_headers_and_proxy_are_handed_on_and_no_value_of_a_header_is_shown() {
        let layer = || SettingsLayer {
            extra_headers: Some(HeaderEntries::from_lines("X-Key: canary:1\nX-Other:canary").unwrap()),
            spki_pins: Some(vec!["a pin".into()]),
            proxy: Some("http://proxy.example".into()),
            ..SettingsLayer::default()
        };
        let shown = connected(|all| *all = layer()).unwrap();
        for part in ["\"x-key\", \"x-other\"", "\"a pin\"", "http://proxy.example"] {
            assert!(shown.contains(part), "{part} is missing in {shown}");
        }
        assert!(!format!("{shown} {:?}", layer()).contains("canary"));
        for (lines, message) in [
            ("X-Key canary", "VESTIBULE_EXTRA_HEADERS is not of the form"),
            (
                "X-Key: canary\n\nX-Other: canary",
                "VESTIBULE_EXTRA_HEADERS is not of the form",
            ),
            (
                "X-Key: canary\nX-Key: canary",
                "VESTIBULE_EXTRA_HEADERS names a header twice",
            ),
        ] {
            let error = HeaderEntries::from_lines(lines).unwrap_err().to_string();
            assert!(error.starts_with(message) && !error.contains("canary"), "{error}");
        }
        for text in ["extra_headers = 'canary'", "extra_headers = { X-Key = ['canary'] }"] {
            let error = SettingsLayer::from_toml(text, Path::new("f")).unwrap_err().to_string();
            assert_eq!(error, "f:1: extra_headers is no table of names and texts");
        }
        let forbidden = connected(|all| {
            all.extra_headers = Some(HeaderEntries::from_lines("Cookie: canary").unwrap());
        });
        assert_eq!(forbidden.unwrap_err(), "extra header Cookie is not a host's to set");
    }
}
