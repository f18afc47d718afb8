//! Microsoft, scripted per URL.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use serde_json::Value;

use super::platform::TestPlatform;
use crate::ports::{Call, Http, Received, SendFailure, Timers, Unread};

/// How much later than asked a deadline strikes: timers are never early.
const LATENESS: Duration = Duration::from_millis(5);

/// What a URL answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Status, and a body that breaks off.
    CutOff(u16),
    /// No answer.
    Failure(SendFailure),
}

impl Reply {
    /// 200 and a JSON body.
    pub(crate) fn json(body: &Value) -> Self {
        Self::Answer(200, Vec::new(), body.to_string().into_bytes())
    }

    /// A status alone.
    pub(crate) const fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }
}

/// A call as it was made.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// The script and the record.
#[derive(Default)]
pub(crate) struct Upstream {
    replies: RefCell<BTreeMap<String, Reply>>,
    /// URLs that are held, with the calls that wait there.
    held: RefCell<BTreeMap<String, Vec<oneshot::Sender<()>>>>,
    calls: RefCell<Vec<RecordedCall>>,
}

impl Upstream {
    /// From now on `url` answers with `reply`, also to the calls that wait there.
    pub(crate) fn answer(&self, url: &str, reply: Reply) {
        self.replies.borrow_mut().insert(url.to_owned(), reply);
    }

    /// From now on calls to `url` wait, until [`Self::release`] or their deadline.
    pub(crate) fn hold(&self, url: &str) {
        self.held.borrow_mut().entry(url.to_owned()).or_default();
    }

    /// Lets the calls go that wait at `url`, and all that come.
    pub(crate) fn release(&self, url: &str) {
        let waiting = self.held.borrow_mut().remove(url);
        for call in waiting.into_iter().flatten() {
            // Whoever waited may be gone.
            let _ = call.send(());
        }
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        self.calls.borrow().clone()
    }

    /// How often `url` was called so far.
    pub(crate) fn count(&self, url: &str) -> usize {
        self.calls.borrow().iter().filter(|call| call.url == url).count()
    }

    fn record(&self, call: &Call<'_>) {
        let headers = call.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = call.body.map(|body| String::from_utf8(body.to_vec()).unwrap());
        self.calls.borrow_mut().push(RecordedCall { url: call.url.to_owned(), headers, body });
    }

    /// Resolves when `url` is released; `None` where it is not held.
    fn gate(&self, url: &str) -> Option<oneshot::Receiver<()>> {
        let mut held = self.held.borrow_mut();
        let (sender, receiver) = oneshot::channel();
        held.get_mut(url)?.push(sender);
        Some(receiver)
    }
}

impl Http for TestPlatform {
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        let upstream = self.upstream();
        upstream.record(&call);
        if let Some(gate) = upstream.gate(call.url) {
            let deadline = std::pin::pin!(self.sleep(call.deadline + LATENESS));
            if let Either::Right(_) = select(gate, deadline).await {
                return Err(SendFailure::Deadline);
            }
        }
        let reply = upstream.replies.borrow().get(call.url).cloned();
        match reply.unwrap_or_else(|| panic!("a call to {}, which no test expects", call.url)) {
            Reply::Failure(failure) => Err(failure),
            Reply::CutOff(status) => {
                Ok(Received { status, headers: Vec::new(), body: Err(Unread::Failed(SendFailure::Connection)) })
            }
            Reply::Answer(status, headers, body) => {
                let skipped = call.skip_success_body && (200..=299).contains(&status);
                Ok(Received {
                    status,
                    headers: headers.into_iter().filter(|(name, _)| call.wanted.contains(name)).collect(),
                    body: match body {
                        _ if skipped => Err(Unread::Skipped),
                        body if body.len() > call.body_cap => Err(Unread::TooLarge),
                        body => Ok(body),
                    },
                })
            }
        }
    }
}
