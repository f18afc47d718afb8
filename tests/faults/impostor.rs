//! Server that replaces Graph and sends arbitrary bytes.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use acceptance::{TestResult, message};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Behaviour after a complete request. Without a scripted behaviour, the impostor accepts the remediation.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Sends these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and keeps the connection open without sending more.
    Stall(Vec<u8>),
    /// Resets the connection.
    Reset,
}

/// TCP server that replaces Graph.
pub(crate) struct Impostor {
    base_url: String,
    plays: Arc<Mutex<VecDeque<Play>>>,
    calls: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Impostor {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let plays = Arc::<Mutex<VecDeque<Play>>>::default();
        let calls = Arc::<AtomicUsize>::default();
        let server = tokio::spawn({
            let (plays, calls) = (Arc::clone(&plays), Arc::clone(&calls));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (plays, calls) = (Arc::clone(&plays), Arc::clone(&calls));
                    tokio::spawn(async move {
                        // An error means that the client disconnected, which some tests intend.
                        let _ = exchange(stream, &plays, &calls).await;
                    });
                }
            }
        });
        Ok(Self { base_url, plays, calls, server })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn script(&self, play: Play) -> TestResult {
        self.plays.lock().map_err(|_| "a connection panicked")?.push_back(play);
        Ok(())
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn exchange(mut stream: TcpStream, plays: &Mutex<VecDeque<Play>>, calls: &AtomicUsize) -> io::Result<()> {
    if message(&mut stream).await?.is_none() {
        return Ok(());
    }
    calls.fetch_add(1, Ordering::SeqCst);
    let play = plays.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    match play.unwrap_or_else(|| Play::Bytes(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec())) {
        Play::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Play::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending().await
        }
        Play::Reset => stream.set_zero_linger(),
    }
}
