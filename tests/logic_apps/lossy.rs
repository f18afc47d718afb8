//! TCP proxy that loses requests and responses on demand.

use std::{io, sync::Arc};

use acceptance::message;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Fate of one exchange.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Request and response pass unchanged.
    Pass,
    /// Only this share of the request is delivered, in thousandths. Both connections are closed.
    CutRequest(usize),
    /// The request is delivered, and the client's connection is closed at once.
    Abandon,
    /// The request is delivered. Only this share of the response is delivered, in thousandths.
    CutAnswer(usize),
    /// The request is not delivered, and the client receives this response.
    Answer(String),
    /// The request is delivered and answered, but the client receives this response.
    Replace(String),
}

/// Chooses the fate of an exchange by its request.
pub(crate) trait Fates: Send + Sync + 'static {
    fn of(&self, request: &[u8]) -> Fate;
}

/// Running proxy, stopped on drop.
pub(crate) struct Lossy {
    base_url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Lossy {
    /// Starts the proxy in front of `upstream` on a free port.
    pub(crate) async fn start<F: Fates>(upstream: &str, fates: Arc<F>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        let (upstream, fates) = (upstream.clone(), Arc::clone(&fates));
                        connections.spawn(async move {
                            // A failure closes both connections, as in a network.
                            let _ = connection(stream, &upstream, &*fates).await;
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

impl Drop for Lossy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Relays exchanges until a side or a fate closes the connection.
async fn connection(mut near: TcpStream, upstream: &str, fates: &dyn Fates) -> io::Result<()> {
    near.set_nodelay(true)?;
    let mut far = TcpStream::connect(upstream).await?;
    far.set_nodelay(true)?;
    while let Some(request) = message(&mut near).await? {
        match fates.of(&request) {
            Fate::Pass => {
                far.write_all(&request).await?;
                let answer = answer(&mut far).await?;
                near.write_all(&answer).await?;
            }
            Fate::CutRequest(share) => return far.write_all(part(&request, share)).await,
            Fate::Abandon => {
                far.write_all(&request).await?;
                return far.flush().await;
            }
            Fate::CutAnswer(share) => {
                far.write_all(&request).await?;
                let answer = answer(&mut far).await?;
                return near.write_all(part(&answer, share)).await;
            }
            Fate::Answer(text) => near.write_all(text.as_bytes()).await?,
            Fate::Replace(text) => {
                far.write_all(&request).await?;
                answer(&mut far).await?;
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

async fn answer(far: &mut TcpStream) -> io::Result<Vec<u8>> {
    message(far).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
