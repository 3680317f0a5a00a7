//! An SDK over files, of which one was spoiled: what that means for its user, and for the others.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
mod two_users;
