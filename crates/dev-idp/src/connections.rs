//! Serves the router over HTTP/1.1, by hand: hyper must not add a `Date` header, and a scene may end a connection without
//! an answer.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::call::Idp;
use crate::scenes::NoAnswer;

/// The port, and with it the state file: whoever finds the file free finds the port free too.
pub(crate) struct Doorway {
    // Dropped in this order.
    listener: TcpListener,
    _file: FileHeld,
}

struct FileHeld(Arc<Idp>);

impl Doorway {
    pub(crate) const fn new(listener: TcpListener, idp: Arc<Idp>) -> Self {
        Self {
            listener,
            _file: FileHeld(idp),
        }
    }
}

impl Drop for FileHeld {
    fn drop(&mut self) {
        self.0.store.close();
    }
}

/// Accepts until it is dropped; all connections end with it.
pub(crate) async fn serve(doorway: Doorway, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = doorway.listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_one(stream, router.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection was not accepted"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_one(stream: TcpStream, router: Router) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let response: Response = match hyper::service::Service::call(&router, request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if response.extensions().get::<NoAnswer>().is_some() {
                return Err(io::Error::other("a scene lost the answer"));
            }
            Ok(response)
        }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}
