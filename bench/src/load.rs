//! Load on one candidate over several connections. Each connection sends its next request after a response.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use acceptance::{Failure, Gateway};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::process;
use crate::requests::{Credentials, Kind};

/// Time that a candidate may still work after its last response, for its log and promises, before its CPU time is read.
const SETTLE_TIME: Duration = Duration::from_millis(30);

/// Result of one round on one candidate.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) requests: u64,
    /// CPU time of the candidate's process.
    pub(crate) cpu: Duration,
    /// Time from the first request to the last response.
    pub(crate) wall: Duration,
    /// Time of each request, in microseconds.
    pub(crate) latencies: Vec<u32>,
}

/// Sends `requests` requests of this kind over `connections` connections.
pub(crate) async fn run_round(
    gateway: &Gateway,
    kind: &Arc<Kind>,
    credentials: &Arc<Credentials>,
    connections: usize,
    requests: u64,
) -> Result<Round, Failure> {
    let host = gateway.base_url().trim_start_matches("http://").to_owned();
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.push(connect(&host).await?);
    }
    let left = Arc::new(AtomicU64::new(requests));
    let cpu = process::cpu_time(gateway.process())?;
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for sender in senders {
        clients.spawn(run_client(sender, host.clone(), Arc::clone(kind), Arc::clone(credentials), Arc::clone(&left)));
    }
    let mut latencies = Vec::new();
    while let Some(client) = clients.join_next().await {
        latencies.extend(client??);
    }
    let wall = began.elapsed();
    tokio::time::sleep(SETTLE_TIME).await;
    let cpu = process::cpu_time(gateway.process())?.saturating_sub(cpu);
    Ok(Round { requests, cpu, wall, latencies })
}

async fn connect(host: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn run_client(
    mut sender: SendRequest<Full<Bytes>>,
    host: String,
    kind: Arc<Kind>,
    credentials: Arc<Credentials>,
    left: Arc<AtomicU64>,
) -> Result<Vec<u32>, Failure> {
    let mut latencies = Vec::new();
    let take = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        let request = kind.next_request(&host, &credentials)?;
        let began = Instant::now();
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        if status != kind.status {
            let body = String::from_utf8_lossy(&body).chars().take(1000).collect::<String>();
            return Err(format!("{}: status {status} instead of {}: {body}", kind.target, kind.status).into());
        }
    }
    Ok(latencies)
}
