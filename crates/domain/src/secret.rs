//! Values that must never be seen: no Display, no comparison, no serialisation, a placeholder as Debug, wiped when
//! dropped. `expose` is the one word to search for.

use alloc::{string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroize;

macro_rules! secret {
    ($($(#[$doc:meta])* $name:ident($inner:ty) exposes $view:ty;)+) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name($inner);

        impl $name {
            /// Takes the secret; the caller's other copies are the caller's to wipe.
            #[must_use]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The secret itself. Never log it, never put it in an error.
            #[must_use]
            pub fn expose(&self) -> &$view {
                &self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}

secret! {
    /// 32 random bytes, one per slot and identity, sealed on disk before the IdP hears of them: *the account*. The IdP
    /// adapter derives its proof key from it.
    EnrolmentKey([u8; 32]) exposes [u8; 32];
    /// What an IdP adapter needs to go on with an identity, opaque to everybody else. For OpenID Connect it holds the
    /// refresh token.
    Grant(Vec<u8>) exposes [u8];
    /// An access token for one audience.
    AccessToken(String) exposes str;
    /// What a storage hands out when it opens a record: reseals and re-opens that epoch of it without a prompt.
    RecordKey(Vec<u8>) exposes [u8];
    /// The content of a record in clear, as the SDK encodes it.
    Payload(Vec<u8>) exposes [u8];
    /// A password as a person typed it.
    Password(String) exposes str;
    /// The key that a biometric gate releases.
    GateKey([u8; 32]) exposes [u8; 32];
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};
    use core::marker::PhantomData;

    use super::*;

    /// Asks at compile time whether a type has a trait: an inherent constant hides the trait's.
    struct Probe<T>(PhantomData<T>);

    trait Without {
        const IS_SHOWN: bool = false;
        const IS_COMPARED: bool = false;
    }

    impl<T> Without for Probe<T> {}

    impl<T: fmt::Display> Probe<T> {
        const IS_SHOWN: bool = true;
    }

    impl<T: PartialEq> Probe<T> {
        const IS_COMPARED: bool = true;
    }

    #[test]
    fn debug_prints_a_placeholder() {
        let canary = "canary";
        let bytes = || canary.as_bytes().to_vec();
        let shown = [
            (format!("{:?}", EnrolmentKey::new([0x63; 32])), "EnrolmentKey(..)"),
            (format!("{:?}", Grant::new(bytes())), "Grant(..)"),
            (format!("{:?}", AccessToken::new(canary.into())), "AccessToken(..)"),
            (format!("{:?}", RecordKey::new(bytes())), "RecordKey(..)"),
            (format!("{:?}", Payload::new(bytes())), "Payload(..)"),
            (format!("{:?}", Password::new(canary.into())), "Password(..)"),
            (format!("{:?}", GateKey::new([0x63; 32])), "GateKey(..)"),
            (
                format!("{:#?}", Some(Grant::new(vec![99, 97, 110]))),
                "Some(\n    Grant(..),\n)",
            ),
        ];
        for (shown, placeholder) in shown {
            assert_eq!(shown, placeholder);
        }
    }

    #[test]
    fn no_secret_can_be_shown_or_compared() {
        const {
            assert!(
                Probe::<String>::IS_SHOWN && Probe::<String>::IS_COMPARED,
                "the probe sees nothing"
            );
        }
        macro_rules! none_of {
            ($($name:ident)+) => {[$((stringify!($name), Probe::<$name>::IS_SHOWN, Probe::<$name>::IS_COMPARED)),+]};
        }
        for (name, shown, compared) in none_of!(EnrolmentKey Grant AccessToken RecordKey Payload Password GateKey) {
            assert!(!shown, "{name} has Display");
            assert!(!compared, "{name} has PartialEq");
        }
    }

    #[test]
    fn expose_gives_what_was_put_in() {
        assert_eq!(EnrolmentKey::new([7; 32]).expose(), &[7; 32]);
        assert_eq!(Grant::new(vec![1, 2]).expose(), [1, 2]);
        assert_eq!(AccessToken::new("a".into()).expose(), "a");
    }
}
