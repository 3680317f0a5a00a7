//! The storage adapters through their public face.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
#[cfg(feature = "as-root")]
mod as_root;
#[cfg(test)]
mod aside;
#[cfg(test)]
mod attempts;
#[cfg(test)]
mod children;
#[cfg(test)]
mod device_key_files;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod files;
#[cfg(test)]
mod format_1;
#[cfg(test)]
mod life;
#[cfg(test)]
mod lockout;
#[cfg(test)]
mod lost_answers;
#[cfg(test)]
mod password;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tampering_by_mode;
