//! A TCP proxy that loses what it is told to lose.

use std::{io, sync::Arc};

use acceptance::message;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What becomes of one exchange.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Both sides hear each other.
    Pass,
    /// Of the request only this share arrives, in thousandths, and both sides are cut off.
    CutRequest(usize),
    /// The request arrives, and its sender is gone at once.
    Abandon,
    /// The request arrives and is answered, and of the answer this share arrives, in thousandths.
    CutAnswer(usize),
    /// The request arrives nowhere, and this is the answer.
    Answer(String),
    /// The request arrives and is answered, but this is the answer that arrives.
    Replace(String),
}

/// Decides on the fate of an exchange by its request.
pub(crate) trait Fates: Send + Sync + 'static {
    fn of(&self, request: &[u8]) -> Fate;
}

/// A running proxy. It ends when this is dropped.
pub(crate) struct Lossy {
    base_url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Lossy {
    /// Listens on a port of its own, in front of `upstream`.
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
                            // What fails here fails for both sides, as it does in a network.
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

/// Exchange after exchange, until one side ends or a fate does.
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

/// This many thousandths of the bytes, and never all of them.
fn part(bytes: &[u8], share: usize) -> &[u8] {
    bytes.get(..bytes.len() * share / 1000).unwrap_or_default()
}

async fn answer(far: &mut TcpStream) -> io::Result<Vec<u8>> {
    message(far).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
