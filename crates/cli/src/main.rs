//! The command line of Vestibule.
fn main() {}
