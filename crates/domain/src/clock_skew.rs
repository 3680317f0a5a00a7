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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_followed_for_a_day_at_most() {
        let day = 86_400_000;
        let table = [
            (1_000, 1_000, 0),
            (5_000, 1_000, 4_000),
            (1_000, 5_000, -4_000),
            (day, 0, day),
            (day + 1, 0, day),
            (0, day, -day),
            (0, day + 1, -day),
            (i64::MAX, i64::MIN, day),
            (i64::MIN, i64::MAX, -day),
        ];
        for (server_ms, device_ms, expected) in table {
            assert_eq!(
                correction_ms(server_ms, device_ms),
                expected,
                "server {server_ms}, device {device_ms}"
            );
        }
    }
}
