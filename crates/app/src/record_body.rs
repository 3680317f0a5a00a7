//! The content of a record: deterministic CBOR with numbered fields, sealed by the storage.

use minicbor::{Decode, Encode};
use vestibule_domain::identifiers::UserId;
use vestibule_domain::instant::WallTime;
use vestibule_domain::record::Unreadable;
use vestibule_domain::secret::{EnrolmentKey, Grant, Payload};
use vestibule_domain::status::Cause;
use zeroize::Zeroize;

/// The key that is the account, and what the IdP gave for it.
#[derive(Clone, Debug)]
pub(crate) struct RecordBody {
    /// The account.
    pub key: EnrolmentKey,
    /// Its cache.
    pub grant: Option<Grant>,
    /// Whether the grant is marked refused: to be revoked and taken out, never sent.
    pub refused: bool,
    /// The user that the grant belongs to, once it is proven.
    pub subject: Option<UserId>,
    /// Whether the IdP ties the user to the key.
    pub recoverable: bool,
    /// When the session at the IdP ends unless it is used, as far as it was told.
    pub session_ends: Option<WallTime>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Encoded {
    #[cbor(n(1), with = "minicbor::bytes")]
    key: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    grant: Option<Vec<u8>>,
    #[n(3)]
    refused: bool,
    #[n(4)]
    subject: Option<String>,
    #[n(5)]
    recoverable: bool,
    #[n(6)]
    session_ends_unix_ms: Option<i64>,
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.key.zeroize();
        self.grant.zeroize();
    }
}

impl RecordBody {
    /// The body of an enrolment that has begun.
    pub(crate) const fn begun(key: EnrolmentKey) -> Self {
        Self {
            key,
            grant: None,
            refused: false,
            subject: None,
            recoverable: false,
            session_ends: None,
        }
    }

    pub(crate) fn encode(&self) -> Result<Payload, Cause> {
        let encoded = Encoded {
            key: self.key.expose().to_vec(),
            grant: self.grant.as_ref().map(|grant| grant.expose().to_vec()),
            refused: self.refused,
            subject: self.subject.as_ref().map(|user| user.as_str().to_owned()),
            recoverable: self.recoverable,
            session_ends_unix_ms: self.session_ends.map(WallTime::unix_ms),
        };
        minicbor::to_vec(&encoded)
            .map(Payload::new)
            .map_err(|_| Cause::ContractBroken("a record body does not encode"))
    }

    pub(crate) fn decode(payload: &Payload) -> Result<Self, Cause> {
        let damaged = || Cause::Unreadable(Unreadable::Corrupted);
        let mut encoded: Encoded = minicbor::decode(payload.expose()).map_err(|_| damaged())?;
        let subject = encoded
            .subject
            .take()
            .map(|user| UserId::parse(&user))
            .transpose()
            .map_err(|_| damaged())?;
        Ok(Self {
            key: EnrolmentKey::new(encoded.key.as_slice().try_into().map_err(|_| damaged())?),
            grant: encoded.grant.take().map(Grant::new),
            refused: encoded.refused,
            subject,
            recoverable: encoded.recoverable,
            session_ends: encoded.session_ends_unix_ms.map(WallTime::from_unix_ms),
        })
    }

    /// Whether this body holds this very grant.
    pub(crate) fn holds(&self, grant: &Grant) -> bool {
        self.grant.as_ref().is_some_and(|held| held.expose() == grant.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_was_written() {
        let body = RecordBody {
            grant: Some(Grant::new(vec![7; 40])),
            refused: true,
            subject: Some(UserId::parse("u-1").unwrap()),
            recoverable: true,
            session_ends: Some(WallTime::from_unix_s(5)),
            ..RecordBody::begun(EnrolmentKey::new([3; 32]))
        };
        let back = RecordBody::decode(&body.encode().unwrap()).unwrap();
        assert_eq!(back.key.expose(), &[3; 32]);
        assert!(back.holds(&Grant::new(vec![7; 40])));
        assert!(back.refused && back.recoverable);
        assert_eq!(
            (back.subject, back.session_ends),
            (body.subject.clone(), body.session_ends)
        );
    }

    #[test]
    fn a_truncated_body_is_corrupted_and_never_half_read() {
        let whole = RecordBody::begun(EnrolmentKey::new([3; 32])).encode().unwrap();
        for length in 0..whole.expose().len() {
            let cut = Payload::new(whole.expose()[..length].to_vec());
            assert_eq!(
                RecordBody::decode(&cut).unwrap_err(),
                Cause::Unreadable(Unreadable::Corrupted),
                "{length}"
            );
        }
    }
}
