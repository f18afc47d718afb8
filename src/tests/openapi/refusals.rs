//! The description covers each error with its headers and body.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ID, at};
use crate::auth::AuthError;
use crate::auth::credentials::CredentialsError;
use crate::auth::permissions::{PermissionError, Positions};
use crate::auth::token_error::TokenError;
use crate::code::Code;
use crate::expansion::ExpansionError;
use crate::graph::assertion::AssertionError;
use crate::graph::error::{GraphError, GraphErrorKind, GraphOperation, TokenEndpointError};
use crate::graph::response::MAX_RETRY_AFTER;
use crate::http::RequestBodyError;
use crate::ledger::{LedgerError, Quota};
use crate::preconditions::error::RequestError;
use crate::preconditions::{ContentHeadersError, NotHttps};
use crate::problem::error::GatewayError;
use crate::problem::{self, ProblemContext};
use crate::remediation::limits::{MAX_DEPTH, MAX_POINTERS};
use crate::remediation::{Action, Recipients, parse};
use crate::route::Route;
use crate::runtime::SendError;
use crate::tests::support::description::check_response;
use crate::tests::support::error_response;
use crate::tests::support::gateway::payload;
use crate::tests::support::runtime::START;
use crate::time::Timestamp;

/// Returns an error of each kind, without running the pipeline.
fn refusals() -> Vec<GatewayError> {
    let quota = Quota { limit: 10, remaining: 1, reset: 3601 };
    let graph = |kind: GraphErrorKind| GatewayError::Graph(GraphOperation::Remediate.error(kind));
    let token = |error: TokenEndpointError| graph(error.into());
    let lacks = |error| GatewayError::Permission { caller: "soar".to_owned(), error };
    let error = |body: &[u8]| GatewayError::Parse(parse(body).unwrap_err());
    let recipients = Recipients::default();
    let mut refusals = vec![
        GatewayError::NotFound,
        GatewayError::MethodNotAllowed(Route::Remediate),
        GatewayError::MethodNotAllowed(Route::Health),
        NotHttps.into(),
        GatewayError::Misconfigured,
        GatewayError::TooManyRequests,
        GatewayError::Stopped,
        GatewayError::InProgress,
        GatewayError::KeyReused,
        GatewayError::QuotaExceeded { emails: 2, quota },
        GatewayError::Ledger(LedgerError::Unreachable),
        GatewayError::Ledger(LedgerError::Storage),
        GatewayError::Ledger(LedgerError::OtherFormat),
        GatewayError::Ledger(LedgerError::Failed),
        ExpansionError::NotFound(recipients).into(),
        ExpansionError::Outside { outside: 1, recipients }.into(),
        ExpansionError::TooMany { most: 1, recipients }.into(),
        ExpansionError::NothingLeft(recipients).into(),
        GatewayError::Retry(Box::new(ExpansionError::NothingLeft(recipients).into())),
        GatewayError::TooLate,
        GatewayError::Lost,
        lacks(PermissionError::Action(Action::HardDelete)),
        lacks(PermissionError::SendersCopy),
        lacks(PermissionError::WholeMessages),
        lacks(PermissionError::MaxRecipients { max_recipients: 2, most: 1 }),
        lacks(PermissionError::Recipients(Positions { first: (0..MAX_POINTERS).collect(), total: MAX_POINTERS + 1 })),
        lacks(PermissionError::Recipients(Positions { first: vec![1], total: 1 })),
        lacks(PermissionError::Protected(Positions { first: vec![1], total: 1 })),
        lacks(PermissionError::TooMany { emails: 2, most: 1 }),
        error(b""),
        error(br#"{"a/b":1,"a/b":1}"#),
        error(b"{}"),
        error(b"[]"),
        error(format!("[{}", "[".repeat(MAX_DEPTH)).as_bytes()),
        error(payload("softDelete", &["x"; MAX_POINTERS + 1]).to_string().as_bytes()),
        token(TokenEndpointError::Rejected { status: 401, code: None }),
        token(TokenEndpointError::Throttled { retry_after: Some(MAX_RETRY_AFTER) }),
        token(TokenEndpointError::Unavailable { status: 500, retry_after: None }),
        token(TokenEndpointError::Unexpected { status: 302 }),
        token(TokenEndpointError::Assertion(AssertionError::CertificateExpired)),
        token(TokenEndpointError::Assertion(AssertionError::NotSigned)),
        graph(GraphErrorKind::Refused { code: "badRequest".to_owned(), message: "é".to_owned() }),
        graph(GraphErrorKind::TokenRejected),
        graph(GraphErrorKind::PermissionMissing),
        graph(GraphErrorKind::Conflict),
        graph(GraphErrorKind::QuotingConflict),
        graph(GraphErrorKind::Throttled { retry_after: Some(0) }),
        graph(GraphErrorKind::Unavailable { retry_after: None }),
        graph(GraphErrorKind::Unexpected),
    ];
    for error in [SendError::Connection, SendError::Deadline] {
        refusals.extend([token(error.into()), graph(error.into())]);
    }
    refusals.extend(of_body());
    refusals.extend(
        [
            RequestError::Value,
            RequestError::Repeated,
            RequestError::Undecodable,
            RequestError::Misspelt,
            RequestError::RepeatedIdempotencyKey,
            RequestError::IdempotencyKey,
        ]
        .map(GatewayError::Request),
    );
    refusals.extend(
        [
            CredentialsError::Absent.into(),
            CredentialsError::Several.into(),
            CredentialsError::Repeated.into(),
            CredentialsError::UnknownScheme.into(),
            CredentialsError::EmptyToken.into(),
            CredentialsError::MalformedBasic.into(),
            TokenError::Signature.into(),
            TokenError::KeysUnavailable.into(),
            TokenError::UnknownKey { retry_after: 30 }.into(),
            AuthError::UnknownApiKey,
            AuthError::RepeatedApiKey,
            AuthError::NotTheOwner,
            AuthError::UnknownObjectId,
            AuthError::MissingScope,
            AuthError::NotAnApplication,
            AuthError::MissingRole,
        ]
        .map(GatewayError::Auth),
    );
    refusals
}

/// Returns the errors for the body's headers and content.
fn of_body() -> Vec<GatewayError> {
    let mut refusals = Vec::new();
    refusals.extend(
        [
            RequestBodyError::TooLarge,
            RequestBodyError::CutOff,
            RequestBodyError::NotGzip,
            RequestBodyError::Damaged,
            RequestBodyError::Trailing,
        ]
        .map(GatewayError::Body),
    );
    refusals.extend(
        [
            ContentHeadersError::ChunkedTransfer,
            ContentHeadersError::Encoded,
            ContentHeadersError::EncodedTwice,
            ContentHeadersError::NoType,
            ContentHeadersError::RepeatedType,
            ContentHeadersError::Form,
            ContentHeadersError::NotJson,
            ContentHeadersError::Charset,
            ContentHeadersError::RepeatedLength,
            ContentHeadersError::MalformedLength,
            ContentHeadersError::TooLarge,
        ]
        .map(GatewayError::ContentHeaders),
    );
    refusals
}

/// Each way in which the status cannot be read.
fn of_the_status() -> Vec<GatewayError> {
    let read = |kind: GraphErrorKind| {
        let error = GraphOperation::List.error(kind);
        GatewayError::Graph(GraphError { status: Some(400), graph_request_id: Some(ID.to_owned()), ..error })
    };
    let token = TokenEndpointError::Unavailable { status: 500, retry_after: None };
    [
        GraphErrorKind::AppToken(token),
        GraphErrorKind::Refused { code: "badRequest".to_owned(), message: "Invalid subscription".to_owned() },
        GraphErrorKind::TokenRejected,
        GraphErrorKind::PermissionMissing,
        GraphErrorKind::Throttled { retry_after: Some(7) },
        GraphErrorKind::Unavailable { retry_after: None },
        GraphErrorKind::Unexpected,
        GraphErrorKind::MalformedPage,
        GraphErrorKind::OtherMessage,
        GraphErrorKind::ForeignLink,
        GraphErrorKind::PageTooLarge,
        GraphErrorKind::ListTooLong,
        GraphErrorKind::TooManyReads,
        GraphErrorKind::Send(SendError::Connection),
        GraphErrorKind::Send(SendError::Deadline),
    ]
    .map(read)
    .into()
}

/// The numbers in an example are examples, too.
#[test]
fn example_detail_equals_an_error_text_of_the_gateway() {
    let key = |problem: &Value| {
        let detail = problem["detail"].as_str().unwrap();
        let parts = detail.split(|char: char| char.is_ascii_digit()).filter(|part| !part.is_empty());
        (problem["error"]["code"].to_string(), parts.collect::<Vec<_>>().join("0"))
    };
    let refusals = refusals().into_iter().chain(of_the_status());
    let texts: BTreeSet<_> =
        refusals.map(|error| key(&serde_json::from_str(&error_response(&error).1.body).unwrap())).collect();
    for (name, response) in at("/components/responses").as_object().unwrap() {
        let Some(problem) = response["content"].get("application/problem+json") else { continue };
        let example = &problem["example"];
        assert!(texts.contains(&key(example)), "{name}: {}", example["detail"]);
        let message = example["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(example["detail"].as_str().unwrap()), "{name}: {message}");
    }
}

#[test]
fn every_error_response_is_covered_by_the_description() {
    let mut codes = BTreeSet::new();
    let remediation = refusals().into_iter().map(|error| ("/remediate", error));
    for (path, error) in remediation.chain(of_the_status().into_iter().map(|error| ("/remediate/status", error))) {
        let context = ProblemContext {
            instance: Some(path),
            is_graph_path: false,
            request_id: ID,
            client_request_id: Some("flow-1"),
            began: Timestamp::from_seconds(START),
        };
        let (code, mut response) = problem::to_response(&error, context);
        codes.insert(code);
        // The pipeline adds the headers of every response, and its tests check them.
        response.headers.extend([
            ("request-id", ID.to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
        ]);
        check_response("POST", path, &response).unwrap_or_else(|error| panic!("{error:?}: {error}"));
    }
    assert_eq!(codes, Code::ALL.iter().copied().collect(), "an error code has no case");
}
