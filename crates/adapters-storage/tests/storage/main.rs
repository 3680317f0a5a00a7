//! The storage adapters through their public face.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
mod life;
#[cfg(test)]
mod support;
