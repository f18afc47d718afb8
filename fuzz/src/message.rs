//! Requests and responses as text, so that people can read and write seeds.

use std::borrow::Cow;

/// Message with a first line, lines of `name: value`, an empty line, and a body.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// First line.
    pub(crate) start: String,
    headers: Vec<(String, String)>,
    /// Bytes after the first empty line.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Parses any bytes as a message.
    pub(crate) fn parse(bytes: &'a [u8]) -> Self {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.and_then(|end| bytes.split_at_checked(end + 1)).unwrap_or((bytes, b"\n"));
        let head: Cow<'_, str> = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
            .collect();
        Self { start, headers, body: body.get(1..).unwrap_or_default() }
    }

    /// Returns the value of the header with this lower-case name. Repeated headers are joined as the platform joins
    /// them.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Returns method, path and query of the first line.
    pub(crate) fn request_line(&self) -> (&str, &str, &str) {
        let (method, target) = self.start.split_once(' ').unwrap_or((self.start.as_str(), "/"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (method, path, query)
    }
}
