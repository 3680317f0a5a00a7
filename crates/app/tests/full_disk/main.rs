//! An SDK on a disk that is really full, over the vault of files. Only root can mount such a disk (feature `as-root`).

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
mod enrol_and_rotate;
#[cfg(test)]
#[path = "../../../adapters-storage/tests/storage/as_root/small_disk.rs"]
#[expect(dead_code, reason = "shared with the tests of the storage, which use more of it")]
mod small_disk;
