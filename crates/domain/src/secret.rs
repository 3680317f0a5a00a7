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
