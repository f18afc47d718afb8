//! TCP proxy that loses requests and responses on demand.

use std::{io, sync::Arc};

use acceptance::message;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Fault of one exchange.
#[derive(Clone, Debug)]
pub(crate) enum ExchangeFault {
    /// Request and response pass unchanged.
    Pass,
    /// Only this share of the request is delivered, in thousandths. Both connections are closed.
    CutRequest(usize),
    /// The request is delivered, and the client's connection is closed at once.
    Abandon,
    /// The request is delivered. Only this share of the response is delivered, in thousandths.
    CutResponse(usize),
    /// The request is not delivered, and the client receives this response.
    Respond(String),
    /// The request is delivered and gets a response, but the client receives this response.
    Replace(String),
}

/// Chooses the fault of an exchange by its request.
pub(crate) trait FaultSource: Send + Sync + 'static {
    fn next_fault(&self, request: &[u8]) -> ExchangeFault;
}

/// Running proxy, stopped on drop.
pub(crate) struct LossyProxy {
    base_url: String,
    server: tokio::task::JoinHandle<()>,
}

impl LossyProxy {
    /// Starts the proxy in front of `upstream` on a free port.
    pub(crate) async fn start<F: FaultSource>(upstream: &str, faults: Arc<F>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        let (upstream, faults) = (upstream.clone(), Arc::clone(&faults));
                        connections.spawn(async move {
                            // A failure closes both connections, as in a network.
                            let _ = connection(stream, &upstream, &*faults).await;
                        });
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { base_url, server })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Relays exchanges until a side or a fault closes the connection.
async fn connection(mut near: TcpStream, upstream: &str, faults: &dyn FaultSource) -> io::Result<()> {
    near.set_nodelay(true)?;
    let mut far = TcpStream::connect(upstream).await?;
    far.set_nodelay(true)?;
    while let Some(request) = message(&mut near).await? {
        match faults.next_fault(&request) {
            ExchangeFault::Pass => {
                far.write_all(&request).await?;
                let response = read_response(&mut far).await?;
                near.write_all(&response).await?;
            }
            ExchangeFault::CutRequest(share) => return far.write_all(part(&request, share)).await,
            ExchangeFault::Abandon => {
                far.write_all(&request).await?;
                return far.flush().await;
            }
            ExchangeFault::CutResponse(share) => {
                far.write_all(&request).await?;
                let response = read_response(&mut far).await?;
                return near.write_all(part(&response, share)).await;
            }
            ExchangeFault::Respond(text) => near.write_all(text.as_bytes()).await?,
            ExchangeFault::Replace(text) => {
                far.write_all(&request).await?;
                read_response(&mut far).await?;
                near.write_all(text.as_bytes()).await?;
            }
        }
    }
    Ok(())
}

/// Returns this share of the bytes, in thousandths, and always less than all of them.
fn part(bytes: &[u8], share: usize) -> &[u8] {
    bytes.get(..bytes.len() * share / 1000).unwrap_or_default()
}

async fn read_response(far: &mut TcpStream) -> io::Result<Vec<u8>> {
    message(far).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
