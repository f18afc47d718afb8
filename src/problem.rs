//! Every refusal: its reason for the log, and what of it the caller learns.
//!
//! A [`Refusal`] is rich and goes to the log through `Display`, which shows no secret, no address and no text of the caller's. A [`Code`] is
//! one of a closed set, part of the contract (section 4). [`Refusal::public`] is the one place where the one becomes the other.

use serde::Serialize;

use crate::caller::credentials::NoCredentials;
use crate::caller::rights::Denied;
use crate::caller::token::TokenFault;
use crate::caller::{IdentityFault, SCOPE};
use crate::graph::answer::GraphFaultKind;
use crate::graph::app_token::TokenEndpointFault;
use crate::http::{Answer, BodyFailure, Route};
use crate::intake::{DeclaredFault, MAX_BODY_BYTES, RequestFault};
use crate::ledger::{Quota, SubmitFault};
use crate::ports::{LedgerFailure, SendFailure};
use crate::remediation::limits::MAX_FAULTS;
use crate::remediation::{JsonFault, Unreadable};
use crate::time::Timestamp;

/// What a caller is told to wait, in seconds, where Microsoft does not say (contract, section 4).
const DEFAULT_RETRY_AFTER: u32 = 30;

/// What a caller is told to wait, in seconds, while the gateway is stopped. People lift a stop, so within a minute it is not lifted; and within five
/// whoever looks into it knows more. Who heeds it asks so seldom that the answers cost nothing; who does not ends soon: Logic Apps repeats a 503
/// four times in its own rhythm, an SDK three times (facts, sections 4 and 5), and then the run fails where its owner sees it.
const STOPPED_RETRY_AFTER: u32 = 300;

/// How many faults the message of the error object tells: as many as fit on a few lines of a console.
const MAX_FAULTS_IN_MESSAGE: usize = 5;

const BEARER: &str = r#"Bearer realm="remediation-gateway""#;
const BEARER_INVALID_TOKEN: &str = r#"Bearer realm="remediation-gateway", error="invalid_token""#;
const BEARER_INSUFFICIENT_SCOPE: &str = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No such path.
    #[error("no such path")]
    NotFound,
    /// A method that the route does not have.
    #[error("a method that the route does not have")]
    MethodNotAllowed(Route),
    /// Size or type as declared.
    #[error(transparent)]
    Declared(#[from] DeclaredFault),
    /// The configuration has faults, which were logged when the isolate started.
    #[error("the configuration has faults")]
    Misconfigured,
    /// The caller is nobody.
    #[error(transparent)]
    Identity(#[from] IdentityFault),
    /// The query, or a header that shapes the remediation.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The operator has stopped all remediations.
    #[error("remediations are stopped")]
    Stopped,
    /// The body did not come, or is too large.
    #[error(transparent)]
    Body(#[from] BodyFailure),
    /// The body is no JSON, or no remediation.
    #[error("{}", unreadable_reason(.0))]
    Unreadable(#[from] Unreadable),
    /// The caller lacks a right.
    #[error("{caller} lacks a right: {denied}")]
    Denied {
        /// The caller's name.
        caller: String,
        /// The right.
        denied: Denied,
    },
    /// The same remediation is on its way.
    #[error("the same remediation is on its way")]
    InProgress,
    /// The idempotency key stands for another payload.
    #[error("the idempotency key stands for another payload")]
    KeyReused,
    /// The quota has no room.
    #[error("the quota has no room for {emails} emails")]
    QuotaExceeded {
        /// How many emails the request has.
        emails: usize,
        /// The quota.
        quota: Quota,
    },
    /// The remediation was not accepted.
    #[error(transparent)]
    Submit(#[from] SubmitFault),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerFailure),
}

/// What is wrong with a body, without the pointers, which may hold texts of the caller's.
fn unreadable_reason(unreadable: &Unreadable) -> String {
    match unreadable {
        Unreadable::NotJson(JsonFault::Repeated { .. }) => "a repeated member".to_owned(),
        Unreadable::NotJson(fault) => fault.to_string(),
        Unreadable::Faulty(faults) => format!("{} faults in the payload", faults.total()),
    }
}

/// Makes the codes out of their table, so that none can lack its row or be left out of [`Code::ALL`].
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $title:literal;)+) => {
        /// The public code of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Status, code and title.
            const fn row(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$name => ($status, $code, $title),)+
                }
            }
        }
    };
}

// As in section 4 of the contract.
codes! {
    /// Not JSON that says one thing.
    InvalidJson = 400 "invalidJson" "The body is not valid JSON";
    /// Not a remediation.
    InvalidPayload = 400 "invalidPayload" "The payload is not a valid remediation";
    /// A header or query that cannot be taken.
    InvalidRequest = 400 "invalidRequest" "The request is malformed";
    /// Graph refused the remediation.
    GraphRefused = 400 "graphRefused" "Microsoft Graph refused the remediation";
    /// No credentials.
    Unauthenticated = 401 "unauthenticated" "Credentials are required";
    /// Credentials that are no good.
    InvalidCredentials = 401 "invalidCredentials" "The credentials are not valid";
    /// Good credentials of nobody.
    UnknownCaller = 403 "unknownCaller" "The caller is not known";
    /// The caller may not do this.
    ActionNotAllowed = 403 "actionNotAllowed" "The action is not granted to the caller";
    /// The caller may not do it to them.
    RecipientNotAllowed = 403 "recipientNotAllowed" "A recipient is not granted to the caller";
    /// The caller may not do it to so many at once.
    TooManyEmails = 403 "tooManyEmails" "The request has more emails than the caller is granted";
    /// No such path.
    NotFound = 404 "notFound" "There is no such resource";
    /// No such method.
    MethodNotAllowed = 405 "methodNotAllowed" "The resource does not have this method";
    /// The same remediation is on its way.
    InProgress = 409 "inProgress" "The same remediation is in progress";
    /// Graph is in the way of itself.
    GraphConflict = 409 "graphConflict" "Microsoft Graph answered a conflict";
    /// The body is too large.
    PayloadTooLarge = 413 "payloadTooLarge" "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = 415 "unsupportedMediaType" "The body must be plain JSON in UTF-8";
    /// The key stands for another payload.
    IdempotencyKeyReused = 422 "idempotencyKeyReused" "The idempotency key stands for another remediation";
    /// The caller's emails per hour.
    QuotaExceeded = 429 "quotaExceeded" "The caller's quota is exhausted";
    /// Graph throttles.
    GraphThrottled = 429 "graphThrottled" "Microsoft Graph is throttling";
    /// The gateway's configuration has faults.
    Misconfigured = 500 "misconfigured" "The gateway is not configured";
    /// The gateway failed.
    Internal = 500 "internal" "The gateway failed";
    /// Microsoft refuses the gateway's credential.
    GraphCredentialRejected = 502 "graphCredentialRejected" "Microsoft refused the gateway's credential";
    /// The gateway lacks its permission.
    GraphPermissionMissing = 502 "graphPermissionMissing" "Microsoft Graph denied the gateway";
    /// Microsoft answered something unexpected.
    GraphError = 502 "graphError" "Microsoft Graph answered unexpectedly";
    /// The operator has stopped the gateway.
    Stopped = 503 "stopped" "Remediations are stopped";
    /// Microsoft is not available.
    GraphUnavailable = 503 "graphUnavailable" "Microsoft Graph is unavailable";
    /// Microsoft did not answer in time.
    GraphTimeout = 504 "graphTimeout" "Microsoft Graph did not answer in time";
}

impl Code {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The code as it stands in the body and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().1
    }

    /// What it means, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// A place in the payload and what is wrong there.
#[derive(Debug, Serialize)]
struct PointedFault {
    pointer: String,
    detail: String,
}

/// What the caller learns of a refusal.
struct Public {
    code: Code,
    detail: String,
    errors: Vec<PointedFault>,
    /// The headers of this refusal beyond those that every answer carries.
    headers: Vec<(&'static str, String)>,
}

impl Public {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn errors(mut self, errors: Vec<PointedFault>) -> Self {
        self.errors = errors;
        self
    }

    /// The detail with the first faults after it: Graph's SDKs show their users the message of the error object, and nothing else.
    fn message(&self) -> String {
        let faults = self.errors.iter().take(MAX_FAULTS_IN_MESSAGE);
        let faults = faults.map(|fault| format!(" {}: {}.", fault.pointer, fault.detail));
        std::iter::once(self.detail.clone()).chain(faults).collect()
    }

    fn retry_after(self, seconds: Option<u32>) -> Self {
        self.header("Retry-After", seconds.unwrap_or(DEFAULT_RETRY_AFTER).to_string())
    }
}

impl Refusal {
    /// The one place where a reason becomes what the caller learns: exhaustive, so that a new reason must find its code here.
    fn public(&self) -> Public {
        match self {
            Self::NotFound => Public::new(
                Code::NotFound,
                "The gateway answers POST /remediate, and POST to Microsoft Graph's own path of the action under /beta and /v1.0.",
            ),
            Self::MethodNotAllowed(route) => {
                Public::new(Code::MethodNotAllowed, format!("This path answers {} only.", route.method()))
                    .header("Allow", route.method())
            }
            Self::Declared(fault) => declared(*fault),
            Self::Misconfigured => misconfigured(),
            Self::Identity(fault) => identity(*fault),
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
                "The same remediation is on its way, and its outcome did not come within the wait. Ask again to learn it.",
            )
            .retry_after(None),
            Self::KeyReused => Public::new(
                Code::IdempotencyKeyReused,
                "The Idempotency-Key was used within the last 24 hours for another remediation. Send a key of its own with each.",
            ),
            Self::QuotaExceeded { emails, quota } => quota_exceeded(*emails, *quota),
            Self::Submit(SubmitFault::AppToken(fault)) => app_token(*fault),
            Self::Submit(SubmitFault::Graph(fault)) => graph(&fault.kind),
            Self::Ledger(LedgerFailure) => Public::new(
                Code::Internal,
                "The gateway's ledger could not be reached. Whether the remediation was sent is unknown; a retry is safe.",
            ),
        }
    }

    /// The public code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.public().code
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
        RequestFault::Value => "validateOnly must be true or false.",
        RequestFault::Repeated => "validateOnly is given more than once.",
        RequestFault::IdempotencyKey => {
            "Idempotency-Key must be one key of 1 to 255 visible ASCII characters, quoted or bare."
        }
        RequestFault::Undecodable => "The name of a query parameter is not UTF-8. Nothing was sent.",
        RequestFault::Misspelt => "A query parameter resembles validateOnly, but is not. Nothing was sent.",
    };
    Public::new(Code::InvalidRequest, detail)
}

/// One answer for all bad credentials, whatever is wrong with them: the log has the reason.
fn identity(fault: IdentityFault) -> Public {
    let invalid = |challenge: &str| {
        Public::new(
            Code::InvalidCredentials,
            "The token or key is not valid here. A token must be issued by the gateway's tenant for the gateway's own audience, not for Microsoft Graph.",
        )
        .header("WWW-Authenticate", challenge)
    };
    match fault {
        IdentityFault::Credentials(NoCredentials::Absent) => Public::new(
            Code::Unauthenticated,
            "Send a bearer token of Entra ID for the gateway's audience, or an API key as X-API-Key or Basic.",
        )
        .header("WWW-Authenticate", BEARER),
        IdentityFault::Credentials(NoCredentials::Several) => {
            Public::new(Code::InvalidRequest, "Send either Authorization or X-API-Key, not both.")
        }
        IdentityFault::Credentials(NoCredentials::Repeated) => {
            Public::new(Code::InvalidRequest, "Authorization is given more than once.")
        }
        IdentityFault::Credentials(NoCredentials::UnknownScheme | NoCredentials::MalformedBasic)
        | IdentityFault::UnknownKey
        | IdentityFault::NotTheOwner => invalid(BEARER),
        // Whether the token is good is not known, and a workflow engine would take a 401 for final.
        IdentityFault::Token(TokenFault::KeysUnavailable) => Public::new(
            Code::GraphUnavailable,
            "The keys of Entra ID, which tokens are checked with, could not be had. Nothing was sent; try again.",
        )
        .retry_after(None),
        IdentityFault::Token(_) => invalid(BEARER_INVALID_TOKEN),
        IdentityFault::UnknownObjectId => Public::new(
            Code::UnknownCaller,
            "The token is valid, but its object id (oid) is not that of a caller here.",
        ),
        IdentityFault::MissingScope => {
            Public::new(Code::UnknownCaller, format!("The token is a user's and lacks the scope {SCOPE}."))
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
        IdentityFault::MissingRole => {
            Public::new(Code::UnknownCaller, "The token lacks the app role that this caller must have.")
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
    }
}

fn unreadable_body(unreadable: &Unreadable) -> Public {
    match unreadable {
        Unreadable::NotJson(fault) => {
            let errors = match fault {
                JsonFault::Repeated { pointer } => {
                    vec![PointedFault { pointer: pointer.clone(), detail: "is given twice in one object".to_owned() }]
                }
                _ => Vec::new(),
            };
            Public::new(Code::InvalidJson, sentence(&fault.to_string())).errors(errors)
        }
        Unreadable::Faulty(faults) => {
            let listed = faults.listed().iter();
            let errors = listed
                .map(|fault| PointedFault { pointer: fault.pointer.clone(), detail: fault.detail.clone() })
                .collect();
            let detail = match (faults.total(), faults.not_listed()) {
                (1, _) => "The payload has a fault.".to_owned(),
                (total, 0) => format!("The payload has {total} faults."),
                (total, more) => {
                    format!("The payload has {total} faults: the first {MAX_FAULTS} are listed, and {more} more.")
                }
            };
            Public::new(Code::InvalidPayload, detail).errors(errors)
        }
    }
}

/// `text` with a capital at its start and a period at its end.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

fn rights(caller: &str, denied: &Denied) -> Public {
    match denied {
        Denied::Action(action) => Public::new(
            Code::ActionNotAllowed,
            format!("The caller \"{caller}\" is not granted the action {}.", action.as_str()),
        )
        .errors(vec![PointedFault { pointer: "/action".to_owned(), detail: "is not granted".to_owned() }]),
        Denied::Recipients { first, total } => {
            let more = total - first.len();
            let listed = if more > 0 { format!(", of which the first {MAX_FAULTS} are listed") } else { String::new() };
            let detail = format!(
                "recipient_domains of the caller \"{caller}\" does not cover {total} of the recipients{listed}. Nothing was sent."
            );
            let errors = first
                .iter()
                .map(|index| PointedFault {
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
        .errors(vec![PointedFault {
            pointer: "/analyzedEmails".to_owned(),
            detail: "has more emails than are granted".to_owned(),
        }]),
    }
}

fn quota_exceeded(emails: usize, quota: Quota) -> Public {
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

fn credential_rejected() -> Public {
    Public::new(
        Code::GraphCredentialRejected,
        "Microsoft refused the gateway's own credential. The operator of the gateway finds the reason in its log.",
    )
}

fn app_token(fault: TokenEndpointFault) -> Public {
    match fault {
        TokenEndpointFault::Rejected { .. } => credential_rejected(),
        TokenEndpointFault::CertificateExpired | TokenEndpointFault::NotSigned => misconfigured(),
        TokenEndpointFault::Throttled { retry_after } => {
            Public::new(Code::GraphThrottled, "Entra ID is throttling. Nothing was sent to Graph; try again.")
                .retry_after(retry_after)
        }
        TokenEndpointFault::Unavailable { retry_after, .. } => {
            Public::new(Code::GraphUnavailable, "Entra ID is unavailable. Nothing was sent to Graph; try again.")
                .retry_after(retry_after)
        }
        TokenEndpointFault::Send(SendFailure::Connection) => {
            Public::new(Code::GraphUnavailable, "Entra ID could not be reached. Nothing was sent to Graph; try again.")
                .retry_after(None)
        }
        TokenEndpointFault::Send(SendFailure::Deadline) => Public::new(
            Code::GraphTimeout,
            "Entra ID did not answer in time. Nothing was sent to Graph; a retry is safe.",
        ),
        TokenEndpointFault::Unexpected { .. } => {
            Public::new(Code::GraphError, "Entra ID answered unexpectedly. Nothing was sent to Graph.")
        }
    }
}

fn graph(fault: &GraphFaultKind) -> Public {
    match fault {
        GraphFaultKind::Refused { code, message } => {
            Public::new(Code::GraphRefused, format!("Microsoft Graph answered {code}: {message}"))
        }
        GraphFaultKind::TokenRejected => credential_rejected(),
        GraphFaultKind::PermissionMissing => Public::new(
            Code::GraphPermissionMissing,
            "Microsoft Graph denied the gateway. The operator of the gateway finds the reason in its log.",
        ),
        GraphFaultKind::Conflict => {
            Public::new(Code::GraphConflict, "Microsoft Graph answered a conflict that is not a duplicate remediation.")
        }
        GraphFaultKind::Throttled { retry_after } => {
            Public::new(Code::GraphThrottled, "Microsoft Graph is throttling. The remediation was not accepted; try again.")
                .retry_after(*retry_after)
        }
        GraphFaultKind::Unavailable { retry_after } => {
            Public::new(Code::GraphUnavailable, "Microsoft Graph is unavailable. The remediation was not accepted; try again.")
                .retry_after(*retry_after)
        }
        GraphFaultKind::Unexpected => Public::new(
            Code::GraphError,
            "Microsoft Graph answered unexpectedly. Whether it accepted the remediation is unknown; a retry is safe.",
        ),
        GraphFaultKind::Send(SendFailure::Connection) => Public::new(
            Code::GraphUnavailable,
            "The connection to Microsoft Graph failed. Whether it accepted the remediation is unknown; a retry is safe.",
        )
        .retry_after(None),
        GraphFaultKind::Send(SendFailure::Deadline) => Public::new(
            Code::GraphTimeout,
            "Microsoft Graph did not answer in time. Whether it accepted the remediation is unknown; a retry is safe.",
        ),
    }
}

/// What a refusal says of the exchange that it ends.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The path of the request, where it is worth telling.
    pub instance: Option<&'a str>,
    /// The gateway's id of the exchange.
    pub request_id: &'a str,
    /// The caller's.
    pub client_request_id: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// RFC 9457 members and Graph's error object in one body (contract, section 4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [PointedFault],
    error: GraphError<'a>,
}

/// Graph's error object (facts, section 1), which its SDKs read into typed errors.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GraphError<'a> {
    code: &'a str,
    message: &'a str,
    inner_error: InnerError<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InnerError<'a> {
    date: Timestamp,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
}

/// The answer that a refusal gives, but for the headers that every answer carries.
#[must_use]
pub fn answer(refusal: &Refusal, context: Context<'_>) -> (Code, Answer) {
    let public = refusal.public();
    let (status, code, title) = public.code.row();
    let message = public.message();
    let body = Body {
        r#type: format!("urn:remediation-gateway:problem:{code}"),
        title,
        status,
        detail: &public.detail,
        instance: context.instance,
        request_id: context.request_id,
        errors: &public.errors,
        error: GraphError {
            code,
            message: &message,
            inner_error: InnerError {
                date: context.now,
                request_id: context.request_id,
                client_request_id: context.client_request_id,
            },
        },
    };
    let mut headers = public.headers;
    headers.push(("Content-Type", "application/problem+json".to_owned()));
    let body = serde_json::to_string(&body).unwrap_or_default();
    (public.code, Answer { status, headers, body })
}
