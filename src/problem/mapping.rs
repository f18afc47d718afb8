//! What the caller learns of each refusal: code, words, headers, and the places in the payload.

mod identity;
mod microsoft;
#[cfg(test)]
mod tests;

use super::{Code, Refusal};
use crate::caller::rights::Denied;
use crate::http::BodyFailure;
use crate::intake::{DeclaredFault, MAX_BODY_BYTES, RequestFault};
use crate::ledger::{Quota, SubmitFault};
use crate::ports::LedgerFailure;
use crate::remediation::limits::MAX_FAULTS;
use crate::remediation::{Fault, JsonFault, Unreadable};

/// What a caller is told to wait, in seconds, where Microsoft does not say (contract, section 4).
const DEFAULT_RETRY_AFTER: u32 = 30;

/// What a caller is told to wait, in seconds, while the gateway is stopped. Five minutes: a stop is lifted by a person, hardly within one. Clients
/// that ignore it give up by themselves: Logic Apps repeats a 503 four times, an SDK three times (facts, sections 4 and 5), and then the run fails
/// where its owner sees it.
const STOPPED_RETRY_AFTER: u32 = 300;

/// What a caller is told to wait, in seconds, if its ledger is unavailable. Five seconds: a Durable Object starts again
/// within a second or two of a deployment or a reset, and an overloaded one needs some time without new requests.
const LEDGER_RETRY_AFTER: u32 = 5;

/// How many faults the message of the error object tells: as many as fit on a few lines of a console.
const MAX_FAULTS_IN_MESSAGE: usize = 5;

/// What the caller learns of a refusal.
pub(super) struct Public {
    pub(super) code: Code,
    pub(super) detail: String,
    pub(super) errors: Vec<Fault>,
    /// The headers of this refusal beyond those that every answer carries.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Public {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn errors(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }

    /// The detail with the first faults after it: Graph's SDKs show their users the message of the error object, and nothing else.
    pub(super) fn message(&self) -> String {
        let faults = self.errors.iter().take(MAX_FAULTS_IN_MESSAGE);
        let faults = faults.map(|fault| match fault.pointer.as_str() {
            // What is wrong with the body as a whole names it.
            "" => format!(" {}", sentence(&fault.detail)),
            pointer => format!(" {}", sentence(&format!("{pointer}: {}", fault.detail))),
        });
        std::iter::once(self.detail.clone()).chain(faults).collect()
    }

    fn retry_after(self, seconds: Option<u32>) -> Self {
        self.header("Retry-After", seconds.unwrap_or(DEFAULT_RETRY_AFTER).to_string())
    }
}

impl Refusal {
    /// The one place where a reason becomes what the caller learns: exhaustive, so that a new reason must find its code here.
    pub(super) fn public(&self) -> Public {
        match self {
            Self::NotFound => Public::new(
                Code::NotFound,
                "The gateway answers POST /remediate, and POST to Microsoft Graph's own path of the action under /beta and /v1.0.",
            ),
            Self::MethodNotAllowed(route) => {
                Public::new(Code::MethodNotAllowed, format!("This path answers {} only.", route.method()))
                    .header("Allow", route.method())
            }
            Self::NotHttps(_) => Public::new(
                Code::HttpsRequired,
                "The request came over plain HTTP. Use https, and rotate the credential, which is exposed. Nothing was sent.",
            ),
            Self::Declared(fault) => declared(*fault),
            Self::Misconfigured => misconfigured(),
            Self::Identity(fault) => identity::identity(*fault),
            Self::Request(fault) => request(*fault),
            Self::Stopped => Public::new(
                Code::Stopped,
                "The operator of the gateway has stopped all remediations. Nothing was sent; a retry is safe, and is refused until the stop is lifted.",
            )
            .retry_after(Some(STOPPED_RETRY_AFTER)),
            Self::Body(BodyFailure::TooLarge) => too_large(),
            Self::Body(BodyFailure::CutOff) => {
                Public::new(Code::InvalidRequest, "The body ended before it was whole. Nothing was sent.")
            }
            Self::Unreadable(unreadable) => unreadable_body(unreadable),
            Self::Denied { caller, denied } => rights(caller, denied),
            Self::InProgress => Public::new(
                Code::InProgress,
                "The same remediation is in progress. Retry later. The outcome is unknown; it is safe to retry.",
            )
            .retry_after(None),
            Self::KeyReused => Public::new(
                Code::IdempotencyKeyReused,
                "The Idempotency-Key was used within the last 24 hours for another remediation. Send a key of its own with each.",
            ),
            Self::QuotaExceeded { emails, quota } => quota_exceeded(*emails, *quota),
            Self::Submit(SubmitFault::AppToken(fault)) => microsoft::app_token(*fault),
            Self::Submit(SubmitFault::Graph(fault)) => microsoft::graph(fault),
            Self::TooLate => Public::new(
                Code::GraphTimeout,
                "The body came so late that no time was left to ask Graph. Nothing was sent; a retry is safe.",
            ),
            Self::Ledger(failure) => ledger(*failure),
            Self::Lost => Public::new(Code::Internal, "The gateway failed. A retry is safe."),
        }
    }
}

fn ledger(failure: LedgerFailure) -> Public {
    match failure {
        LedgerFailure::Unreachable | LedgerFailure::Overloaded | LedgerFailure::Reset => Public::new(
            Code::LedgerUnavailable,
            "The caller's ledger is unavailable. Retry later. The outcome is unknown; it is safe to retry.",
        )
        .retry_after(Some(LEDGER_RETRY_AFTER)),
        LedgerFailure::Storage => Public::new(
            Code::LedgerUnavailable,
            "The storage of the caller's ledger failed. Retry later. Nothing was sent.",
        )
        .retry_after(Some(LEDGER_RETRY_AFTER)),
        LedgerFailure::Failed => {
            Public::new(Code::Internal, "The caller's ledger failed. The outcome is unknown; it is safe to retry.")
        }
    }
}

fn too_large() -> Public {
    Public::new(Code::PayloadTooLarge, format!("The body may have {MAX_BODY_BYTES} bytes at most."))
}

fn declared(fault: DeclaredFault) -> Public {
    match fault {
        DeclaredFault::ChunkedTransfer => Public::new(
            Code::InvalidRequest,
            "x-ms-transfer-mode: chunked is not supported. Turn off \"Allow chunking\" in the settings of the HTTP action.",
        ),
        DeclaredFault::Encoded => Public::new(Code::UnsupportedMediaType, "Send the body without a Content-Encoding."),
        DeclaredFault::NotJson => {
            Public::new(Code::UnsupportedMediaType, "Send the body as Content-Type: application/json.")
        }
        DeclaredFault::Charset => Public::new(Code::UnsupportedMediaType, "Send the body in UTF-8."),
        DeclaredFault::MalformedLength => Public::new(Code::InvalidRequest, "Content-Length is not a number."),
        DeclaredFault::TooLarge => too_large(),
    }
}

fn request(fault: RequestFault) -> Public {
    let detail = match fault {
        RequestFault::Value => "validateOnly must be true or false. Nothing was sent.",
        RequestFault::Repeated => "validateOnly is given more than once. Send it once. Nothing was sent.",
        RequestFault::IdempotencyKey => {
            "Idempotency-Key must be one key of 1 to 255 visible ASCII characters, quoted or bare."
        }
        RequestFault::Undecodable => {
            "The name of a query parameter is not UTF-8, so it may have meant validateOnly. Send it in UTF-8. \
             Nothing was sent."
        }
        RequestFault::Misspelt => {
            "A query parameter resembles validateOnly, or holds it in its value. Send ?validateOnly=true, or leave it \
             out. Nothing was sent."
        }
    };
    Public::new(Code::InvalidRequest, detail)
}

fn unreadable_body(unreadable: &Unreadable) -> Public {
    match unreadable {
        Unreadable::NotJson(fault) => {
            let errors = match fault {
                JsonFault::Repeated { pointer } => {
                    vec![Fault { pointer: pointer.clone(), detail: "is given twice in one object".to_owned() }]
                }
                _ => Vec::new(),
            };
            Public::new(Code::InvalidJson, sentence(&fault.to_string())).errors(errors)
        }
        Unreadable::Faulty(faults) => {
            let listed = faults.listed();
            let detail = match faults.total() - listed.len() {
                0 => faults.to_string(),
                more => format!("{faults}: the first {MAX_FAULTS} are listed and {more} left out"),
            };
            Public::new(Code::InvalidPayload, sentence(&detail)).errors(listed.to_vec())
        }
    }
}

/// `text` with a capital at its start, and a period at its end where it is no question.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let period = (!text.ends_with('?')).then_some('.');
    first.into_iter().chain(characters).chain(period).collect()
}

fn rights(caller: &str, denied: &Denied) -> Public {
    match denied {
        Denied::Action(action) => Public::new(
            Code::ActionNotAllowed,
            format!("The caller \"{caller}\" is not granted the action {}.", action.as_str()),
        )
        .errors(vec![Fault { pointer: "/action".to_owned(), detail: "is not granted".to_owned() }]),
        Denied::Recipients { first, total } => {
            let more = total - first.len();
            let listed = if more > 0 { format!(", of which the first {MAX_FAULTS} are listed") } else { String::new() };
            let detail = format!(
                "recipient_domains of the caller \"{caller}\" does not cover {total} of the recipients{listed}. Nothing was sent."
            );
            let errors = first
                .iter()
                .map(|index| Fault {
                    pointer: format!("/analyzedEmails/{index}/recipientEmailAddress"),
                    detail: "is outside the granted domains".to_owned(),
                })
                .collect();
            Public::new(Code::RecipientNotAllowed, detail).errors(errors)
        }
        Denied::TooMany { emails, most } => Public::new(
            Code::TooManyEmails,
            format!("max_emails_per_request of the caller \"{caller}\" is {most}; the request has {emails}."),
        )
        .errors(vec![Fault {
            pointer: "/analyzedEmails".to_owned(),
            detail: "has more emails than are granted".to_owned(),
        }]),
    }
}

fn quota_exceeded(emails: u64, quota: Quota) -> Public {
    let Quota { limit, remaining, reset } = quota;
    let detail = format!(
        "max_emails_per_hour of the caller is {limit}, of which {remaining} are left; the request has {emails}. Nothing was sent."
    );
    Public::new(Code::QuotaExceeded, detail).header("Retry-After", reset.max(1).to_string())
}

fn misconfigured() -> Public {
    Public::new(
        Code::Misconfigured,
        "The configuration of the gateway has faults; its log names them. Nothing was sent.",
    )
}
