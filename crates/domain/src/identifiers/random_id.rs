//! Names of 16 bytes that we give ourselves: opaque, compared whole, shown as hex.

use core::fmt;

use super::InvalidParameter;

macro_rules! random_id {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes the 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )+};
}

random_id! {
    /// One identity's record through all its writes: a new identity is a new record id.
    RecordId
    /// One write: a repeat with the same id is the same write, and is done if that id already stands.
    WriteId
    /// One flow of one SDK handle, never a process.
    OwnerId
    /// The place of a record in storage, given out by the storage: what an app names a record by that has no user.
    RecordHandle
}

impl RecordHandle {
    /// Parses the 32 lower-case hex digits that `Display` writes.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `record`.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        let refused = InvalidParameter {
            field: "record",
            why: "is not 32 lower-case hex digits",
        };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(refused),
        };
        if value.len() != 32 {
            return Err(refused);
        }
        let mut bytes = [0_u8; 16];
        for (byte, pair) in bytes.iter_mut().zip(value.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return Err(refused) };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}
