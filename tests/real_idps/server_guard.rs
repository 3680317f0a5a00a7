//! The guard of a real server.

use std::net::TcpStream;

use vestibule_tests::servers::{Form, OidcProvider};

#[test]
fn a_server_listens_when_it_has_started_and_ends_with_its_guard() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        let address = server.issuer().strip_prefix("http://").unwrap().to_owned();
        assert!(TcpStream::connect(&address).is_ok(), "{form:?}");
        drop(server);
        assert!(TcpStream::connect(&address).is_err(), "{form:?}");
    }
}
