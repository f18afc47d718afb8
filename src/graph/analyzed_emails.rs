//! Reads Graph's list of analyzed emails: one row for each recipient of a message (facts, section 1).
//!
//! The list is paged. The gateway reads each page, processes it row by row, and drops it. So a message with many
//! recipients needs no more memory than one page. Reading removes nothing, so a failed read can be retried.

use std::time::Duration;

use super::access::GraphAccess;
use super::email_page::{self, AnalyzedEmailRow};
use super::error::TokenEndpointError;
use super::response::{refusal, request_id, retry_after};
use crate::deadline::GRAPH_DEADLINE;
use crate::guid::Guid;
use crate::remediation::GraphVersion;
use crate::runtime::{BodyError, Clock, Guids, HttpClient, HttpRequest, HttpResponse, SendError, Signer};
use crate::time::Timestamp;

/// Age of the oldest mail that is read: Explorer keeps 30 days, and readers request as much (facts, section 1).
const REACH: Duration = Duration::from_hours(30 * 24);

/// Number of rows that the gateway requests per page: the largest number that is known to work (facts, section 1).
const PAGE_ROWS: usize = 1000;

/// Maximum size of a page in bytes: 8 KiB for each of [`PAGE_ROWS`], several times the size of a row.
const MAX_PAGE_BYTES: usize = PAGE_ROWS * 8 * 1024;

/// Maximum number of pages of one read: twice the pages of 100 rows that 10,000 recipients fill.
const MAX_PAGES: u32 = 200;

/// Maximum size of all pages of one read in bytes: 8 KiB for each of 10,000 recipients.
const MAX_READ_BYTES: usize = 10 * MAX_PAGE_BYTES;

/// Maximum length of an `@odata.nextLink` in bytes: the length of a URL that servers accept.
const MAX_LINK_BYTES: usize = 8 * 1024;

/// Query for emails.
#[derive(Clone, Copy, Debug)]
pub struct EmailQuery<'a> {
    /// Version of Graph.
    pub version: GraphVersion,
    /// Messages. Each is read separately.
    pub messages: &'a [Guid],
    /// Time at which the read must have ended.
    pub until: Timestamp,
}

/// Error of a read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ReadError {
    /// Kind of the error.
    pub kind: ReadErrorKind,
    /// Graph's status, if a response arrived.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

impl<E: Into<ReadErrorKind>> From<E> for ReadError {
    /// Returns the error of a call without a response from Graph.
    fn from(kind: E) -> Self {
        Self { kind: kind.into(), status: None, graph_request_id: None }
    }
}

/// Kinds of errors of a read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadErrorKind {
    /// No token.
    #[error(transparent)]
    AppToken(#[from] TokenEndpointError),
    /// 400. The caller gets code and message; only the code is logged.
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
    /// A page that is no JSON, or has other types than Graph documents.
    #[error("a page of the list has another form than Graph documents")]
    MalformedPage,
    /// A row of a message that the gateway did not request.
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
/// The rows count only if the read succeeds, because an incomplete list proves nothing about missing rows.
///
/// # Errors
///
/// [`ReadError`] at the first page that cannot be read.
pub async fn read_analyzed_emails(
    runtime: &(impl HttpClient + Clock + Guids + Signer),
    access: &GraphAccess,
    query: EmailQuery<'_>,
    mut each: impl FnMut(&AnalyzedEmailRow<'_>),
) -> Result<(), ReadError> {
    let version = query.version.segment();
    let list = format!("{}/{version}/security/collaboration/analyzedEmails", access.settings.graph_url);
    let now = runtime.now();
    // The list's times are whole seconds. The end is rounded up, so that it is not in the past.
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
            let mut is_other = false;
            let link = email_page::parse(&body, &mut |row| {
                is_other |= row.network_message_id != Some(*message);
                each(row);
            });
            let link = link.map_err(|_| ReadErrorKind::MalformedPage)?;
            if is_other {
                return Err(ReadErrorKind::OtherMessage.into());
            }
            match link {
                None => break,
                Some(link) => url = next_url(&list, &link).ok_or(ReadErrorKind::ForeignLink)?,
            }
        }
    }
    Ok(())
}

/// Returns the URL of an `@odata.nextLink` if it is `list` with a query.
///
/// The URL begins with `list` itself and not with Graph's text, so that the gateway's token cannot reach another
/// server.
fn next_url(list: &str, link: &str) -> Option<String> {
    let (path, query) = link.split_at_checked(list.len())?;
    let is_printable = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let is_usable = path.eq_ignore_ascii_case(list)
        && query.starts_with('?')
        && link.len() <= MAX_LINK_BYTES
        && query.bytes().all(is_printable);
    is_usable.then(|| format!("{list}{query}"))
}

/// Reads a page before `until`. Retries once with a new token after a 401.
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

/// Returns the body of a page, or the error of Graph's response.
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
}
