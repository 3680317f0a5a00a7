//! The device's proof key (DPoP, RFC 9449): derived from the enrolment key, so that every retry proves the same one.
//!
//! HKDF-SHA-256 (RFC 5869) over the 32 bytes gives a P-256 scalar; a candidate outside 1..n is thrown away and the
//! next one is taken (FIPS 186-5, A.2.2), so that every implementation finds the same key.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use hkdf::Hkdf;
use huskarl::core::crypto::signer::{AsymmetricJwsSigner, AsymmetricJwsSignerSelector, JwsSigner, JwsSignerSelector};
use huskarl::core::jwk::{EcPublicKey, KeyUse, PublicJwk};
use huskarl::core::platform::MaybeSendBoxFuture;
use huskarl::core::{Error, RetryAdvice};
use sha2::Sha256;
use vestibule_domain::secret::EnrolmentKey;
use zeroize::Zeroizing;

/// What the derived bytes are for (the `info` of HKDF); a counter byte follows. A new way to derive gets a new text.
const PURPOSE: &[u8] = b"vestibule dpop p-256 v1";
/// Most candidates that are tried. One is thrown away with probability 2^-32.
const MAX_CANDIDATES: u8 = 16;
/// An uncompressed P-256 point: 0x04, x, y (SEC 1, section 2.3.3).
const POINT_BYTES: usize = 65;

/// The proof key of one identity.
#[derive(Clone)]
pub(crate) struct DpopKey {
    inner: Arc<Inner>,
}

struct Inner {
    pair: EcdsaKeyPair,
    public: PublicJwk,
    thumbprint: String,
}

impl DpopKey {
    /// Derives the key. `None` is possible in theory only: 16 candidates in a row out of range.
    pub(crate) fn derive(key: &EnrolmentKey) -> Option<Self> {
        (0..MAX_CANDIDATES).find_map(|counter| Self::from_scalar(&*candidate(key, counter)?))
    }

    /// The key with this private scalar; `None` when it is 0 or not below the order of the curve.
    fn from_scalar(scalar: &[u8; 32]) -> Option<Self> {
        let point = PrivateKey::from_private_key(&ECDH_P256, scalar)
            .ok()?
            .compute_public_key()
            .ok()?;
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, scalar, point.as_ref())
                .ok()?;
        let point: &[u8; POINT_BYTES] = point.as_ref().try_into().ok()?;
        let (x, y) = point.get(1..)?.split_at_checked(32)?;
        let public = PublicJwk::builder()
            .algorithm("ES256")
            .key_use(KeyUse::Sign)
            .key(EcPublicKey::builder().crv("P-256").x(x.to_vec()).y(y.to_vec()).build())
            .build();
        let thumbprint = public.thumbprint();
        Some(Self {
            inner: Arc::new(Inner {
                pair,
                public,
                thumbprint,
            }),
        })
    }

    /// The key's thumbprint (RFC 7638): what `dpop_jkt`, `cnf.jkt` and `device_jkt` name.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.inner.thumbprint
    }
}

fn candidate(key: &EnrolmentKey, counter: u8) -> Option<Zeroizing<[u8; 32]>> {
    let mut scalar = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, key.expose())
        .expand_multi_info(&[PURPOSE, &[counter]], &mut *scalar)
        .ok()?;
    Some(scalar)
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey(..)")
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey(..)")
    }
}

impl JwsSignerSelector for DpopKey {
    fn select_signer(&self) -> MaybeSendBoxFuture<'_, Arc<dyn JwsSigner>> {
        let signer: Arc<dyn JwsSigner> = self.inner.clone();
        Box::pin(async { signer })
    }
}

impl AsymmetricJwsSignerSelector for DpopKey {
    fn select_asymmetric_signer(&self) -> MaybeSendBoxFuture<'_, Arc<dyn AsymmetricJwsSigner>> {
        let signer: Arc<dyn AsymmetricJwsSigner> = self.inner.clone();
        Box::pin(async { signer })
    }

    fn select_signer_by_thumbprint<'a>(
        &'a self,
        thumbprint: &'a str,
    ) -> MaybeSendBoxFuture<'a, Option<Arc<dyn AsymmetricJwsSigner>>> {
        let signer: Arc<dyn AsymmetricJwsSigner> = self.inner.clone();
        Box::pin(async move { (thumbprint == self.thumbprint()).then_some(signer) })
    }
}

impl JwsSigner for Inner {
    fn jws_algorithm(&self) -> Cow<'_, str> {
        Cow::Borrowed("ES256")
    }

    fn key_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn sign<'a>(&'a self, input: &'a [u8]) -> MaybeSendBoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            self.pair
                .sign(&SystemRandom::new(), input)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| Error::new(RetryAdvice::No, "the proof could not be signed"))
        })
    }
}

impl AsymmetricJwsSigner for Inner {
    fn public_key_jwk(&self) -> Cow<'_, PublicJwk> {
        Cow::Borrowed(&self.public)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    /// The order of P-256 (FIPS 186-5 / SP 800-186, section 3.2.1.3).
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
        0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    fn below_order(by: u8) -> [u8; 32] {
        let mut scalar = ORDER;
        scalar[31] -= by;
        scalar
    }

    #[test]
    fn a_scalar_outside_the_group_is_no_key() {
        let mut one = [0; 32];
        one[31] = 1;
        let table = [
            ([0; 32], false),
            (one, true),
            (below_order(1), true),
            (ORDER, false),
            ([0xff; 32], false),
        ];
        for (scalar, accepted) in table {
            assert_eq!(DpopKey::from_scalar(&scalar).is_some(), accepted, "{scalar:02x?}");
        }
    }

    /// A device whose derivation changed has lost its account. The value was computed a second time from RFC 5869 and
    /// the curve's formulas, outside of this code.
    #[test]
    fn the_derivation_never_changes() {
        let key = DpopKey::derive(&EnrolmentKey::new([7; 32])).unwrap();
        assert_eq!(key.thumbprint(), "4R1DGFVUAoEkems56uuvazsYKWNDzC2YetS1felibWc");
        assert_eq!(
            DpopKey::derive(&EnrolmentKey::new([7; 32])).unwrap().thumbprint(),
            key.thumbprint()
        );
        assert_ne!(
            DpopKey::derive(&EnrolmentKey::new([8; 32])).unwrap().thumbprint(),
            key.thumbprint()
        );
    }

    #[test]
    fn every_candidate_is_another_one() {
        let key = EnrolmentKey::new([7; 32]);
        let mut all: Vec<[u8; 32]> = (0..MAX_CANDIDATES)
            .map(|counter| *candidate(&key, counter).unwrap())
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), usize::from(MAX_CANDIDATES));
    }

    #[tokio::test]
    async fn what_it_signs_verifies_with_the_key_it_names() {
        let key = DpopKey::derive(&EnrolmentKey::new([7; 32])).unwrap();
        let signature = key.inner.sign(b"input").await.unwrap();
        let huskarl::core::jwk::PublicKey::Ec(point) = &key.inner.public.key else {
            panic!("not an EC key")
        };
        let point = [&[4][..], &point.x, &point.y].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(b"input", &signature)
            .unwrap();
        assert_eq!(format!("{key:?} {:?}", key.inner), "DpopKey(..) DpopKey(..)");
    }
}
