//! Vestibule: enrols a device anonymously at an IdP, keeps its token sealed, hands out tokens for one audience.
