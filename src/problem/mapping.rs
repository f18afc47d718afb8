//! Maps each error to the caller's view: code, text, headers, and the locations in the payload.

use super::details::{ProblemDetails, misconfigured, sentence};
use super::error::GatewayError;
use super::{auth, microsoft};
use crate::auth::permissions::{PermissionError, Places};
use crate::code::Code;
use crate::expansion::ExpansionError;
use crate::http::RequestBodyError;
use crate::ledger::{LedgerError, Quota};
use crate::preconditions::error::RequestError;
use crate::preconditions::{ContentHeadersError, MAX_BODY_BYTES};
use crate::remediation::limits::MAX_POINTERS;
use crate::remediation::{JsonError, LeftOut, ParseError, PayloadError, Recipients};

/// `Retry-After` in seconds while the gateway is stopped: five minutes, since a person lifts the stop. Other clients
/// end by themselves: Logic Apps retries a 503 four times, an SDK three times (facts, sections 4 and 5). Then the run
/// fails where its owner sees it.
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
            Self::NotFound => ProblemDetails::new(
                Code::NotFound,
                "The path is unknown. Send POST /remediate, /remediate/messages or /remediate/status, or POST to Microsoft Graph's path of the action under /beta or /v1.0. Nothing was sent.",
            ),
            Self::MethodNotAllowed(route) => {
                let methods = route.methods();
                ProblemDetails::new(
                    Code::MethodNotAllowed,
                    format!("This path answers {} only. Nothing was sent.", methods.join(" and ")),
                )
                .header("Allow", methods.join(", "))
            }
            Self::NotHttps(_) => ProblemDetails::new(
                Code::HttpsRequired,
                "The request came over plain HTTP. Use https, and rotate the credential, which is exposed. Nothing was sent.",
            ),
            Self::ContentHeaders(error) => content_headers(*error),
            Self::Misconfigured => misconfigured(),
            Self::TooManyRequests => ProblemDetails::new(
                Code::TooManyRequests,
                "Too many requests came from the client's network address. Retry later. Nothing was sent.",
            )
            .retry_after(Some(RATE_LIMIT_RETRY_AFTER)),
            Self::Auth(error) => auth::auth(*error),
            Self::Request(error) => request(*error),
            Self::Stopped => ProblemDetails::new(
                Code::Stopped,
                "The gateway's operator has stopped all remediations. Retry after the stop ends. Nothing was sent.",
            )
            .retry_after(Some(STOPPED_RETRY_AFTER)),
            Self::Body(error) => body(*error),
            Self::Parse(error) => parse_error(error),
            Self::Permission { caller, error } => rights(caller, error),
            Self::InProgress => ProblemDetails::new(
                Code::InProgress,
                "The same remediation is in progress. Retry later. The outcome is unknown; it is safe to retry.",
            )
            .retry_after(None),
            Self::KeyReused => ProblemDetails::new(
                Code::IdempotencyKeyReused,
                "The Idempotency-Key was used for another remediation within the last 24 hours. Send a new key with each remediation. Nothing was sent.",
            ),
            Self::QuotaExceeded { emails, quota } => quota_exceeded(*emails, *quota),
            Self::Graph(error) => microsoft::graph(error),
            Self::Expansion(error) => expansion(*error),
            Self::TooLate => ProblemDetails::new(
                Code::GraphTimeout,
                "The body arrived too late to call Microsoft Graph. Send it again. Nothing was sent.",
            ),
            Self::Ledger(error) => ledger(*error),
            Self::Lost => {
                ProblemDetails::new(Code::Internal, "The gateway failed. The outcome is unknown; it is safe to retry.")
            }
        }
    }
}

fn ledger(error: LedgerError) -> ProblemDetails {
    match error {
        LedgerError::Unreachable | LedgerError::Overloaded | LedgerError::Reset => ProblemDetails::new(
            Code::LedgerUnavailable,
            "The caller's ledger is unavailable. Retry later. The outcome is unknown; it is safe to retry.",
        )
        .retry_after(Some(LEDGER_RETRY_AFTER)),
        LedgerError::Storage => ProblemDetails::new(
            Code::LedgerUnavailable,
            "The storage of the caller's ledger failed. Retry later. Nothing was sent.",
        )
        .retry_after(Some(LEDGER_RETRY_AFTER)),
        LedgerError::OtherFormat => ProblemDetails::new(
            Code::LedgerUnavailable,
            "The caller's ledger runs another version of the gateway. Retry later. Nothing was sent.",
        )
        .retry_after(Some(LEDGER_RETRY_AFTER)),
        LedgerError::Failed => ProblemDetails::new(
            Code::Internal,
            "The caller's ledger failed. The outcome is unknown; it is safe to retry.",
        ),
    }
}

fn too_large() -> ProblemDetails {
    let detail =
        format!("The body may have {MAX_BODY_BYTES} bytes at most, and as many after decompression. Nothing was sent.");
    ProblemDetails::new(Code::PayloadTooLarge, detail)
}

fn body(error: RequestBodyError) -> ProblemDetails {
    let detail = match error {
        RequestBodyError::TooLarge => return too_large(),
        RequestBodyError::CutOff => "The body is incomplete. Send it again. Nothing was sent.",
        RequestBodyError::NotGzip => {
            "Content-Encoding is gzip, but the body is not gzip. Compress the body, or leave the header out. Nothing was sent."
        }
        RequestBodyError::Damaged => "The gzip body is truncated or damaged. Compress it again. Nothing was sent.",
        RequestBodyError::Trailing => {
            "The gzip body has bytes after its end. Compress the whole body at once. Nothing was sent."
        }
    };
    ProblemDetails::new(Code::InvalidRequest, detail)
}

/// A 415 names the accepted types (RFC 9110, section 15.5.16).
fn media_type(detail: &str) -> ProblemDetails {
    ProblemDetails::new(Code::UnsupportedMediaType, detail).header("Accept", "application/json")
}

fn coding(detail: &str) -> ProblemDetails {
    ProblemDetails::new(Code::UnsupportedMediaType, detail).header("Accept-Encoding", "gzip, identity")
}

fn content_headers(error: ContentHeadersError) -> ProblemDetails {
    match error {
        ContentHeadersError::ChunkedTransfer => ProblemDetails::new(
            Code::InvalidRequest,
            "x-ms-transfer-mode: chunked is not supported. Turn off \"Allow chunking\" in the HTTP action's settings. Nothing was sent.",
        ),
        ContentHeadersError::Encoded => {
            coding("Content-Encoding is not gzip. Send the body in gzip or plain. Nothing was sent.")
        }
        ContentHeadersError::EncodedTwice => {
            coding("Content-Encoding names gzip more than once. Compress the body once. Nothing was sent.")
        }
        ContentHeadersError::NoType => media_type(
            "Content-Type is missing or empty. Send the body as Content-Type: application/json. Nothing was sent.",
        ),
        ContentHeadersError::RepeatedType => media_type(
            "Content-Type is given more than once. Send Content-Type: application/json once. Nothing was sent.",
        ),
        ContentHeadersError::Form => media_type(
            "Content-Type is that of a form. Send the body as JSON, as Content-Type: application/json. Nothing was sent.",
        ),
        ContentHeadersError::NotJson => media_type(
            "Content-Type is not application/json. Send the body as Content-Type: application/json. Nothing was sent.",
        ),
        ContentHeadersError::Charset => media_type(
            "The charset in Content-Type is not UTF-8. Encode the body in UTF-8, and send Content-Type: \
             application/json; charset=utf-8. Nothing was sent.",
        ),
        ContentHeadersError::RepeatedLength => ProblemDetails::new(
            Code::InvalidRequest,
            "Content-Length is given more than once. Send it once. Nothing was sent.",
        ),
        ContentHeadersError::MalformedLength => {
            ProblemDetails::new(Code::InvalidRequest, "Content-Length is not a number. Nothing was sent.")
        }
        ContentHeadersError::TooLarge => too_large(),
    }
}

fn request(error: RequestError) -> ProblemDetails {
    let detail = match error {
        RequestError::Value => "validateOnly must be true or false. Nothing was sent.",
        RequestError::Repeated => "validateOnly is given more than once. Send it once. Nothing was sent.",
        RequestError::RepeatedIdempotencyKey => {
            "Idempotency-Key is given more than once, or holds a comma and a space. Send one key without spaces. \
             Nothing was sent."
        }
        RequestError::IdempotencyKey => {
            "Idempotency-Key must be one key of 1 to 255 visible ASCII characters, quoted or bare. Nothing was sent."
        }
        RequestError::Undecodable => {
            "The name of a query parameter is not UTF-8, so it may have meant validateOnly. Send it in UTF-8. \
             Nothing was sent."
        }
        RequestError::Misspelt => {
            "A query parameter resembles validateOnly, or holds it in its value. Send ?validateOnly=true, or leave it \
             out. Nothing was sent."
        }
    };
    ProblemDetails::new(Code::InvalidRequest, detail)
}

/// Returns `text` as a sentence, followed by "Nothing was sent."
fn nothing_sent(text: &str) -> String {
    format!("{} Nothing was sent.", sentence(text))
}

fn parse_error(error: &ParseError) -> ProblemDetails {
    match error {
        ParseError::NotJson(error) => {
            let errors = match error {
                JsonError::Repeated { pointer } => {
                    vec![PayloadError::new(pointer.clone(), "is given twice in one object".to_owned())]
                }
                _ => Vec::new(),
            };
            ProblemDetails::new(Code::InvalidJson, nothing_sent(&error.to_string())).errors(errors)
        }
        ParseError::Invalid(errors) => {
            let counted = errors.counted();
            let detail = if counted == errors.total() {
                errors.to_string()
            } else {
                format!("{errors}, of which {counted} are listed")
            };
            ProblemDetails::new(Code::InvalidPayload, nothing_sent(&detail)).errors(errors.listed().to_vec())
        }
    }
}

fn rights(caller: &str, error: &PermissionError) -> ProblemDetails {
    match error {
        PermissionError::Action(action) => ProblemDetails::new(
            Code::ActionNotAllowed,
            format!("The caller \"{caller}\" is not granted the action {}. Nothing was sent.", action.as_str()),
        )
        .errors(vec![PayloadError::new("/action".to_owned(), "is not granted".to_owned())]),
        PermissionError::SendersCopy => ProblemDetails::new(
            Code::SendersCopyNotAllowed,
            format!(
                "senders_copy of the caller \"{caller}\" does not grant the sender's copy. Send remediateSendersCopy as \
                 false. Nothing was sent."
            ),
        )
        .errors(vec![PayloadError::new("/remediateSendersCopy".to_owned(), "is not granted".to_owned())]),
        PermissionError::Recipients(places) => {
            let detail = format!(
                "recipient_domains of the caller \"{caller}\" does not cover {} of the recipients{}. Nothing was sent.",
                places.total,
                listed(places)
            );
            ProblemDetails::new(Code::RecipientNotAllowed, detail)
                .errors(at_recipients(places, "is outside the granted domains"))
        }
        PermissionError::Protected(places) => {
            let detail = format!(
                "The operator of the gateway protects {} of the recipients{} from every remediation. Leave them out. \
                 Nothing was sent.",
                places.total,
                listed(places)
            );
            ProblemDetails::new(Code::RecipientProtected, detail).errors(at_recipients(places, "is protected"))
        }
        PermissionError::WholeMessages => ProblemDetails::new(
            Code::WholeMessagesNotAllowed,
            format!(
                "whole_messages of the caller \"{caller}\" does not grant remediations without recipients. Send the pairs of \
                 message and recipient to /remediate. Nothing was sent."
            ),
        ),
        PermissionError::MaxRecipients { max_recipients, most } => ProblemDetails::new(
            Code::TooManyEmails,
            format!(
                "max_emails_per_request of the caller \"{caller}\" is {most}; maxRecipients is {max_recipients}. Nothing was sent."
            ),
        )
        .errors(vec![PayloadError::new("/maxRecipients".to_owned(), "is more than is granted".to_owned())]),
        PermissionError::TooMany { emails, most } => ProblemDetails::new(
            Code::TooManyEmails,
            format!("max_emails_per_request of the caller \"{caller}\" is {most}; the request has {emails}. Nothing was sent."),
        )
        .errors(vec![PayloadError::new("/analyzedEmails".to_owned(), "has more emails than are granted".to_owned())]),
    }
}

fn expansion(error: ExpansionError) -> ProblemDetails {
    match error {
        ExpansionError::NotFound => ProblemDetails::new(
            Code::MessageNotFound,
            "Microsoft Graph lists no recipient of these messages. Graph may not have listed a new message yet, the message is \
             older than 30 days or than receivedAfter, or no recipient has a licence for Defender for Office 365. Check the \
             networkMessageIds, or retry later. Nothing was sent.",
        )
        .retry_after(Some(NOT_FOUND_RETRY_AFTER)),
        ExpansionError::Outside(recipients) => ProblemDetails::new(
            Code::RecipientNotAllowed,
            format!(
                "recipient_domains of the caller does not cover {recipients} of the recipients that Microsoft Graph lists. \
                 Nothing was sent."
            ),
        ),
        ExpansionError::TooMany { emails, most } => ProblemDetails::new(
            Code::TooManyRecipients,
            format!(
                "Microsoft Graph lists {emails} recipients to remediate; maxRecipients is {most}. Raise maxRecipients, or send \
                 fewer messages. Nothing was sent."
            ),
        ),
        ExpansionError::NothingLeft(Recipients { found, left_out, .. }) => {
            let LeftOut { quarantine, unreachable, protected } = left_out;
            ProblemDetails::new(
                Code::NothingToRemediate,
                format!(
                    "Microsoft Graph lists {found} of these recipients, and each is left out: {quarantine} in quarantine, \
                     {unreachable} unreachable, {protected} protected. Nothing was sent."
                ),
            )
        }
    }
}

/// Adds to the text that not all locations are listed, if so.
fn listed(places: &Places) -> String {
    if places.total > places.first.len() {
        format!(", of which the first {MAX_POINTERS} are listed")
    } else {
        String::new()
    }
}

fn at_recipients(places: &Places, detail: &str) -> Vec<PayloadError> {
    let at = |index: &usize| format!("/analyzedEmails/{index}/recipientEmailAddress");
    let pointers: Vec<_> = places.first.iter().map(at).collect();
    vec![PayloadError {
        pointer: pointers.first().cloned().unwrap_or_default(),
        detail: detail.to_owned(),
        count: places.total,
        pointers,
    }]
}

fn quota_exceeded(emails: u64, quota: Quota) -> ProblemDetails {
    let Quota { limit, remaining, reset } = quota;
    let detail = format!(
        "max_emails_per_hour of the caller is {limit}, of which {remaining} are left; the request needs {emails}. Nothing was sent."
    );
    ProblemDetails::new(Code::QuotaExceeded, detail).header("Retry-After", reset.max(1).to_string())
}
