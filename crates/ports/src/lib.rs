//! The ports of Vestibule: what an IdP, a storage and a platform must be able to do.
