//! How far the device's clock may be off, and how far we follow a server's.

/// The correction that is applied at most, in milliseconds: one day.
pub const MAX_CORRECTION_MS: i64 = 24 * 60 * 60 * 1000;

/// The offset to add to the device's clock, from what a server said and what the device thought, both in Unix
/// milliseconds. Clamped to a day either way: a server must not move us at will.
#[must_use]
pub fn correction_ms(server_ms: i64, device_ms: i64) -> i64 {
    server_ms
        .saturating_sub(device_ms)
        .clamp(-MAX_CORRECTION_MS, MAX_CORRECTION_MS)
}
