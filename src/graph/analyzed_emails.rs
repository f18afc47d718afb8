//! Reads Graph's list of analyzed emails: one row for each recipient of a message (facts, section 1).
//!
//! The list is paged. Each page is read as a whole, handed to the caller row by row, and dropped, so that a message with many recipients takes
//! no more memory than one page. Reading removes nothing, and a read that fails can be repeated.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::access::GraphAccess;
use super::error::TokenEndpointError;
use super::response::{refusal, request_id, retry_after};
use crate::deadline::GRAPH_DEADLINE;
use crate::guid::Guid;
use crate::remediation::GraphVersion;
use crate::runtime::{BodyError, Clock, Guids, HttpClient, HttpRequest, HttpResponse, SendError, Signer};
use crate::time::Timestamp;

/// How far back the list reaches: Explorer keeps 30 days, and readers ask for as much (facts, section 1).
const REACH: Duration = Duration::from_hours(30 * 24);

/// The most rows that a page is asked for: the largest number that is known to work (facts, section 1).
const PAGE_ROWS: usize = 1000;

/// The largest page in bytes: 8 KiB for each of [`PAGE_ROWS`], several times what a row has.
const MAX_PAGE_BYTES: usize = PAGE_ROWS * 8 * 1024;

/// The most pages of one read: twice the pages of 100 rows that 10,000 recipients fill.
const MAX_PAGES: u32 = 200;

/// The most bytes of all pages of one read: 8 KiB for each of 10,000 recipients.
const MAX_READ_BYTES: usize = 10 * MAX_PAGE_BYTES;

/// The longest `@odata.nextLink` in bytes that is followed: what servers take of a URL.
const MAX_LINK_BYTES: usize = 8 * 1024;

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub struct EmailQuery<'a> {
    /// The version of Graph.
    pub version: GraphVersion,
    /// The messages, each read on its own.
    pub messages: &'a [Guid],
    /// The moment at which the read must have ended.
    pub until: Timestamp,
}

/// A message in the mailbox of one recipient. Members that are not listed here are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnalyzedEmailRow<'a> {
    /// The message.
    #[serde(deserialize_with = "guid")]
    pub network_message_id: Guid,
    /// The mailbox, as an address. Empty if Graph names none.
    #[serde(borrow, default, deserialize_with = "text")]
    pub recipient_email_address: Cow<'a, str>,
    #[serde(borrow)]
    latest_delivery: Option<LatestDelivery<'a>>,
    #[serde(borrow)]
    timeline_events: Option<Vec<TimelineEvent<'a>>>,
}

#[derive(Debug, Deserialize)]
struct LatestDelivery<'a> {
    #[serde(borrow, default, deserialize_with = "text")]
    location: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    action: Cow<'a, str>,
}

/// What happened to a message in a mailbox.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEvent<'a> {
    /// When it happened, as Graph writes it.
    #[serde(borrow, default, deserialize_with = "text")]
    pub event_date_time: Cow<'a, str>,
    /// Who caused it: `system`, `admin` or `user`.
    #[serde(borrow, default, deserialize_with = "text")]
    pub event_source: Cow<'a, str>,
    /// What came of it, a free text.
    #[serde(borrow, default, deserialize_with = "text")]
    pub event_result: Cow<'a, str>,
}

impl AnalyzedEmailRow<'_> {
    /// Returns `latestDelivery.location`, in Graph's spelling. Empty if Graph names none.
    #[must_use]
    pub fn location(&self) -> &str {
        self.latest_delivery.as_ref().map_or("", |delivery| &delivery.location)
    }

    /// Returns `latestDelivery.action`, in Graph's spelling. Empty if Graph names none.
    #[must_use]
    pub fn action(&self) -> &str {
        self.latest_delivery.as_ref().map_or("", |delivery| &delivery.action)
    }

    /// Returns `timelineEvents`.
    #[must_use]
    pub fn events(&self) -> &[TimelineEvent<'_>] {
        self.timeline_events.as_deref().unwrap_or_default()
    }
}

/// A page of the list.
#[derive(Deserialize)]
struct EmailPage<'a> {
    #[serde(borrow)]
    value: Vec<AnalyzedEmailRow<'a>>,
    #[serde(borrow, rename = "@odata.nextLink")]
    next_link: Option<Cow<'a, str>>,
}

/// Why the list could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ReadError {
    /// What happened.
    pub kind: ReadErrorKind,
    /// Graph's status, if a response came.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

impl<E: Into<ReadErrorKind>> From<E> for ReadError {
    /// The error of a call that got no response from Graph.
    fn from(kind: E) -> Self {
        Self { kind: kind.into(), status: None, graph_request_id: None }
    }
}

/// The ways in which a read fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadErrorKind {
    /// There was no token.
    #[error(transparent)]
    AppToken(#[from] TokenEndpointError),
    /// 400. The message is for the caller; the code alone is logged.
    #[error("Graph refused the list of analyzed emails: {code}")]
    Refused {
        /// `error.code`.
        code: String,
        /// `error.message`.
        message: String,
    },
    /// 401.
    #[error("Graph refused the gateway's token")]
    TokenRejected,
    /// 403.
    #[error(
        "Graph denied the list of analyzed emails: is SecurityAnalyzedMessage.Read.All or \
         SecurityAnalyzedMessage.ReadWrite.All granted, and Defender for Office 365 Plan 2 there?"
    )]
    PermissionMissing,
    /// 429.
    #[error("Graph throttles")]
    Throttled {
        /// Graph's `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// 503.
    #[error("Graph is unavailable")]
    Unavailable {
        /// Graph's `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// Any other status.
    #[error("Graph answered with an unexpected status")]
    Unexpected,
    /// A page that is not JSON, or has other types than Graph documents.
    #[error("a page of the list has another form than Graph documents")]
    MalformedPage,
    /// A row of a message that was not asked for.
    #[error("Graph listed a message that was not asked for")]
    OtherMessage,
    /// A `@odata.nextLink` that must not be followed.
    #[error("the list's nextLink does not lead to the configured host and the same path")]
    ForeignLink,
    /// A page larger than [`MAX_PAGE_BYTES`].
    #[error("a page of the list has more than {MAX_PAGE_BYTES} bytes")]
    PageTooLarge,
    /// More than [`MAX_PAGES`] or [`MAX_READ_BYTES`].
    #[error("the list has more than {MAX_PAGES} pages or {MAX_READ_BYTES} bytes")]
    ListTooLong,
    /// No response.
    #[error("Graph: {0}")]
    Send(#[from] SendError),
}

/// Reads all rows of the messages in `query`, and calls `each` with every row.
///
/// The rows count only if the read succeeds: a list that breaks off says nothing about the rows that are missing.
///
/// # Errors
///
/// [`ReadError`] at the first page that cannot be had.
pub async fn read_analyzed_emails(
    runtime: &(impl HttpClient + Clock + Guids + Signer),
    access: &GraphAccess,
    query: EmailQuery<'_>,
    mut each: impl FnMut(&AnalyzedEmailRow<'_>),
) -> Result<(), ReadError> {
    let version = query.version.segment();
    let list = format!("{}/{version}/security/collaboration/analyzedEmails", access.settings.graph_url);
    let now = runtime.now();
    // A second is as fine as the list's times are. The end is rounded up, so that it is not before now.
    let (start, end) = (now.minus(REACH).to_rfc3339(), now.plus(Duration::from_millis(999)).to_rfc3339());
    let (mut pages, mut bytes) = (0, 0_usize);
    for message in query.messages {
        let filter = format!("$filter=networkMessageId%20eq%20'{message}'");
        let mut url = format!("{list}?startTime={start}&endTime={end}&{filter}&$top={PAGE_ROWS}");
        loop {
            if pages == MAX_PAGES {
                return Err(ReadErrorKind::ListTooLong.into());
            }
            let body = read_page(runtime, access, &url, query.until).await?;
            pages += 1;
            bytes = bytes.saturating_add(body.len());
            if bytes > MAX_READ_BYTES {
                return Err(ReadErrorKind::ListTooLong.into());
            }
            let page: EmailPage<'_> = serde_json::from_slice(&body).map_err(|_| ReadErrorKind::MalformedPage)?;
            for row in &page.value {
                if row.network_message_id != *message {
                    return Err(ReadErrorKind::OtherMessage.into());
                }
                each(row);
            }
            match page.next_link {
                None => break,
                Some(link) => url = next_url(&list, &link).ok_or(ReadErrorKind::ForeignLink)?,
            }
        }
    }
    Ok(())
}

/// Returns the URL that a `@odata.nextLink` leads to, if it is `list` with a query.
///
/// The beginning is `list` itself and not Graph's text, so that the gateway's token cannot go anywhere else.
fn next_url(list: &str, link: &str) -> Option<String> {
    let (path, query) = link.split_at_checked(list.len())?;
    let is_printable = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let is_usable = path.eq_ignore_ascii_case(list)
        && query.starts_with('?')
        && link.len() <= MAX_LINK_BYTES
        && query.bytes().all(is_printable);
    is_usable.then(|| format!("{list}{query}"))
}

/// Reads a page before `until`. Once more after a 401, with a new token.
async fn read_page(
    runtime: &(impl HttpClient + Clock + Guids + Signer),
    access: &GraphAccess,
    url: &str,
    until: Timestamp,
) -> Result<Vec<u8>, ReadError> {
    let mut renewed = false;
    loop {
        let token = access.app_token.get(runtime, &access.settings, until).await?;
        let left = until.since(runtime.now());
        if left.is_zero() {
            return Err(SendError::Deadline.into());
        }
        let authorization = format!("Bearer {}", token.expose());
        let client_request_id = runtime.new_guid();
        let request = HttpRequest {
            url,
            headers: &[
                ("Authorization", authorization.as_str()),
                ("Accept", "application/json"),
                ("client-request-id", client_request_id.as_str()),
                ("User-Agent", crate::runtime::USER_AGENT),
            ],
            body: None,
            deadline: GRAPH_DEADLINE.min(left),
            wanted: &["request-id", "retry-after"],
            body_cap: MAX_PAGE_BYTES,
            skip_success_body: false,
        };
        match page_body(runtime.send(request).await?) {
            Err(ReadError { kind: ReadErrorKind::TokenRejected, .. }) if !renewed => {
                access.app_token.drop_rejected(&token);
                renewed = true;
            }
            Err(error) => {
                if error.kind == ReadErrorKind::TokenRejected {
                    access.app_token.drop_rejected(&token);
                }
                return Err(error);
            }
            Ok(body) => return Ok(body),
        }
    }
}

/// Returns the body of a page, or what Graph's response means.
fn page_body(response: HttpResponse) -> Result<Vec<u8>, ReadError> {
    let (status, graph_request_id) = (response.status, request_id(&response));
    let kind = match status {
        200 => match response.body {
            Ok(body) => return Ok(body),
            Err(BodyError::Failed(error)) => error.into(),
            Err(BodyError::TooLarge | BodyError::Skipped) => ReadErrorKind::PageTooLarge,
        },
        400 => {
            let (code, message) = refusal(response.body_or_empty());
            ReadErrorKind::Refused { code, message }
        }
        401 => ReadErrorKind::TokenRejected,
        403 => ReadErrorKind::PermissionMissing,
        429 => ReadErrorKind::Throttled { retry_after: retry_after(&response) },
        503 => ReadErrorKind::Unavailable { retry_after: retry_after(&response) },
        _ => ReadErrorKind::Unexpected,
    };
    Err(ReadError { kind, status: Some(status), graph_request_id })
}

/// Reads a text, and `null` as an empty one. Borrows it from the page if it has no escapes.
fn text<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, str>, D::Error> {
    deserializer.deserialize_any(TextVisitor)
}

fn guid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Guid, D::Error> {
    text(deserializer)?.parse().map_err(D::Error::custom)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "https://graph.microsoft.com/v1.0/security/collaboration/analyzedEmails";

    #[test]
    fn link_is_followed_to_the_same_host_and_path_only() {
        for good in
            ["?$skiptoken=1", "?startTime=2026-01-01T00:00:00Z&$filter=networkMessageId+eq+'x'&$skiptoken=a%20b"]
        {
            assert_eq!(next_url(LIST, &format!("{LIST}{good}")), Some(format!("{LIST}{good}")), "{good}");
        }
        let upper = format!("{}?$skiptoken=A", LIST.replace("graph.microsoft", "GRAPH.Microsoft"));
        assert_eq!(
            next_url(LIST, &upper),
            Some(format!("{LIST}?$skiptoken=A")),
            "the host is the configured one's text"
        );
        for bad in [
            String::new(),
            "?$skiptoken=1".to_owned(),
            LIST.to_owned(),
            format!("{LIST}/?x"),
            format!("{LIST}/../../me?x"),
            format!("{LIST}x?y"),
            format!("{LIST}#?x"),
            format!("{LIST}?x#y"),
            format!("{LIST}?x y"),
            format!("{LIST}?x\ny"),
            format!("{LIST}?\u{e9}"),
            format!("{LIST}?{}", "x".repeat(MAX_LINK_BYTES)),
            LIST.replace("v1.0", "beta") + "?x",
            LIST.replace("https", "http") + "?x",
            LIST.replace("microsoft.com", "microsoft.com.evil.example") + "?x",
            LIST.replace("graph.", "user@graph.") + "?x",
            LIST.replace("microsoft.com", "microsoft.com:8443") + "?x",
            LIST.replace("analyzedEmails", "incidents") + "?x",
            format!(" {LIST}?x"),
            format!("//evil.example/{LIST}?x"),
        ] {
            assert_eq!(next_url(LIST, &bad), None, "{bad}");
        }
    }

    #[test]
    fn row_is_read_whatever_else_it_has() {
        let id = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
        let full = format!(
            r#"{{"id":"x","networkMessageId":"{}","recipientEmailAddress":"a\u0040b.c","senderDetail":{{"fromAddress":null}},
                "latestDelivery":{{"location":"Inbox","action":"delivered","more":[1]}},"urls":[{{"url":"x"}}],
                "timelineEvents":[{{"eventDateTime":"2026-01-01T00:00:00Z","eventSource":"admin","eventType":null,"eventResult":"ok"}}]}}"#,
            id.to_uppercase(),
        );
        let row: AnalyzedEmailRow<'_> = serde_json::from_str(&full).unwrap();
        assert_eq!(row.network_message_id, id.parse().unwrap());
        assert_eq!((&*row.recipient_email_address, row.location(), row.action()), ("a@b.c", "Inbox", "delivered"));
        let event = row.events().first().unwrap();
        assert_eq!((&*event.event_source, &*event.event_result), ("admin", "ok"));

        for (rest, location) in [
            ("", ""),
            (r#","recipientEmailAddress":null,"latestDelivery":null,"timelineEvents":null"#, ""),
            (r#","latestDelivery":{"location":null},"timelineEvents":[]"#, ""),
            (r#","latestDelivery":{"location":"x"}"#, "x"),
        ] {
            let row = format!(r#"{{"networkMessageId":"{id}"{rest}}}"#);
            let row: AnalyzedEmailRow<'_> = serde_json::from_str(&row).unwrap();
            assert_eq!(
                (row.location(), row.events().len(), &*row.recipient_email_address),
                (location, 0, ""),
                "{rest}"
            );
        }
    }

    #[test]
    fn page_of_another_form_is_malformed() {
        let id = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
        for page in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[],"value":[]}"#,
            r#"{"value":[],"@odata.nextLink":1}"#,
            r#"{"value":[1]}"#,
            r#"{"value":[{}]}"#,
            r#"{"value":[{"networkMessageId":null}]}"#,
            r#"{"value":[{"networkMessageId":"x"}]}"#,
            &format!(r#"{{"value":[{{"networkMessageId":"{id}","recipientEmailAddress":1}}]}}"#),
            &format!(r#"{{"value":[{{"networkMessageId":"{id}","latestDelivery":"inbox"}}]}}"#),
            &format!(r#"{{"value":[{{"networkMessageId":"{id}","timelineEvents":{{}}}}]}}"#),
            &format!(r#"{{"value":[{{"networkMessageId":"{id}","x":{}}}]}}"#, "[".repeat(100_000)),
            r#"{"value":[]} x"#,
        ] {
            assert!(serde_json::from_str::<EmailPage<'_>>(page).is_err(), "{}", page.get(..80).unwrap_or(page));
        }
        assert!(serde_json::from_str::<EmailPage<'_>>(r#"{"@odata.context":"x","value":[]}"#).is_ok());
    }
}
