//! Fast emulation of Graph that accepts every remediation and remembers none.
//!
//! The sandbox validates and records requests, so its cost would distort the measurement.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Running upstream, stopped on drop.
pub(crate) struct Upstream {
    pub(crate) base_url: String,
    taken: Arc<AtomicU64>,
    server: JoinHandle<Infallible>,
}

impl Upstream {
    /// Starts the upstream on a free loopback port.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let taken = Arc::new(AtomicU64::new(0));
        let server = tokio::spawn(serve(listener, Arc::clone(&taken)));
        Ok(Self { base_url, taken, server })
    }

    /// Returns the number of remediations accepted so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, taken: Arc<AtomicU64>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connection(stream, Arc::clone(&taken)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, taken: Arc<AtomicU64>) {
    // Without this option, a small response may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| remediate(Arc::clone(&taken), request));
    // An error means that the candidate disconnected.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Accepts any remediation in Graph's form (facts, section 1).
async fn remediate(taken: Arc<AtomicU64>, request: Request<Incoming>) -> hyper::Result<Response<Empty<Bytes>>> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let number = taken.fetch_add(1, Ordering::Relaxed);
    let location = format!(
        r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["{}"]}}&tid={}"#,
        guid(number),
        sandbox::TENANT_ID
    );
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    for (name, value) in [
        ("content-type", "application/json;text/plain"),
        ("location", location.as_str()),
        ("request-id", guid(number).as_str()),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Returns a GUID built from a number, which is much cheaper than a random one.
pub(crate) fn guid(number: u64) -> String {
    format!("{:08x}-{:04x}-4000-8000-{:012x}", number >> 16 & 0xffff_ffff, number & 0xffff, number)
}
