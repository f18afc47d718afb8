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

/// Behaviour after a complete request. Without a scripted behaviour, the server accepts the remediation.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Sends these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and keeps the connection open without sending more.
    Stall(Vec<u8>),
    /// Resets the connection.
    Reset,
}

/// TCP server that replaces Graph.
pub(crate) struct FakeGraph {
    base_url: String,
    behaviours: Arc<Mutex<VecDeque<Behaviour>>>,
    calls: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl FakeGraph {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let behaviours = Arc::<Mutex<VecDeque<Behaviour>>>::default();
        let calls = Arc::<AtomicUsize>::default();
        let server = tokio::spawn({
            let (behaviours, calls) = (Arc::clone(&behaviours), Arc::clone(&calls));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (behaviours, calls) = (Arc::clone(&behaviours), Arc::clone(&calls));
                    tokio::spawn(async move {
                        // An error means that the client disconnected, which some tests intend.
                        let _ = exchange(stream, &behaviours, &calls).await;
                    });
                }
            }
        });
        Ok(Self { base_url, behaviours, calls, server })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn script(&self, behaviour: Behaviour) -> TestResult {
        self.behaviours.lock().map_err(|_| "a connection panicked")?.push_back(behaviour);
        Ok(())
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for FakeGraph {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn exchange(
    mut stream: TcpStream,
    behaviours: &Mutex<VecDeque<Behaviour>>,
    calls: &AtomicUsize,
) -> io::Result<()> {
    if message(&mut stream).await?.is_none() {
        return Ok(());
    }
    calls.fetch_add(1, Ordering::SeqCst);
    let behaviour = behaviours.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    match behaviour.unwrap_or_else(|| Behaviour::Bytes(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec()))
    {
        Behaviour::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Behaviour::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending().await
        }
        Behaviour::Reset => stream.set_zero_linger(),
    }
}
