//! Tokens that the stub signs with a key of its own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vestibule_domain::status::Untrusted;

use crate::clock::START_S;
use crate::device::{Device, settings};
use crate::hostile_answers::grant_from;
use crate::stub_server::{StubServer, json as json_answer};

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn key_set(&self) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)}]}).to_string()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"at+jwt"}"#);
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[tokio::test]
async fn an_access_token_is_proven_by_the_issuers_key_and_bound_if_the_answer_says_so() {
    let (stub, signer) = (StubServer::start().await, Signer::new());
    stub.answer("/certs", json_answer(200, &signer.key_set()));
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    let grant = grant_from(&stub, &device).await;
    let claims = |issuer: String, life: u64| json!({"iss": issuer, "sub": "u1", "aud": "orders", "iat": START_S, "exp": START_S + life});
    let own = || format!("{}/acme", stub.origin());
    let foreign = Signer::new();
    // token, type of the answer -> bound, or not trusted
    let table = [
        (signer.sign(&claims(own(), 300)), "Bearer", Some(false)),
        (signer.sign(&claims(own(), 300)), "DPoP", Some(true)),
        (signer.sign(&claims("https://idp.example".into(), 300)), "Bearer", None),
        (foreign.sign(&claims(own(), 300)), "Bearer", None),
        (
            signer.sign(&json!({"iss": own(), "sub": "u1", "iat": START_S})),
            "Bearer",
            None,
        ),
        ("a.b.c".into(), "Bearer", None),
    ];
    for (token, kind, expected) in table {
        let body = json!({"access_token": token, "token_type": kind, "expires_in": 60}).to_string();
        stub.answer("/token", json_answer(200, &body));
        let reply = device.refresh(&grant, Some("orders")).await.unwrap().access_token;
        match expected {
            Some(is_bound) => {
                let reply = reply.unwrap();
                assert_eq!(reply.claims.unwrap().is_bound, is_bound, "{kind}");
                assert_eq!(
                    reply.lifetime.unwrap().as_secs(),
                    60,
                    "the shorter of answer and claims"
                );
            }
            None => assert!(matches!(reply, Err(Untrusted::TokenAnswer(_))), "{token}"),
        }
    }
}
