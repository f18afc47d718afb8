//! Graph as no server would be: bytes on a connection, whatever they are.

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

/// What one request is answered, once it is there in full. Without more, it is accepted.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// These bytes, and then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing for ever.
    Stall(Vec<u8>),
    /// The connection is reset.
    Reset,
}

/// Listens on a port of its own, in Graph's place.
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
                        // A client that is gone does not mind.
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
