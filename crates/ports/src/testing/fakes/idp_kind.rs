//! The kinds of server that a device can meet.

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdpKind {
    /// Whether the user is tied to the device key: the same key finds the same user.
    pub recoverable: bool,
    /// What a refresh does to the grant.
    pub rotation: Rotation,
}

impl IdpKind {
    /// Every kind that behaves differently.
    pub const ALL: [Self; 8] = [
        Self::of(true, Rotation::None),
        Self::of(true, Rotation::Renewing),
        Self::of(true, Rotation::Reuse(1)),
        Self::of(true, Rotation::Reuse(0)),
        Self::of(false, Rotation::None),
        Self::of(false, Rotation::Renewing),
        Self::of(false, Rotation::Reuse(1)),
        Self::of(false, Rotation::Reuse(0)),
    ];

    const fn of(recoverable: bool, rotation: Rotation) -> Self {
        Self { recoverable, rotation }
    }
}

/// What a refresh does to the grant. The last is Keycloak's rule (`revokeRefreshToken`), as measured on 26.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// No successor: one grant for the whole session.
    None,
    /// A successor each time, and the old ones work on (Keycloak's default).
    Renewing,
    /// A successor each time. A grant may be used once and this many times more, until a successor of it is used; one use
    /// more, or an old grant behind its successor, ends the whole session.
    Reuse(u32),
}
