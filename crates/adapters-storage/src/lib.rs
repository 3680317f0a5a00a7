//! Storage adapters of Vestibule: the vault over any byte store, file and memory byte stores, device key, presence.
