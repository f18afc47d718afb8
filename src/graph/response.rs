//! Parses Graph's response to a remediation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{GraphError, GraphErrorKind, GraphOperation};
use super::tracking::LocationError;
use super::{is_plain, tracking};
use crate::guid::Guid;
use crate::json;
use crate::remediation::Recipients;
use crate::runtime::{BodyError, HttpResponse};
use crate::time::Timestamp;

/// Maximum length of Graph's error code or request ID that is passed on or logged, in characters. The longest
/// documented code has about 60.
const MAX_CODE_LENGTH: usize = 100;
/// Maximum length of Graph's error message that is passed on, in characters: several times the sentence or two that
/// Graph writes, and less than a console's screen.
const MAX_MESSAGE_LENGTH: usize = 1000;
/// Maximum accepted `Retry-After` in seconds: one day. Graph's are seconds to minutes, and an erroneous value must not
/// stop a caller for longer.
pub const MAX_RETRY_AFTER: u32 = 24 * 60 * 60;

/// Graph's acceptance of a remediation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Link to the remediation: Graph's own text if the link is usable, otherwise the Action center's history.
    pub location: String,
    /// Reason why Graph's `Location` is not used, for the log. It is not recorded.
    #[serde(skip)]
    pub location_error: Option<LocationError>,
    /// Whether Graph already had the remediation: its response was the 409 "Duplicate remediation".
    pub duplicate: bool,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
    /// Graph's status.
    pub status: u16,
    /// Counts of the recipients, if Graph's list named them.
    #[serde(default)]
    pub recipients: Option<Recipients>,
    /// Time of Graph's response. The ledger records it beside the other members.
    #[serde(skip)]
    pub at: Timestamp,
}

impl Accepted {
    /// Replaces an unusable location with the Action center's history, also if an older version recorded it.
    #[must_use]
    pub fn with_usable_location(self, tenant_id: Guid) -> Self {
        let location_error = match tracking::check_location(&self.location) {
            Ok(()) => return self,
            // Graph sent none.
            Err(_) if self.location.is_empty() => None,
            Err(error) => Some(error),
        };
        let location = format!("https://security.microsoft.com/action-center/history?tid={tenant_id}");
        Self { location, location_error, ..self }
    }
}

/// Parses Graph's response, which arrived at `at`, to a remediation with the body `graph_request`.
///
/// # Errors
///
/// [`GraphError`] for every status except 2xx and the 409 of a duplicate.
pub fn read(
    response: &HttpResponse,
    tenant_id: Guid,
    graph_request: &[u8],
    at: Timestamp,
) -> Result<Accepted, GraphError> {
    let status = response.status;
    let graph_request_id = request_id(response);
    let names_duplicate = status == 409 && names_duplicate(response.body_or_empty());
    let duplicate = names_duplicate && !could_be_quoted(graph_request);
    if response.is_success() || duplicate {
        let location = response.header("location").unwrap_or_default().to_owned();
        let accepted =
            Accepted { location, location_error: None, duplicate, graph_request_id, status, recipients: None, at };
        return Ok(accepted.with_usable_location(tenant_id));
    }
    let kind = match &response.body {
        // It is unknown whether the body names a duplicate, which would be a success.
        Err(BodyError::Failed(error)) if status == 409 => (*error).into(),
        _ if names_duplicate => GraphErrorKind::QuotingConflict,
        _ if status == 409 => GraphErrorKind::Conflict,
        _ => error_kind(response),
    };
    Err(GraphError { operation: GraphOperation::Remediate, kind, status: Some(status), graph_request_id })
}

/// Returns the error of a status that is neither a success nor a conflict.
pub(super) fn error_kind(response: &HttpResponse) -> GraphErrorKind {
    match response.status {
        400 => {
            let (code, message) = code_and_message(response.body_or_empty());
            GraphErrorKind::Refused { code, message }
        }
        401 => GraphErrorKind::TokenRejected,
        403 => GraphErrorKind::PermissionMissing,
        429 => GraphErrorKind::Throttled { retry_after: retry_after(response) },
        503 => GraphErrorKind::Unavailable { retry_after: retry_after(response) },
        _ => GraphErrorKind::Unexpected,
    }
}

/// Returns whether the body of a 409 names a duplicate. Microsoft does not document which member names it; published
/// code reads these two (facts, section 1). Other members may quote the caller.
fn names_duplicate(body: &[u8]) -> bool {
    let body = json::read(body).unwrap_or_default();
    let mut texts = ["code", "message"].into_iter().filter_map(|member| error_text(&body, member));
    texts.any(|text| text.to_ascii_lowercase().contains("duplicate remediation"))
}

/// Returns whether a text of the payload contains the words by which Graph names a duplicate, so that Graph may be
/// quoting it.
///
/// Only letters count, because Graph may quote a text without its line breaks or punctuation. `graph_request` is the
/// JSON that [`crate::remediation::Remediation::to_graph_json`] writes.
fn could_be_quoted(graph_request: &[u8]) -> bool {
    let is_duplicate = |text: &str| text.contains("duplicateremediation");
    let mut letters = String::new();
    let mut bytes = graph_request.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            // The start or the end of a text.
            b'"' if is_duplicate(&letters) => return true,
            b'"' => letters.clear(),
            // No escape encodes a letter. The longest is `\u001f`.
            b'\\' => {
                let digits = if bytes.next() == Some(&b'u') { 4 } else { 0 };
                bytes.by_ref().take(digits).for_each(drop);
            }
            _ if byte.is_ascii_alphabetic() => letters.push(char::from(byte.to_ascii_lowercase())),
            _ => {}
        }
    }
    is_duplicate(&letters)
}

/// Returns a text of Graph's error object (facts, section 1).
fn error_text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get("error")?.get(member)?.as_str()
}

/// Returns code and message of a 400's body.
fn code_and_message(body: &[u8]) -> (String, String) {
    let body = json::read(body).unwrap_or_default();
    let code = error_text(&body, "code").filter(|code| is_plain(code, MAX_CODE_LENGTH)).unwrap_or("badRequest");
    let message = error_text(&body, "message").unwrap_or("Microsoft Graph gave no message.");
    let message = message.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE_LENGTH).collect();
    (code.to_owned(), message)
}

/// Returns Graph's `request-id` if it may be logged.
pub(super) fn request_id(response: &HttpResponse) -> Option<String> {
    response.header("request-id").filter(|id| is_plain(id, MAX_CODE_LENGTH)).map(str::to_owned)
}

/// Returns the seconds of `Retry-After`. Microsoft does not send the other form, a date (facts, section 1), so a date
/// counts as absent.
#[must_use]
pub fn retry_after(response: &HttpResponse) -> Option<u32> {
    let seconds = response.header("retry-after")?.trim();
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| seconds.parse().unwrap_or(MAX_RETRY_AFTER).min(MAX_RETRY_AFTER))
}
