//! HTTP server, including connection faults.
//!
//! The server uses hyper without a framework, because faults need the connection. A failing service closes it without a
//! response, and a failing body closes it within the body.

use std::{
    convert::Infallible,
    future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
    header::{CONTENT_LENGTH, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    admin,
    received::{Ending, Received},
    record::Response,
    routes,
    state::State,
};

/// Maximum body size. It exceeds the gateway's 4 MiB and protects the sandbox's memory from faulty clients.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Error that makes hyper drop a connection.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox closes the connection")]
struct Dropped;

/// Accepts connections until the task is aborted, which ends all connections too.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&state)));
                }
                // The most likely cause is a lack of file descriptors, which closing connections will free.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, state: Arc<State>) {
    // Without this option, a small response may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle_request(Arc::clone(&state), request));
    // An error means that the client disconnected, or that a fault was scripted.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle_request(state: Arc<State>, request: Request<Incoming>) -> Result<hyper::Response<SentBody>, Dropped> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(to_hyper(Response::new(413), None)),
        Err(_) => return Err(Dropped),
    };
    let request = Received {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: header_list(&head.headers),
        body,
    };
    if request.path == "/sandbox" || request.path.starts_with("/sandbox/") {
        return Ok(to_hyper(admin::respond(&state, &request), None));
    }
    // A separate task, because the services complete a request even if the client disconnects.
    let ending = tokio::spawn(async move { routes::handle_exchange(&state, &request).await }).await;
    match ending.map_err(|_| Dropped)? {
        Ending::Complete(response) => Ok(to_hyper(response, None)),
        Ending::Cut(response, after) => Ok(to_hyper(response, Some(after))),
        Ending::Close => Err(Dropped),
        Ending::Hang => future::pending().await,
    }
}

fn header_list(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn to_hyper(response: Response, cut_after: Option<usize>) -> hyper::Response<SentBody> {
    let full = response.body.len();
    let mut body = response.body;
    if let Some(after) = cut_after {
        body.truncate(after);
    }
    // A cut response declares more bytes than are sent, even if its complete body is empty.
    let declared = cut_after.map(|_| full.max(body.len().saturating_add(1)));
    let mut sent =
        hyper::Response::new(SentBody { data: Some(Bytes::from(body)), cut: cut_after.is_some(), flushed: false });
    *sent.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            sent.headers_mut().append(name, value);
        }
    }
    if let Some(declared) = declared {
        sent.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(declared));
    }
    sent
}

/// Body of a response, which may end in an error.
struct SentBody {
    data: Option<Bytes>,
    cut: bool,
    flushed: bool,
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        // hyper flushes its buffer when a body is pending and discards it when a body fails.
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Dropped)))
    }

    fn is_end_stream(&self) -> bool {
        !self.cut && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut {
            return SizeHint::default();
        }
        let length = self.data.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}
