//! Scripted Microsoft, with a response for each URL.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use serde_json::Value;

use super::runtime::TestRuntime;
use crate::runtime::{BodyError, HttpClient, HttpRequest, HttpResponse, SendError, Timers};

/// Delay of deadlines, because timers never fire early.
const LATENESS: Duration = Duration::from_millis(5);

/// Scripted reply of a URL.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, headers and body.
    Response(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Status, and a truncated body.
    CutOff(u16),
    /// Failure without a response.
    Failure(SendError),
}

impl Reply {
    /// Returns a 200 with a JSON body.
    pub(crate) fn json(body: &Value) -> Self {
        Self::Response(200, Vec::new(), body.to_string().into_bytes())
    }

    /// Returns a status without a body.
    pub(crate) const fn status(status: u16) -> Self {
        Self::Response(status, Vec::new(), Vec::new())
    }
}

/// Recorded call.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// Call that waits for its release, which may give it a separate reply.
type HeldCall = Option<oneshot::Sender<Option<Reply>>>;

/// Script and record.
#[derive(Default)]
pub(crate) struct Upstream {
    replies: RefCell<BTreeMap<String, Reply>>,
    /// Held URLs with their waiting calls.
    held: RefCell<BTreeMap<String, Vec<HeldCall>>>,
    calls: RefCell<Vec<RecordedCall>>,
}

impl Upstream {
    /// Sets the reply of `url`, also for calls that are waiting.
    pub(crate) fn respond(&self, url: &str, reply: Reply) {
        self.replies.borrow_mut().insert(url.to_owned(), reply);
    }

    /// Holds calls to `url` until [`Self::release`] or their deadline.
    pub(crate) fn hold(&self, url: &str) {
        self.held.borrow_mut().entry(url.to_owned()).or_default();
    }

    /// Releases the waiting calls to `url` and stops holding new ones.
    pub(crate) fn release(&self, url: &str) {
        let waiting = self.held.borrow_mut().remove(url);
        for sender in waiting.into_iter().flatten().flatten() {
            // The send fails if the waiting call was cancelled.
            let _ = sender.send(None);
        }
    }

    /// Releases one of the calls that wait at `url` with this reply. Calls are numbered since [`Self::hold`].
    pub(crate) fn release_one(&self, url: &str, number: usize, reply: Reply) {
        let sender = self.held.borrow_mut().get_mut(url).unwrap()[number].take();
        // The send fails if the waiting call was cancelled.
        let _ = sender.unwrap().send(Some(reply));
    }

    /// Returns all calls so far.
    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        self.calls.borrow().clone()
    }

    /// Returns the number of calls to `url` so far.
    pub(crate) fn count(&self, url: &str) -> usize {
        self.calls.borrow().iter().filter(|call| call.url == url).count()
    }

    fn record(&self, request: &HttpRequest<'_>) {
        let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = request.body.map(|body| String::from_utf8(body.to_vec()).unwrap());
        self.calls.borrow_mut().push(RecordedCall { url: request.url.to_owned(), headers, body });
    }

    /// Returns a receiver that resolves when `url` is released, with this call's separate reply if there is one.
    /// Returns `None` if `url` is not held.
    fn gate(&self, url: &str) -> Option<oneshot::Receiver<Option<Reply>>> {
        let mut held = self.held.borrow_mut();
        let (sender, receiver) = oneshot::channel();
        held.get_mut(url)?.push(Some(sender));
        Some(receiver)
    }
}

impl HttpClient for TestRuntime {
    async fn send(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError> {
        let upstream = self.upstream();
        upstream.record(&request);
        let mut reply = None;
        if let Some(gate) = upstream.gate(request.url) {
            let deadline = std::pin::pin!(self.sleep(request.deadline + LATENESS));
            match select(gate, deadline).await {
                Either::Left((released, _)) => reply = released.unwrap(),
                Either::Right(_) => return Err(SendError::Deadline),
            }
        }
        let reply = reply.or_else(|| upstream.replies.borrow().get(request.url).cloned());
        match reply.unwrap_or_else(|| panic!("a call to {}, which no test expects", request.url)) {
            Reply::Failure(error) => Err(error),
            Reply::CutOff(status) => {
                Ok(HttpResponse { status, headers: Vec::new(), body: Err(BodyError::Failed(SendError::Connection)) })
            }
            Reply::Response(status, headers, body) => {
                let skipped = request.skip_success_body && (200..=299).contains(&status);
                Ok(HttpResponse {
                    status,
                    headers: headers.into_iter().filter(|(name, _)| request.wanted.contains(name)).collect(),
                    body: match body {
                        _ if skipped => Err(BodyError::Skipped),
                        body if body.len() > request.body_cap => Err(BodyError::TooLarge),
                        body => Ok(body),
                    },
                })
            }
        }
    }
}
