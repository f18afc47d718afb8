//! An exchange between the wire and the services: the request as it came, and how it ends.

use bytes::Bytes;
use hyper::Method;

use crate::record::Answer;

/// A request in full.
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header_values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &'static str) -> Option<&str> {
        self.header_values(name).next()
    }

    /// Exactly one content type, and it is this one; parameters may follow.
    pub(crate) fn has_media_type(&self, wanted: &str) -> bool {
        let given: Vec<&str> = self.header_values("content-type").collect();
        matches!(given.as_slice(), [one] if one.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted)))
    }
}

/// How an exchange ends on the wire.
pub(crate) enum Ending {
    Whole(Answer),
    /// The answer, and how many bytes of its body are sent before the connection closes.
    Cut(Answer, usize),
    Close,
    Hang,
}
