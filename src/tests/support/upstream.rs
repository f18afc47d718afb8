//! Microsoft, scripted per URL.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use serde_json::Value;

use super::runtime::TestRuntime;
use crate::runtime::{BodyError, HttpClient, HttpRequest, HttpResponse, SendError, Timers};

/// How much later than asked a deadline strikes: timers are never early.
const LATENESS: Duration = Duration::from_millis(5);

/// What a URL answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, headers and body.
    Response(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Status, and a body that breaks off.
    CutOff(u16),
    /// No answer.
    Failure(SendError),
}

impl Reply {
    /// 200 and a JSON body.
    pub(crate) fn json(body: &Value) -> Self {
        Self::Response(200, Vec::new(), body.to_string().into_bytes())
    }

    /// A status alone.
    pub(crate) const fn status(status: u16) -> Self {
        Self::Response(status, Vec::new(), Vec::new())
    }
}

/// A call as it was made.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// A call that waits until it is released, possibly with a reply of its own.
type HeldCall = Option<oneshot::Sender<Option<Reply>>>;

/// The script and the record.
#[derive(Default)]
pub(crate) struct Upstream {
    replies: RefCell<BTreeMap<String, Reply>>,
    /// URLs that are held, with the calls that wait there.
    held: RefCell<BTreeMap<String, Vec<HeldCall>>>,
    calls: RefCell<Vec<RecordedCall>>,
}

impl Upstream {
    /// From now on `url` answers with `reply`, also to the calls that wait there.
    pub(crate) fn respond(&self, url: &str, reply: Reply) {
        self.replies.borrow_mut().insert(url.to_owned(), reply);
    }

    /// From now on calls to `url` wait, until [`Self::release`] or their deadline.
    pub(crate) fn hold(&self, url: &str) {
        self.held.borrow_mut().entry(url.to_owned()).or_default();
    }

    /// Lets the calls go that wait at `url`, and all that come.
    pub(crate) fn release(&self, url: &str) {
        let waiting = self.held.borrow_mut().remove(url);
        for request in waiting.into_iter().flatten().flatten() {
            // Whoever waited may be gone.
            let _ = request.send(None);
        }
    }

    /// Lets one of the calls go that wait at `url`, by its number since [`Self::hold`], with this reply.
    pub(crate) fn release_one(&self, url: &str, number: usize, reply: Reply) {
        let request = self.held.borrow_mut().get_mut(url).unwrap()[number].take();
        // Whoever waited may be gone.
        let _ = request.unwrap().send(Some(reply));
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        self.calls.borrow().clone()
    }

    /// How often `url` was called so far.
    pub(crate) fn count(&self, url: &str) -> usize {
        self.calls.borrow().iter().filter(|request| request.url == url).count()
    }

    fn record(&self, request: &HttpRequest<'_>) {
        let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = request.body.map(|body| String::from_utf8(body.to_vec()).unwrap());
        self.calls.borrow_mut().push(RecordedCall { url: request.url.to_owned(), headers, body });
    }

    /// Resolves when `url` is released, to the reply if it is this call's own; `None` where it is not held.
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
