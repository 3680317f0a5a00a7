//! The development IdP of Vestibule: a real OpenID provider on 127.0.0.1 with the Device enrollment flow.
