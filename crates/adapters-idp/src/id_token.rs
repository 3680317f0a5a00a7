//! The ID token (OpenID Connect Core 1.0, sections 3.1.3.6, 3.1.3.7 and 12.2): who the device is, and whether the IdP
//! ties that to the device's key.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;
use vestibule_domain::claims::Claims;
use vestibule_domain::instant::WallTime;

use crate::key_set::KeySet;
use crate::signed_token::{Expected, SignedToken, TokenFault, verify};
use crate::typed_claims::typed;

/// By how much the device's clock and the issuer's may differ before a token counts as expired or from the future.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
/// The claim by which an IdP says that the user is tied to the key with this thumbprint.
pub const DEVICE_KEY_CLAIM: &str = "device_jkt";
/// The claim by which an IdP says whether it made the user with this enrolment (`new`) or found it (`known`).
pub const DEVICE_USER_CLAIM: &str = "device_user";

/// What the ID token is held against.
pub(crate) struct IdTokenChecks<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: Nonce<'a>,
    /// The access token that came with it.
    pub(crate) access_token: &'a str,
    pub(crate) leeway: Duration,
}

/// The nonce of the enrolment.
pub(crate) enum Nonce<'a> {
    /// The answer to our own request: the nonce must be there.
    Sent(&'a str),
    /// A refresh: where there is a nonce, its hash must be this one.
    Hash(&'a [u8; 32]),
}

/// A verified ID token.
#[derive(Debug)]
pub(crate) struct IdToken {
    pub(crate) claims: Claims,
    /// The thumbprint of the key that the user is tied to.
    pub(crate) device_jkt: Option<String>,
    /// `new`, `known`, or nothing that we know.
    pub(crate) device_user: Option<String>,
}

/// Verifies an ID token at a time.
pub(crate) async fn verify_id_token(
    token: &str,
    keys: &Arc<KeySet>,
    checks: &IdTokenChecks<'_>,
    now: WallTime,
) -> Result<IdToken, TokenFault> {
    let expected = Expected {
        issuer: checks.issuer,
        audience: Some(checks.client_id),
        types: &["JWT"],
        leeway: checks.leeway,
    };
    match verify(token, keys, &expected, now).await {
        Ok(token) => checked(&token, checks),
        // The issue time of a token that is wrong in any other way is worth nothing.
        Err(time @ TokenFault::Time { .. }) => checked(&crate::signed_token::parse(token)?, checks).and(Err(time)),
        Err(other) => Err(other),
    }
}

fn checked(token: &SignedToken, checks: &IdTokenChecks<'_>) -> Result<IdToken, TokenFault> {
    let claims = typed(token, None)?;
    if claims.audiences != [checks.client_id] {
        return Err(TokenFault::Claim("aud"));
    }
    if token.claims.get("azp").is_some_and(|azp| azp != checks.client_id) {
        return Err(TokenFault::Claim("azp"));
    }
    if !nonce_is_ours(token.claims.get("nonce"), &checks.nonce) {
        return Err(TokenFault::Claim("nonce"));
    }
    if !access_token_fits(token, checks.access_token) {
        return Err(TokenFault::Claim("at_hash"));
    }
    let text = |claims: &Map<String, Value>, name| claims.get(name).and_then(Value::as_str).map(Into::into);
    Ok(IdToken {
        device_jkt: text(&token.claims, DEVICE_KEY_CLAIM),
        device_user: text(&token.claims, DEVICE_USER_CLAIM),
        claims,
    })
}

fn nonce_is_ours(claim: Option<&Value>, nonce: &Nonce<'_>) -> bool {
    match (claim, nonce) {
        (Some(Value::String(claim)), Nonce::Sent(sent)) => claim.as_bytes().ct_eq(sent.as_bytes()).into(),
        (Some(Value::String(claim)), Nonce::Hash(hash)) => Sha256::digest(claim).ct_eq(hash.as_slice()).into(),
        (None, Nonce::Hash(_)) => true,
        (Some(_), _) | (None, Nonce::Sent(_)) => false,
    }
}

/// `at_hash`: the left half of the access token's hash, by the hash of the signature's algorithm. Optional in the code
/// flow; wrong is never right.
fn access_token_fits(token: &SignedToken, access_token: &str) -> bool {
    let Some(claim) = token.claims.get("at_hash") else {
        return true;
    };
    let digest = match token.header.get("alg").and_then(Value::as_str) {
        Some("ES384") => Sha384::digest(access_token).to_vec(),
        Some("EdDSA") => Sha512::digest(access_token).to_vec(),
        Some(_) | None => Sha256::digest(access_token).to_vec(),
    };
    let half = digest.get(..digest.len() / 2).unwrap_or_default();
    claim.as_str() == Some(URL_SAFE_NO_PAD.encode(half).as_str())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;
    use crate::signed_token::MAX_TOKEN_BYTES;

    const NOW_S: i64 = 1_800_000_000;
    const ISSUER: &str = "https://idp.example/realms/acme";

    struct Signer {
        pair: EcdsaKeyPair,
        keys: Arc<KeySet>,
    }

    impl Signer {
        fn new() -> Self {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let point = pair.public_key().as_ref();
            let (x, y) = (
                URL_SAFE_NO_PAD.encode(&point[1..33]),
                URL_SAFE_NO_PAD.encode(&point[33..]),
            );
            let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": x, "y": y}]});
            let keys = Arc::new(KeySet::parse(jwks.to_string().as_bytes()).unwrap());
            Self { pair, keys }
        }

        fn sign_text(&self, header: &str, claims: &str) -> String {
            let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
            format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
        }

        fn sign(&self, header: Value, claims: Value) -> String {
            self.sign_text(&header.to_string(), &claims.to_string())
        }
    }

    fn header() -> Value {
        json!({"alg": "ES256", "kid": "k1", "typ": "JWT"})
    }

    /// Good claims with one changed; `null` takes it out.
    fn claims(name: &str, value: Value) -> Value {
        let half = &Sha256::digest("at")[..16];
        let mut claims = json!({
            "iss": ISSUER, "sub": "u1", "aud": "app", "azp": "app", "nonce": "n1", "iat": NOW_S, "exp": NOW_S + 300,
            "at_hash": URL_SAFE_NO_PAD.encode(half), "device_jkt": "jkt", "device_user": "new",
        });
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        claims
    }

    async fn check(signer: &Signer, token: &str, nonce: Nonce<'_>, now_s: i64) -> Result<IdToken, TokenFault> {
        let leeway = DEFAULT_LEEWAY;
        let checks = IdTokenChecks {
            issuer: ISSUER,
            client_id: "app",
            nonce,
            access_token: "at",
            leeway,
        };
        verify_id_token(token, &signer.keys, &checks, WallTime::from_unix_s(now_s)).await
    }

    #[tokio::test]
    async fn every_claim_is_held_against_what_was_asked() {
        let signer = Signer::new();
        let table = [
            ("unknown", json!("x"), None),
            ("azp", json!(null), None),
            ("at_hash", json!(null), None),
            ("device_jkt", json!(null), None),
            ("aud", json!(["app"]), None),
            ("iss", json!("https://idp.example/realms/other"), Some("iss")),
            ("iss", json!(null), Some("iss")),
            ("aud", json!("other"), Some("aud")),
            ("aud", json!(["app", "other"]), Some("aud")),
            ("aud", json!(null), Some("aud")),
            ("azp", json!("other"), Some("azp")),
            ("azp", json!(7), Some("azp")),
            ("nonce", json!("n2"), Some("nonce")),
            ("nonce", json!(null), Some("nonce")),
            ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), Some("at_hash")),
            ("at_hash", json!(7), Some("at_hash")),
            ("sub", json!(null), Some("sub")),
            ("sub", json!("a b"), Some("sub")),
            ("exp", json!(null), Some("exp")),
            ("iat", json!(null), Some("iat")),
        ];
        for (name, value, refused) in table {
            let token = signer.sign(header(), claims(name, value.clone()));
            let fault = check(&signer, &token, Nonce::Sent("n1"), NOW_S).await.err();
            assert_eq!(fault, refused.map(TokenFault::Claim), "{name}: {value}");
        }
    }

    #[tokio::test]
    async fn a_good_token_says_who_and_with_which_key() {
        let signer = Signer::new();
        let token = signer.sign(header(), claims("unknown", json!("x")));
        let token = check(&signer, &token, Nonce::Sent("n1"), NOW_S).await.unwrap();
        assert_eq!(token.claims.subject.as_str(), "u1");
        assert_eq!(token.device_jkt.as_deref(), Some("jkt"));
        assert_eq!(token.device_user.as_deref(), Some("new"));
    }

    #[tokio::test]
    async fn the_header_decides_nothing_that_the_key_does_not_allow() {
        let signer = Signer::new();
        let malformed = |why| Some(TokenFault::Malformed(why));
        let table = [
            (json!({"alg": "ES256", "kid": "k1"}), None),
            (json!({"alg": "ES256"}), None),
            (json!({"alg": "ES256", "kid": "k2"}), Some(TokenFault::UnknownKey)),
            (json!({"alg": "RS256", "kid": "k1"}), Some(TokenFault::UnknownKey)),
            (
                json!({"alg": "none", "kid": "k1"}),
                malformed("its algorithm is not accepted"),
            ),
            (
                json!({"alg": "HS256", "kid": "k1"}),
                malformed("its algorithm is not accepted"),
            ),
            (json!({"kid": "k1"}), malformed("its algorithm is not accepted")),
            (json!({"alg": "ES256", "kid": 1}), malformed("its key id is no text")),
            (
                json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false}),
                malformed("it has critical extensions"),
            ),
            (
                json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}),
                Some(TokenFault::Claim("typ")),
            ),
            (
                json!({"alg": "ES256", "kid": "k1", "jku": "https://evil.example", "x5u": "https://evil.example"}),
                None,
            ),
        ];
        for (header, refused) in table {
            let token = signer.sign(header.clone(), claims("unknown", json!("x")));
            assert_eq!(
                check(&signer, &token, Nonce::Sent("n1"), NOW_S).await.err(),
                refused,
                "{header}"
            );
        }
        let foreign = Signer::new().sign(header(), claims("unknown", json!("x")));
        let fault = check(&signer, &foreign, Nonce::Sent("n1"), NOW_S).await.err();
        assert_eq!(fault, Some(TokenFault::BadSignature));
    }

    #[tokio::test]
    async fn what_two_parsers_could_read_differently_is_refused() {
        let signer = Signer::new();
        let good = claims("unknown", json!("x")).to_string();
        let twice = good.replacen('{', r#"{"sub":"u2","#, 1);
        let header_twice = r#"{"alg":"ES256","alg":"ES256","kid":"k1"}"#;
        let tokens = [
            signer.sign_text(&header().to_string(), &twice),
            signer.sign_text(header_twice, &good),
            signer.sign_text(&header().to_string(), "[]"),
            format!("{}.", signer.sign_text(&header().to_string(), &good)),
            "a.b".into(),
            String::new(),
            "x".repeat(crate::signed_token::MAX_TOKEN_BYTES + 1),
        ];
        for token in tokens {
            let fault = check(&signer, &token, Nonce::Sent("n1"), NOW_S).await.err();
            assert!(matches!(fault, Some(TokenFault::Malformed(_))), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_token_is_looked_at_up_to_its_greatest_length() {
        let signer = Signer::new();
        let token = |bytes| signer.sign(header(), claims("unknown", json!("x".repeat(bytes))));
        let (mut bytes, mut longest) = (0, token(0));
        // Three bytes of claims make four of the token.
        while longest.len() < MAX_TOKEN_BYTES - 3 {
            bytes += (MAX_TOKEN_BYTES - longest.len()) * 3 / 4;
            longest = token(bytes);
        }
        assert!(longest.len() <= MAX_TOKEN_BYTES);
        assert!(check(&signer, &longest, Nonce::Sent("n1"), NOW_S).await.is_ok());
        let too_long = check(&signer, &token(bytes + 6), Nonce::Sent("n1"), NOW_S).await;
        assert_eq!(too_long.unwrap_err(), TokenFault::Malformed("it is too long"));
    }

    #[tokio::test]
    async fn a_refresh_may_name_the_nonce_of_the_enrolment_or_none() {
        let signer = Signer::new();
        let (ours, other): ([u8; 32], [u8; 32]) = (Sha256::digest("n1").into(), Sha256::digest("n2").into());
        for (claim, hash, accepted) in [
            (json!("n1"), &ours, true),
            (json!(null), &ours, true),
            (json!("n1"), &other, false),
            (json!(7), &ours, false),
        ] {
            let token = signer.sign(header(), claims("nonce", claim.clone()));
            assert_eq!(
                check(&signer, &token, Nonce::Hash(hash), NOW_S).await.is_ok(),
                accepted,
                "{claim}"
            );
        }
    }

    #[tokio::test]
    async fn only_a_token_that_is_right_in_all_else_tells_its_time() {
        let signer = Signer::new();
        let late = NOW_S + 300 + 61;
        let good = signer.sign(header(), claims("unknown", json!("x")));
        for (now, in_time) in [
            (NOW_S - 61, false),
            (NOW_S - 60, true),
            (NOW_S + 359, true),
            (late, false),
        ] {
            assert_eq!(
                check(&signer, &good, Nonce::Sent("n1"), now).await.is_ok(),
                in_time,
                "{now}"
            );
        }
        let issued_at = Some(WallTime::from_unix_s(NOW_S));
        let fault = check(&signer, &good, Nonce::Sent("n1"), late).await.err();
        assert_eq!(fault, Some(TokenFault::Time { issued_at }));
        let other_nonce = signer.sign(header(), claims("nonce", json!("n2")));
        let fault = check(&signer, &other_nonce, Nonce::Sent("n1"), late).await.err();
        assert_eq!(fault, Some(TokenFault::Claim("nonce")));
    }
}
