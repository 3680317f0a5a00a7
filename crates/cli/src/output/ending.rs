//! How the process ends.

use vestibule::status::StatusType;

use super::exit_code::exit_code;
use crate::interruption::Signal;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the status of what it did.
    Status(StatusType),
    /// By a signal, whatever it did.
    Signal(Signal),
}

impl Ending {
    /// All is well.
    pub(crate) const OK: Self = Self::Status(StatusType::Ok);

    /// The exit code.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Status(status) => exit_code(status),
            Self::Signal(signal) => signal.exit_code(),
        }
    }
}
