//! A request on a kept connection can fail in ways that leave open whether it was sent: none is kept.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use vestibule_ports::IdpError;

use crate::device::{Device, settings};
use crate::stub_server::{json, read};

#[tokio::test]
async fn each_request_has_a_connection_of_its_own() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // How many requests came over each connection. The server would take more than one.
    let connections: Arc<Mutex<Vec<usize>>> = Arc::default();
    let seen = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let at = seen.lock().unwrap().len();
            seen.lock().unwrap().push(0);
            tokio::spawn(async move {
                while read(&mut stream).await.is_some() {
                    seen.lock().unwrap()[at] += 1;
                    stream.write_all(&json(500, "{}")).await.unwrap();
                }
            });
        }
    });
    let device = Device::new(settings(&format!("http://127.0.0.1:{port}/{{tenant}}")), "acme", 1);
    for _ in 0..3 {
        let error = device.enroll().await.unwrap_err();
        assert!(matches!(error, IdpError::Unreachable(_)), "{error:?}");
    }
    assert_eq!(*connections.lock().unwrap(), [1, 1, 1]);
    server.abort();
}
