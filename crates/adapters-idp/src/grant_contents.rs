//! What a grant holds: all that the adapter needs to go on with an identity, and where alone it may be sent.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use vestibule_domain::secret::Grant;
use zeroize::Zeroize;

/// The format that is written.
pub const FORMAT: u8 = 1;
/// Room for everything but the refresh token, so that the buffer never grows and leaves a copy behind.
const ROOM_BYTES: usize = 8 * 1024;

/// The contents of a grant. A record pins what it was made for: nothing of it is sent anywhere else.
#[derive(Clone, Encode, Decode)]
pub(crate) struct GrantContents {
    #[n(0)]
    format: u8,
    /// The refresh token.
    #[n(1)]
    pub(crate) refresh_token: String,
    /// The scope that the IdP granted at enrolment, separated by spaces.
    #[n(2)]
    pub(crate) granted_scope: String,
    /// The issuer, byte for byte.
    #[n(3)]
    pub(crate) issuer: String,
    /// The client id.
    #[n(4)]
    pub(crate) client_id: String,
    /// The origin of the token endpoint.
    #[n(5)]
    pub(crate) token_origin: String,
    /// Whether requests with this grant carry a proof of the device key. Sticky: never changed by a setting.
    #[n(6)]
    pub(crate) device_proof: bool,
    /// SHA-256 of the nonce of the enrolment: a later ID token that names a nonce must name this one.
    #[n(7)]
    pub(crate) nonce_sha256: ByteArray<32>,
}

/// Why a grant could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnreadableGrant {
    #[error("the grant was written by a newer version")]
    NewerFormat,
    #[error("the grant is not one of this adapter")]
    Malformed,
}

impl GrantContents {
    /// Contents in the format that is written.
    pub(crate) fn new(
        refresh_token: String,
        granted_scope: String,
        issuer: String,
        client_id: String,
        token_origin: String,
        device_proof: bool,
        nonce_sha256: [u8; 32],
    ) -> Self {
        let nonce_sha256 = nonce_sha256.into();
        Self {
            format: FORMAT,
            refresh_token,
            granted_scope,
            issuer,
            client_id,
            token_origin,
            device_proof,
            nonce_sha256,
        }
    }

    /// The same grant with the successor of its refresh token.
    pub(crate) fn rotated(&self, refresh_token: String) -> Self {
        let mut next = self.clone();
        next.refresh_token.zeroize();
        next.refresh_token = refresh_token;
        next
    }

    /// Encodes the grant (CBOR, RFC 8949).
    pub(crate) fn encode(&self) -> Grant {
        let mut bytes = Vec::with_capacity(self.refresh_token.len() + ROOM_BYTES);
        // Writing to a `Vec` has no error, and neither have these fields.
        let encoded = minicbor::encode(self, &mut bytes);
        debug_assert!(encoded.is_ok(), "a grant can always be encoded");
        Grant::new(bytes)
    }

    /// Decodes a grant, whole: nothing may follow it.
    pub(crate) fn decode(grant: &Grant) -> Result<Self, UnreadableGrant> {
        let bytes = grant.expose();
        let mut decoder = minicbor::Decoder::new(bytes);
        let mut probe = decoder.probe();
        probe.array().map_err(|_| UnreadableGrant::Malformed)?;
        if probe.u8().map_err(|_| UnreadableGrant::Malformed)? > FORMAT {
            return Err(UnreadableGrant::NewerFormat);
        }
        let contents: Self = decoder.decode().map_err(|_| UnreadableGrant::Malformed)?;
        let whole =
            decoder.position() == bytes.len() && contents.format == FORMAT && !contents.refresh_token.is_empty();
        if whole {
            Ok(contents)
        } else {
            Err(UnreadableGrant::Malformed)
        }
    }
}

impl Drop for GrantContents {
    fn drop(&mut self) {
        self.refresh_token.zeroize();
    }
}

impl std::fmt::Debug for GrantContents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GrantContents(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> GrantContents {
        GrantContents::new(
            "canary-refresh".into(),
            "openid aud:orders".into(),
            "https://idp.example/realms/acme".into(),
            "AstDeviceEnrollment".into(),
            "https://idp.example".into(),
            true,
            [9; 32],
        )
    }

    fn fields(contents: &GrantContents) -> (String, String, String, String, String, bool, [u8; 32]) {
        let text = String::clone;
        (
            text(&contents.refresh_token),
            text(&contents.granted_scope),
            text(&contents.issuer),
            text(&contents.client_id),
            text(&contents.token_origin),
            contents.device_proof,
            *contents.nonce_sha256,
        )
    }

    #[test]
    fn what_goes_in_comes_out() {
        let decoded = GrantContents::decode(&contents().encode()).unwrap();
        assert_eq!(fields(&decoded), fields(&contents()));
        let rotated = decoded.rotated("successor".into());
        assert_eq!(rotated.refresh_token, "successor");
        assert_eq!(rotated.granted_scope, contents().granted_scope);
        let long = contents().rotated("x".repeat(64 * 1024));
        assert_eq!(
            GrantContents::decode(&long.encode()).unwrap().refresh_token.len(),
            64 * 1024
        );
    }

    #[test]
    fn anything_else_is_refused() {
        let good = contents().encode().expose().to_vec();
        let mut newer = good.clone();
        newer[1] = 2;
        let mut longer = good.clone();
        longer.push(0);
        let no_token = contents().rotated(String::new()).encode().expose().to_vec();
        let table = [
            (Vec::new(), UnreadableGrant::Malformed),
            (b"eyJhbGciOi".to_vec(), UnreadableGrant::Malformed),
            (vec![0x80], UnreadableGrant::Malformed),
            (good[..good.len() - 1].to_vec(), UnreadableGrant::Malformed),
            (longer, UnreadableGrant::Malformed),
            (no_token, UnreadableGrant::Malformed),
            (newer, UnreadableGrant::NewerFormat),
        ];
        for (bytes, why) in table {
            assert_eq!(
                GrantContents::decode(&Grant::new(bytes.clone())).map(|_| ()),
                Err(why),
                "{bytes:02x?}"
            );
        }
        for end in 0..good.len() {
            assert!(GrantContents::decode(&Grant::new(good[..end].to_vec())).is_err());
        }
    }

    #[test]
    fn the_refresh_token_is_not_shown() {
        assert_eq!(
            format!("{:?} {:?}", contents(), contents().encode()),
            "GrantContents(..) Grant(..)"
        );
    }
}
