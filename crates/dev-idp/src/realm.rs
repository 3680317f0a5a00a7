//! What kind of realm a tenant is, and the rule that reads it from the tenant's name.

/// Seconds that an access token lives, as in a stock Keycloak realm.
pub const ACCESS_TOKEN_LIFETIME_S: u64 = 300;
/// Seconds that a session lives without a refresh: 30 days, as Vestibule's realm template sets it.
pub const SESSION_LIFETIME_S: u64 = 30 * 24 * 3600;
/// Seconds that a session lives without a refresh in a stock Keycloak realm: 30 minutes.
pub const STOCK_SESSION_LIFETIME_S: u64 = 30 * 60;

/// What happens to a refresh token that is used again. Keycloak: `revokeRefreshToken`, `refreshTokenMaxReuse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Keycloak's default: every refresh token of a session stays good.
    Off,
    /// The newest one used may be used once more; anything else ends the session.
    ReuseOnce,
    /// A second use ends the session: one lost answer loses it.
    NoReuse,
}

/// How a device's user is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// From the device key, proven at the authorization endpoint. The ID token carries `device_jkt` and `device_user`.
    Recoverable,
    /// A new random user for each enrolment, as at a server that knows nothing of device keys.
    Plain,
}

/// What the endpoints want of DPoP proofs (RFC 9449).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceProof {
    /// A client with the refresh-only policy must prove its key everywhere.
    Demanded,
    /// A proof is taken where one is sent, and the refresh token is then bound to it.
    Accepted,
    /// The realm knows nothing of DPoP.
    Ignored,
}

/// Which answers carry a `Date` header. Keycloak sends none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateHeader {
    /// None.
    Absent,
    /// Those of the authorization endpoint, where Vestibule's Keycloak authenticator answers; refusals too.
    OnEnrollment,
    /// All.
    OnEveryAnswer,
}

/// The variant of one realm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RealmSettings {
    /// A realm that is not there answers 404 to everything.
    pub exists: bool,
    /// What happens to a refresh token that is used again.
    pub rotation: Rotation,
    /// How a device's user is found.
    pub enrolment: Enrolment,
    /// What the endpoints want of DPoP proofs in a plain realm. A recoverable one always demands them.
    pub device_proof: DeviceProof,
    /// Which answers carry a `Date` header.
    pub date_header: DateHeader,
    /// Seconds that an access token lives.
    pub access_token_lifetime_s: u64,
    /// Seconds that a session lives without a refresh; 0 = no end (Keycloak says `refresh_expires_in: 0`).
    pub session_lifetime_s: u64,
}

impl Default for RealmSettings {
    /// A recoverable realm as Vestibule's realm template makes it: proof demanded, rotation off, no `Date` header.
    fn default() -> Self {
        Self {
            exists: true,
            rotation: Rotation::Off,
            enrolment: Enrolment::Recoverable,
            device_proof: DeviceProof::Demanded,
            date_header: DateHeader::Absent,
            access_token_lifetime_s: ACCESS_TOKEN_LIFETIME_S,
            session_lifetime_s: SESSION_LIFETIME_S,
        }
    }
}

impl RealmSettings {
    /// The variant that a tenant's name asks for; the default where it asks for none.
    ///
    /// A name asks when **all** its words, parted by `-`, are known or numbers, and one at least is known:
    ///
    /// | word | variant |
    /// |---|---|
    /// | `plain` | a new user for each enrolment, proofs taken but not demanded |
    /// | `nodpop` | as `plain`, and the realm knows nothing of DPoP |
    /// | `reuse1`, `reuse0` | rotation with one re-use, with none |
    /// | `dated` | a `Date` header on the answers of the authorization endpoint |
    /// | `alldated` | a `Date` header on every answer |
    /// | `stock` | sessions of 30 minutes |
    /// | `endless` | sessions without a fixed end |
    /// | `missing` | the realm does not exist |
    ///
    /// So `plain-reuse0` and `plain-reuse0-7` are two plain realms with strict rotation, and `acme` or `plain-acme` is a
    /// default one.
    #[must_use]
    pub fn for_tenant(tenant: &str) -> Self {
        let mut settings = Self::default();
        let mut asked = false;
        for word in tenant.split('-') {
            if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let Some(next) = settings.with_word(word) else {
                return Self::default();
            };
            (settings, asked) = (next, true);
        }
        if asked { settings } else { Self::default() }
    }

    /// What the endpoints want of DPoP proofs, all settings considered.
    #[must_use]
    pub fn device_proof_in_effect(&self) -> DeviceProof {
        match self.enrolment {
            Enrolment::Recoverable => DeviceProof::Demanded,
            Enrolment::Plain => self.device_proof,
        }
    }

    fn with_word(&self, word: &str) -> Option<Self> {
        let mut settings = self.clone();
        match word {
            "plain" => {
                settings.enrolment = Enrolment::Plain;
                // `nodpop-plain` is `plain-nodpop`.
                if settings.device_proof == DeviceProof::Demanded {
                    settings.device_proof = DeviceProof::Accepted;
                }
            }
            "nodpop" => (settings.enrolment, settings.device_proof) = (Enrolment::Plain, DeviceProof::Ignored),
            "reuse1" => settings.rotation = Rotation::ReuseOnce,
            "reuse0" => settings.rotation = Rotation::NoReuse,
            "dated" => settings.date_header = DateHeader::OnEnrollment,
            "alldated" => settings.date_header = DateHeader::OnEveryAnswer,
            "stock" => settings.session_lifetime_s = STOCK_SESSION_LIFETIME_S,
            "endless" => settings.session_lifetime_s = 0,
            "missing" => settings.exists = false,
            _ => return None,
        }
        Some(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_name_asks_for_a_variant_only_when_all_its_words_are_known() {
        let normal = RealmSettings::default();
        let plain = RealmSettings {
            enrolment: Enrolment::Plain,
            device_proof: DeviceProof::Accepted,
            ..normal.clone()
        };
        let table = [
            ("acme", normal.clone()),
            ("plain-acme", normal.clone()),
            ("7", normal.clone()),
            ("plain--reuse0", normal.clone()),
            ("plain", plain.clone()),
            ("plain-7", plain.clone()),
            (
                "plain-reuse0",
                RealmSettings {
                    rotation: Rotation::NoReuse,
                    ..plain.clone()
                },
            ),
            (
                "reuse1",
                RealmSettings {
                    rotation: Rotation::ReuseOnce,
                    ..normal.clone()
                },
            ),
            (
                "nodpop-plain",
                RealmSettings {
                    device_proof: DeviceProof::Ignored,
                    ..plain
                },
            ),
            (
                "dated-stock",
                RealmSettings {
                    date_header: DateHeader::OnEnrollment,
                    session_lifetime_s: STOCK_SESSION_LIFETIME_S,
                    ..normal.clone()
                },
            ),
            (
                "endless",
                RealmSettings {
                    session_lifetime_s: 0,
                    ..normal.clone()
                },
            ),
            (
                "missing",
                RealmSettings {
                    exists: false,
                    ..normal
                },
            ),
        ];
        for (name, wanted) in table {
            assert_eq!(RealmSettings::for_tenant(name), wanted, "{name}");
        }
    }
}
