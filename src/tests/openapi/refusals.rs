//! Each refusal is described, with its headers and all of its body.

use std::collections::BTreeSet;

use super::ID;
use crate::caller::IdentityFault;
use crate::caller::credentials::CredentialsFault;
use crate::caller::rights::Denied;
use crate::caller::token::TokenFault;
use crate::graph::answer::{GraphFault, GraphFaultKind, MAX_RETRY_AFTER};
use crate::graph::app_token::TokenEndpointFault;
use crate::http::{BodyFailure, Route};
use crate::intake::{DeclaredFault, NotHttps, RequestFault};
use crate::ledger::{Quota, SubmitFault};
use crate::ports::{LedgerFailure, SendFailure};
use crate::problem::{self, Code, Context, Refusal};
use crate::remediation::limits::{MAX_DEPTH, MAX_FAULTS};
use crate::remediation::{Action, read};
use crate::testing::description::covers;
use crate::testing::gateway::payload;
use crate::testing::platform::START;
use crate::time::Timestamp;

/// A refusal of each kind, whatever the pipeline would have to go through to come to it.
fn refusals() -> Vec<Refusal> {
    let quota = Quota { limit: 10, remaining: 1, reset: 3601 };
    let token = |fault| Refusal::Submit(SubmitFault::AppToken(fault));
    let graph = |kind| Refusal::Submit(SubmitFault::Graph(GraphFault { kind, status: None, graph_request_id: None }));
    let denied = |denied| Refusal::Denied { caller: "soar".to_owned(), denied };
    let unreadable = |body: &[u8]| Refusal::Unreadable(read(body).unwrap_err());
    let mut refusals = vec![
        Refusal::NotFound,
        Refusal::MethodNotAllowed(Route::Remediate),
        Refusal::MethodNotAllowed(Route::Health),
        NotHttps.into(),
        Refusal::Misconfigured,
        Refusal::Stopped,
        Refusal::InProgress,
        Refusal::KeyReused,
        Refusal::QuotaExceeded { emails: 2, quota },
        Refusal::Ledger(LedgerFailure::Unreachable),
        Refusal::Ledger(LedgerFailure::Storage),
        Refusal::Ledger(LedgerFailure::Failed),
        Refusal::TooLate,
        Refusal::Lost,
        denied(Denied::Action(Action::HardDelete)),
        denied(Denied::Recipients { first: (0..MAX_FAULTS).collect(), total: MAX_FAULTS + 1 }),
        denied(Denied::TooMany { emails: 2, most: 1 }),
        unreadable(b""),
        unreadable(br#"{"a/b":1,"a/b":1}"#),
        unreadable(b"{}"),
        unreadable(format!("[{}", "[".repeat(MAX_DEPTH)).as_bytes()),
        unreadable(payload("softDelete", &["x"; MAX_FAULTS + 1]).to_string().as_bytes()),
        token(TokenEndpointFault::Rejected { status: 401, code: None }),
        token(TokenEndpointFault::Throttled { retry_after: Some(MAX_RETRY_AFTER) }),
        token(TokenEndpointFault::Unavailable { status: 500, retry_after: None }),
        token(TokenEndpointFault::Unexpected { status: 302 }),
        token(TokenEndpointFault::CertificateExpired),
        token(TokenEndpointFault::NotSigned),
        graph(GraphFaultKind::Refused { code: "badRequest".to_owned(), message: "é".to_owned() }),
        graph(GraphFaultKind::TokenRejected),
        graph(GraphFaultKind::PermissionMissing),
        graph(GraphFaultKind::Conflict),
        graph(GraphFaultKind::QuotingConflict),
        graph(GraphFaultKind::Throttled { retry_after: Some(0) }),
        graph(GraphFaultKind::Unavailable { retry_after: None }),
        graph(GraphFaultKind::Unexpected),
    ];
    for failure in [SendFailure::Connection, SendFailure::Deadline] {
        refusals.extend([token(failure.into()), graph(failure.into())]);
    }
    refusals.extend([BodyFailure::TooLarge, BodyFailure::CutOff].map(Refusal::Body));
    refusals.extend(
        [
            DeclaredFault::ChunkedTransfer,
            DeclaredFault::Encoded,
            DeclaredFault::NotJson,
            DeclaredFault::Charset,
            DeclaredFault::MalformedLength,
            DeclaredFault::TooLarge,
        ]
        .map(Refusal::Declared),
    );
    refusals.extend(
        [
            RequestFault::Value,
            RequestFault::Repeated,
            RequestFault::Undecodable,
            RequestFault::Misspelt,
            RequestFault::IdempotencyKey,
        ]
        .map(Refusal::Request),
    );
    refusals.extend(
        [
            CredentialsFault::Absent.into(),
            CredentialsFault::Several.into(),
            CredentialsFault::Repeated.into(),
            CredentialsFault::UnknownScheme.into(),
            CredentialsFault::MalformedBasic.into(),
            TokenFault::Signature.into(),
            TokenFault::KeysUnavailable.into(),
            TokenFault::UnknownKey { retry_after: 30 }.into(),
            IdentityFault::UnknownKey,
            IdentityFault::NotTheOwner,
            IdentityFault::UnknownObjectId,
            IdentityFault::MissingScope,
            IdentityFault::NotAnApplication,
            IdentityFault::MissingRole,
        ]
        .map(Refusal::Identity),
    );
    refusals
}

#[test]
fn every_refusal_is_described_in_full() {
    let mut codes = BTreeSet::new();
    for refusal in refusals() {
        let context = Context {
            instance: Some("/remediate"),
            request_id: ID,
            client_request_id: Some("flow-1"),
            now: Timestamp::from_seconds(START),
        };
        let (code, mut answer) = problem::answer(&refusal, context);
        codes.insert(code);
        // What every answer carries is the pipeline's to add, and in its tests.
        answer.headers.extend([
            ("request-id", ID.to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
        ]);
        covers("POST", "/remediate", &answer).unwrap_or_else(|fault| panic!("{refusal:?}: {fault}"));
    }
    assert_eq!(codes, Code::ALL.iter().copied().collect(), "there is a refusal of each kind");
}
