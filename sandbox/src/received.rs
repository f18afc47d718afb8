//! Request and ending of an exchange, as the server passes them to and from the services.

use bytes::Bytes;
use hyper::Method;

use crate::record::Response;

/// Complete request.
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

    /// Returns whether the request has one content type and it is `wanted`, with or without parameters.
    pub(crate) fn has_media_type(&self, wanted: &str) -> bool {
        let given: Vec<&str> = self.header_values("content-type").collect();
        matches!(given.as_slice(), [one] if one.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted)))
    }
}

/// Ending of an exchange on the connection.
pub(crate) enum Ending {
    Complete(Response),
    /// Response, and the number of body bytes to send before the connection closes.
    Cut(Response, usize),
    Close,
    Hang,
}
