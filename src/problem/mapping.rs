//! Maps each error to the caller's view: code, text, headers, and the locations in the payload.

use super::details::{ProblemDetails, misconfigured, nothing_sent, sentence, unknown_outcome};
use super::error::GatewayError;
use super::{auth, microsoft};
use crate::auth::permissions::{PermissionError, Positions};
use crate::code::Code;
use crate::expansion::ExpansionError;
use crate::http::RequestBodyError;
use crate::ledger::{LedgerError, Quota};
use crate::preconditions::error::RequestError;
use crate::preconditions::{ContentHeadersError, MAX_BODY_BYTES};
use crate::remediation::limits::MAX_POINTERS;
use crate::remediation::{JsonError, LeftOut, ParseError, PayloadError, Recipients};

/// `Retry-After` in seconds while the gateway is stopped: five minutes, since a person lifts the stop. Clients do not
/// retry forever: Logic Apps retries a 503 four times, an SDK three times (facts, sections 4 and 5). Then the run fails
/// where its owner sees it.
const STOPPED_RETRY_AFTER: u32 = 300;

/// `Retry-After` in seconds if too many requests came from the client's address: the longest period of a rate limiting
/// binding, which does not say its period.
const RATE_LIMIT_RETRY_AFTER: u32 = 60;

/// `Retry-After` in seconds if Graph lists no recipient. Graph lists new mail within minutes (facts, section 1).
const NOT_FOUND_RETRY_AFTER: u32 = 300;

/// `Retry-After` in seconds if the caller's ledger is unavailable: five seconds. A Durable Object restarts within a
/// second or two after a deployment or a reset, and an overloaded one needs some time without new requests.
const LEDGER_RETRY_AFTER: u32 = 5;

impl GatewayError {
    /// Returns the caller's view of a reason. The `match` is exhaustive, so that each new reason must get a code.
    pub(super) fn details(&self) -> ProblemDetails {
        match self {
            Self::NotFound => nothing_sent(
                Code::NotFound,
                "The path is unknown. Send POST /remediate, /remediate/messages or /remediate/status, or POST to \
                 Microsoft Graph's path of the action under /beta or /v1.0.",
            ),
            Self::MethodNotAllowed(route) => {
                let methods = route.methods();
                let text = format!("This path answers {} only.", methods.join(" and "));
                nothing_sent(Code::MethodNotAllowed, &text).header("Allow", methods.join(", "))
            }
            Self::NotHttps(_) => nothing_sent(
                Code::HttpsRequired,
                "The request came over plain HTTP. Use https, and rotate the credential, which is exposed.",
            ),
            Self::ContentHeaders(error) => content_headers(*error),
            Self::Misconfigured => misconfigured(),
            Self::TooManyRequests => nothing_sent(
                Code::TooManyRequests,
                "Too many requests came from the client's network address. Retry later.",
            )
            .retry_after(Some(RATE_LIMIT_RETRY_AFTER)),
            Self::Auth(error) => auth::auth(*error),
            Self::Request(error) => request(*error),
            Self::Stopped => nothing_sent(
                Code::Stopped,
                "The gateway's operator has stopped all remediations. Retry after the stop ends.",
            )
            .retry_after(Some(STOPPED_RETRY_AFTER)),
            Self::Body(error) => body(*error),
            Self::Parse(error) => parse_error(error),
            Self::Permission { caller, error } => permission(caller, error),
            Self::InProgress => {
                unknown_outcome(Code::InProgress, "The same remediation is in progress. Retry later.").retry_after(None)
            }
            Self::KeyReused => nothing_sent(
                Code::IdempotencyKeyReused,
                "The Idempotency-Key was used for another remediation within the last 24 hours. Send a new key with \
                 each remediation.",
            ),
            Self::QuotaExceeded { emails, quota } => quota_exceeded(*emails, *quota),
            Self::Graph(error) => microsoft::graph(error),
            Self::Expansion(error) => expansion(*error),
            Self::Retry(error) => retry(error),
            Self::TooLate => {
                nothing_sent(Code::GraphTimeout, "The body arrived too late to call Microsoft Graph. Send it again.")
            }
            Self::Ledger(error) => ledger(*error),
            Self::Lost => unknown_outcome(Code::Internal, "The gateway failed."),
        }
    }
}

fn ledger(error: LedgerError) -> ProblemDetails {
    let unavailable = match error {
        LedgerError::Unreachable | LedgerError::Overloaded | LedgerError::Reset => {
            unknown_outcome(Code::LedgerUnavailable, "The caller's ledger is unavailable. Retry later.")
        }
        LedgerError::Storage => {
            nothing_sent(Code::LedgerUnavailable, "The storage of the caller's ledger failed. Retry later.")
        }
        LedgerError::OtherFormat => nothing_sent(Code::LedgerUnavailable, "The gateway is being updated. Retry later."),
        LedgerError::Failed => return unknown_outcome(Code::Internal, "The caller's ledger failed."),
    };
    unavailable.retry_after(Some(LEDGER_RETRY_AFTER))
}

fn too_large() -> ProblemDetails {
    let text = format!("The body may have {MAX_BODY_BYTES} bytes at most, and as many after decompression.");
    nothing_sent(Code::PayloadTooLarge, &text)
}

fn invalid_request(text: &str) -> ProblemDetails {
    nothing_sent(Code::InvalidRequest, text)
}

fn body(error: RequestBodyError) -> ProblemDetails {
    match error {
        RequestBodyError::TooLarge => too_large(),
        RequestBodyError::CutOff => invalid_request("The body is incomplete. Send it again."),
        RequestBodyError::NotGzip => invalid_request(
            "Content-Encoding is gzip, but the body is not gzip. Compress the body, or leave the header out.",
        ),
        RequestBodyError::Damaged => invalid_request("The gzip body is truncated or damaged. Compress it again."),
        RequestBodyError::Trailing => {
            invalid_request("The gzip body has bytes after its end. Compress the whole body at once.")
        }
    }
}

/// A 415 names the accepted types (RFC 9110, section 15.5.16).
fn unsupported_media_type(text: &str) -> ProblemDetails {
    nothing_sent(Code::UnsupportedMediaType, text).header("Accept", "application/json")
}

fn unsupported_coding(text: &str) -> ProblemDetails {
    nothing_sent(Code::UnsupportedMediaType, text).header("Accept-Encoding", "gzip, identity")
}

fn content_headers(error: ContentHeadersError) -> ProblemDetails {
    match error {
        ContentHeadersError::ChunkedTransfer => invalid_request(
            "x-ms-transfer-mode: chunked is not supported. Turn off \"Allow chunking\" in the HTTP action's settings.",
        ),
        ContentHeadersError::Encoded => {
            unsupported_coding("Content-Encoding is not gzip. Send the body in gzip or plain.")
        }
        ContentHeadersError::EncodedTwice => {
            unsupported_coding("Content-Encoding names gzip more than once. Compress the body once.")
        }
        ContentHeadersError::NoType => {
            unsupported_media_type("Content-Type is missing or empty. Send the body as Content-Type: application/json.")
        }
        ContentHeadersError::RepeatedType => {
            unsupported_media_type("Content-Type is given more than once. Send Content-Type: application/json once.")
        }
        ContentHeadersError::Form => unsupported_media_type(
            "Content-Type is that of a form. Send the body as JSON, as Content-Type: application/json.",
        ),
        ContentHeadersError::NotJson => unsupported_media_type(
            "Content-Type is not application/json. Send the body as Content-Type: application/json.",
        ),
        ContentHeadersError::Charset => unsupported_media_type(
            "The charset in Content-Type is not UTF-8. Encode the body in UTF-8, and send Content-Type: \
             application/json; charset=utf-8.",
        ),
        ContentHeadersError::RepeatedLength => invalid_request("Content-Length is given more than once. Send it once."),
        ContentHeadersError::MalformedLength => invalid_request("Content-Length is not a number."),
        ContentHeadersError::TooLarge => too_large(),
    }
}

fn request(error: RequestError) -> ProblemDetails {
    invalid_request(match error {
        RequestError::Value => "validateOnly must be true or false.",
        RequestError::Repeated => "validateOnly is given more than once. Send it once.",
        RequestError::RepeatedIdempotencyKey => {
            "Idempotency-Key is given more than once, or holds a comma and a space. Send one key without spaces."
        }
        RequestError::IdempotencyKey => {
            "Idempotency-Key must be one key of 1 to 255 visible ASCII characters, quoted or bare."
        }
        RequestError::Undecodable => {
            "The name of a query parameter is not UTF-8, so it may have meant validateOnly. Send it in UTF-8."
        }
        RequestError::Misspelt => {
            "A query parameter resembles validateOnly, or holds it in its value. Send ?validateOnly=true, or leave it out."
        }
    })
}

fn parse_error(error: &ParseError) -> ProblemDetails {
    match error {
        ParseError::NotJson(error) => {
            let details = nothing_sent(Code::InvalidJson, &sentence(&error.to_string()));
            match error {
                JsonError::Repeated { pointer } => details.error_at(pointer, "is given twice in one object"),
                _ => details,
            }
        }
        ParseError::Invalid(errors) => {
            let counted = errors.counted();
            let listed =
                if counted == errors.total() { String::new() } else { format!(", of which {counted} are listed") };
            let text = sentence(&format!("{errors}{listed}"));
            nothing_sent(Code::InvalidPayload, &text).errors(errors.listed())
        }
    }
}

fn permission(caller: &str, error: &PermissionError) -> ProblemDetails {
    match error {
        PermissionError::Action(action) => nothing_sent(
            Code::ActionNotAllowed,
            &format!("The caller \"{caller}\" is not granted the action {}.", action.as_str()),
        )
        .error_at("/action", "is not granted"),
        PermissionError::SendersCopy => nothing_sent(
            Code::SendersCopyNotAllowed,
            &format!(
                "senders_copy of the caller \"{caller}\" does not grant the sender's copy. Send remediateSendersCopy as \
                 false."
            ),
        )
        .error_at("/remediateSendersCopy", "is not granted"),
        PermissionError::Recipients(positions) => {
            let text = format!(
                "recipient_domains of the caller \"{caller}\" does not cover {} of the recipients{}.",
                positions.total,
                omission_note(positions)
            );
            nothing_sent(Code::RecipientNotAllowed, &text)
                .errors([recipients_error(positions, "is outside the granted domains")])
        }
        PermissionError::Protected(positions) => {
            let text = format!(
                "The operator of the gateway protects {} of the recipients{} from every remediation. Leave them out.",
                positions.total,
                omission_note(positions)
            );
            nothing_sent(Code::RecipientProtected, &text).errors([recipients_error(positions, "is protected")])
        }
        PermissionError::WholeMessages => nothing_sent(
            Code::WholeMessagesNotAllowed,
            &format!(
                "whole_messages of the caller \"{caller}\" does not grant remediations without recipients. Send the pairs of \
                 message and recipient to /remediate."
            ),
        ),
        PermissionError::MaxRecipients { max_recipients, most } => nothing_sent(
            Code::TooManyEmails,
            &format!("max_emails_per_request of the caller \"{caller}\" is {most}; maxRecipients is {max_recipients}."),
        )
        .error_at("/maxRecipients", "is more than is granted"),
        PermissionError::TooMany { emails, most } => nothing_sent(
            Code::TooManyEmails,
            &format!("max_emails_per_request of the caller \"{caller}\" is {most}; the request has {emails}."),
        )
        .error_at("/analyzedEmails", "has more emails than are granted"),
    }
}

fn expansion(error: ExpansionError) -> ProblemDetails {
    match error {
        ExpansionError::NotFound(_) => nothing_sent(
            Code::MessageNotFound,
            "Microsoft Graph lists no recipient of these messages. Graph may not have listed a new message yet, the message is \
             older than 30 days or than receivedAfter, or no recipient has a licence for Defender for Office 365. Check the \
             networkMessageIds, or retry later.",
        )
        .retry_after(Some(NOT_FOUND_RETRY_AFTER)),
        ExpansionError::Outside { outside, .. } => nothing_sent(
            Code::RecipientNotAllowed,
            &format!(
                "recipient_domains of the caller does not cover {outside} of the recipients that Microsoft Graph lists."
            ),
        ),
        ExpansionError::TooMany { most, recipients } => nothing_sent(
            Code::TooManyRecipients,
            &format!(
                "Microsoft Graph lists {} recipients to remediate; maxRecipients is {most}. Raise maxRecipients, or send \
                 fewer messages.",
                recipients.emails()
            ),
        ),
        ExpansionError::NothingLeft(Recipients { found, left_out, .. }) => {
            let LeftOut { quarantine, unreachable, protected } = left_out;
            let text = format!(
                "Microsoft Graph lists {found} of these recipients, and each is left out: {quarantine} in quarantine, \
                 {unreachable} unreachable, {protected} protected."
            );
            nothing_sent(Code::NothingToRemediate, &text)
        }
    }
}

/// An expansion's own codes say that nothing was sent, so the error of a retry gets another code.
fn retry(error: &GatewayError) -> ProblemDetails {
    let mut details = error.details();
    if matches!(error, GatewayError::Expansion(_)) {
        details.code = Code::InProgress;
        if details.headers.is_empty() {
            details = details.retry_after(None);
        }
    }
    details.after_unknown_outcome()
}

/// Returns the part of the text that says how many locations are listed, or an empty text if all of them are.
fn omission_note(positions: &Positions) -> String {
    if positions.total > positions.first.len() {
        format!(", of which the first {MAX_POINTERS} are listed")
    } else {
        String::new()
    }
}

fn recipients_error(positions: &Positions, detail: &str) -> PayloadError {
    let at = |index: &usize| format!("/analyzedEmails/{index}/recipientEmailAddress");
    let pointers: Vec<_> = positions.first.iter().map(at).collect();
    let pointer = pointers.first().cloned().unwrap_or_default();
    PayloadError { pointer, detail: detail.to_owned(), count: positions.total, pointers }
}

fn quota_exceeded(emails: u64, quota: Quota) -> ProblemDetails {
    let Quota { limit, remaining, reset } = quota;
    let text = format!(
        "max_emails_per_hour of the caller is {limit}, the remaining quota is {remaining}, and the request needs \
         {emails}."
    );
    nothing_sent(Code::QuotaExceeded, &text).header("Retry-After", reset.max(1).to_string())
}
