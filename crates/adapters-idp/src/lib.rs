//! OpenID Connect adapter of Vestibule: headless enrolment, refresh and revocation over reqwest.
