//! Reads Graph's list of analyzed emails: one row for each recipient of a message (facts, section 1).
//!
//! The list is paged. The gateway reads each page, processes it row by row, and drops it. So a message with many
//! recipients needs no more memory than one page. Reading removes nothing, so a failed read can be retried.

use std::time::Duration;

use super::access::{GraphAccess, GraphCalls};
use super::email_page::{self, AnalyzedEmailRow};
use super::error::{GraphError, GraphErrorKind, GraphOperation};
use super::list_limits::{MAX_LINK_BYTES, MAX_PAGE_BYTES, MAX_PAGES, MAX_READ_BYTES, PAGE_ROWS};
use super::response::{error_kind, request_id};
use crate::deadline::GRAPH_DEADLINE;
use crate::guid::Guid;
use crate::remediation::GraphVersion;
use crate::runtime::{BodyError, Clock, Guids, HttpClient, HttpRequest, HttpResponse, Signer, Timers};
use crate::time::Timestamp;

/// Maximum age of the mail that is read: Defender's Explorer keeps 30 days (facts, section 1).
const MAX_AGE: Duration = Duration::from_hours(30 * 24);

/// Query for emails.
#[derive(Clone, Copy, Debug)]
pub struct EmailQuery<'a> {
    /// Version of Graph.
    pub version: GraphVersion,
    /// Messages. Each is read separately.
    pub messages: &'a [Guid],
    /// Time before which no message was received. The list never reaches back further than [`MAX_AGE`].
    pub received_after: Option<Timestamp>,
    /// Time at which the read must have ended.
    pub until: Timestamp,
}

/// Reads all rows of the messages in `query`, and calls `each` with every row.
///
/// The rows count only if the read succeeds, because an incomplete list proves nothing about missing rows.
///
/// # Errors
///
/// [`GraphError`] at the first page that cannot be read.
pub async fn read_analyzed_emails(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers),
    access: &GraphAccess,
    query: EmailQuery<'_>,
    mut each: impl FnMut(&AnalyzedEmailRow<'_>),
) -> Result<(), GraphError> {
    let version = query.version.as_str();
    let list = format!("{}/{version}/security/collaboration/analyzedEmails", access.settings.graph_url);
    let now = runtime.now();
    // The list's times are whole seconds. The end is rounded up, so that it is not in the past.
    let start = query.received_after.unwrap_or_default().clamp(now.minus(MAX_AGE), now);
    let (start, end) = (start.to_rfc3339(), now.plus(Duration::from_millis(999)).to_rfc3339());
    let error = |kind: GraphErrorKind| GraphOperation::List.error(kind);
    let mut calls = GraphCalls { runtime, access, until: query.until, min_time: Duration::ZERO, is_renewed: false };
    let (mut pages, mut bytes) = (0, 0_usize);
    for message in query.messages {
        let filter = format!("$filter=networkMessageId%20eq%20'{message}'");
        let mut url = format!("{list}?startTime={start}&endTime={end}&{filter}&$top={PAGE_ROWS}");
        loop {
            if pages == MAX_PAGES {
                return Err(error(GraphErrorKind::ListTooLong));
            }
            let page_read = access.page_reads.begin(runtime, query.until, pages > 0).await;
            let _page_read = page_read.ok_or_else(|| error(GraphErrorKind::TooManyReads))?;
            let body = read_page(&mut calls, &url).await?;
            pages += 1;
            bytes = bytes.saturating_add(body.len());
            if bytes > MAX_READ_BYTES {
                return Err(error(GraphErrorKind::ListTooLong));
            }
            let mut is_other = false;
            let link = email_page::parse(&body, &mut |row| {
                is_other |= row.network_message_id != Some(*message);
                each(row);
            });
            let link = link.map_err(|_| error(GraphErrorKind::MalformedPage))?;
            if is_other {
                return Err(error(GraphErrorKind::OtherMessage));
            }
            let Some(link) = link else { break };
            url = next_url(&list, &link).ok_or_else(|| error(GraphErrorKind::ForeignLink))?;
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

/// Reads a page.
async fn read_page(
    calls: &mut GraphCalls<'_, impl HttpClient + Clock + Guids + Signer>,
    url: &str,
) -> Result<Vec<u8>, GraphError> {
    let request = HttpRequest {
        url,
        headers: &[],
        body: None,
        deadline: GRAPH_DEADLINE,
        wanted: &["request-id", "retry-after"],
        body_cap: MAX_PAGE_BYTES,
        skip_success_body: false,
    };
    let response = calls.send(&request).await.map_err(|kind| GraphOperation::List.error(kind))?;
    let (status, graph_request_id) = (response.status, request_id(&response));
    let kind = match (status, response.body) {
        (200, Ok(body)) => return Ok(body),
        (200, Err(BodyError::Failed(error))) => error.into(),
        (200, Err(BodyError::TooLarge | BodyError::Skipped)) => GraphErrorKind::PageTooLarge,
        (_, body) => error_kind(&HttpResponse { body, ..response }),
    };
    Err(GraphError { operation: GraphOperation::List, kind, status: Some(status), graph_request_id })
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
