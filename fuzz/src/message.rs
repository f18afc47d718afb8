//! Requests and answers as text, so that seeds can be read and written by hand.

use std::borrow::Cow;

/// A line, lines of `name: value`, an empty line, and a body.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// The first line.
    pub(crate) start: String,
    headers: Vec<(String, String)>,
    /// What follows the first empty line.
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes any bytes for a message.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
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

    /// The value of the header `name`, given in lower case; several of one name joined as the platform joins them.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The method, the path and the query of the first line.
    pub(crate) fn request_line(&self) -> (&str, &str, &str) {
        let (method, target) = self.start.split_once(' ').unwrap_or((self.start.as_str(), "/"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (method, path, query)
    }
}
