//! Path, query and headers of a request.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use remediation_gateway::auth::credentials::Credentials;
use remediation_gateway::auth::{api_key, credentials};
use remediation_gateway::http::{Request, RequestHeaders};
use remediation_gateway::percent;
use remediation_gateway::preconditions::{self, MAX_BODY_BYTES, MAX_ID_LENGTH, MAX_KEY_LENGTH};
use remediation_gateway::route::Route;
use remediation_gateway::secret::Secret;

use crate::message::Message;
use crate::world::{API_KEY, CONFIG};

/// The gateway's own paths, in lower case.
const OWN_PATHS: [&str; 6] =
    ["/healthz", "/openapi.json", "/openapi-3.0.json", "/remediate", "/remediate/messages", "/remediate/status"];

/// Checks a request as text, without its body.
///
/// - A path has a route if and only if the contract lists it.
/// - A query that may mean validation never sends a remediation, in any spelling or encoding.
/// - An idempotency key has 1 to 255 visible ASCII characters, and its quoted and bare forms are equal.
/// - A body must be JSON of at most 4 MiB, plain or with gzip.
/// - At most one credential is found, and no output shows it.
/// - Echoed and logged values are short, are not a credential, and cannot contain an address or a line break.
///
/// Returns whether the gateway accepts the path, the query and the headers. The caller can be unknown.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn headers(bytes: &[u8]) -> bool {
    let request = request(&Message::parse(bytes));
    let headers = &request.headers;
    check_path(&request.path);
    check_query(&request.query);
    check_declared_body(headers);
    if let Some(header) = headers.idempotency_key.as_deref() {
        check_idempotency_key(header);
    }
    assert_eq!(preconditions::idempotency_key(None), Ok(None));
    check_prefer(headers.prefer.as_deref());
    check_credential(headers);
    for given in [&headers.client_request_id, &headers.workflow_run_id, &headers.idempotency_key] {
        let presented = credentials::possible_credentials(headers);
        let id = preconditions::correlation_id(given.as_deref(), &presented);
        assert!(id.is_none_or(|id| presented.iter().all(|credential| credential.expose() != id)), "a credential");
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.{}".contains(&byte);
        assert!(id.is_none_or(|id| (1..=MAX_ID_LENGTH).contains(&id.len()) && id.bytes().all(is_allowed)), "{id:?}");
        check_percent_encoding(given.as_deref().unwrap_or_default());
    }
    check_percent_encoding(&request.query);
    Route::of(&request.path).is_some()
        && preconditions::validate_only(&request.query).is_ok()
        && preconditions::check_content_headers(headers).is_ok()
        && preconditions::idempotency_key(headers.idempotency_key.as_deref()).is_ok()
        && credentials::find(headers).is_ok()
}

/// Returns the request that a message describes.
pub(crate) fn request(message: &Message<'_>) -> Request {
    let (method, path, query) = message.request_line();
    let headers = RequestHeaders {
        authorization: message.header("authorization").map(Secret::new),
        api_key: message.header("x-api-key").map(Secret::new),
        content_type: message.header("content-type"),
        content_length: message.header("content-length"),
        content_encoding: message.header("content-encoding"),
        transfer_mode: message.header("x-ms-transfer-mode"),
        client_request_id: message.header("client-request-id"),
        prefer: message.header("prefer"),
        idempotency_key: message.header("idempotency-key"),
        workflow_run_id: message.header("x-ms-workflow-run-id"),
        client_address: None,
    };
    let [method, scheme, host, path, query] = [method, "https", "gateway.example", path, query].map(str::to_owned);
    Request { method, scheme, host, path, query, headers }
}

/// Checks that the path has a route if and only if it is documented.
fn check_path(path: &str) {
    let is_known = |bare: &str| {
        let graph_path = bare.strip_prefix("/beta").or_else(|| bare.strip_prefix("/v1.0")).map(str::to_lowercase);
        // SDKs double this slash for a base URL that ends in a slash.
        let graph_path = graph_path.map(|rest| if rest.starts_with("//") { rest.replacen('/', "", 1) } else { rest });
        let is_graph_path = graph_path.is_some_and(|rest| {
            rest == "/security/collaboration/analyzedemails/remediate"
                || rest == "/security/collaboration/analyzedemails/microsoft.graph.security.remediate"
        });
        let bare = bare.to_ascii_lowercase();
        is_graph_path || OWN_PATHS.contains(&bare.as_str())
    };
    assert_eq!(Route::of(path).is_some(), is_known(path.strip_suffix('/').unwrap_or(path)), "{path}");
}

/// Checks that a query that may mean validation never sends a remediation.
fn check_query(query: &str) {
    let validates_only = preconditions::validate_only(query);
    let decoded = percent::decode(query).map(|query| query.to_ascii_lowercase());
    if validates_only == Ok(true) {
        assert!(decoded.as_ref().is_none_or(|query| query.contains("validateonly=true")), "{query}");
    }
    if validates_only == Ok(false) {
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let letters: String = decode_repeatedly(pair).chars().filter(char::is_ascii_alphabetic).collect();
            let resembles_parameter = letters.to_ascii_lowercase().contains("validateonly");
            let is_parameter = percent::decode(name).is_some_and(|name| name.eq_ignore_ascii_case("validateOnly"));
            assert!(
                !resembles_parameter || is_parameter && value.eq_ignore_ascii_case("false"),
                "the query would send: {query}"
            );
        }
    }
    assert_eq!(
        preconditions::validate_only(&format!("x=1&{query}&")),
        validates_only,
        "another parameter changed the result"
    );
    assert_ne!(preconditions::validate_only(&format!("{query}&validateOnly=true")), Ok(false));
}

/// Decodes the text repeatedly until it stays the same. [`percent::decode_fully`] does so in one pass.
fn decode_repeatedly(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    loop {
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while let Some((&byte, after)) = rest.split_first() {
            let (value, after) = percent::read_escape(rest).unwrap_or((byte, after));
            decoded.push(value);
            rest = after;
        }
        if decoded == bytes {
            let decoded = String::from_utf8_lossy(&decoded).into_owned();
            assert_eq!(percent::decode_fully(text), decoded, "{text}");
            return decoded;
        }
        bytes = decoded;
    }
}

/// Checks that accepted headers declare JSON of at most 4 MiB, plain or with gzip.
fn check_declared_body(headers: &RequestHeaders) {
    let Ok(declared) = preconditions::check_content_headers(headers) else { return };
    assert!(declared.length.is_none_or(|length| usize::try_from(length).is_ok_and(|length| length <= MAX_BODY_BYTES)));
    let lower = |value: &Option<String>| value.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    assert!(lower(&headers.content_type).starts_with("application/json"));
    let coding = lower(&headers.content_encoding);
    let gzip_codings =
        coding.split(',').map(str::trim).filter(|one| !["", "identity"].contains(one)).collect::<Vec<_>>();
    assert!(
        gzip_codings.iter().all(|one| ["gzip", "x-gzip"].contains(one))
            && gzip_codings.len() == usize::from(declared.is_gzip)
    );
    assert_ne!(lower(&headers.transfer_mode), "chunked");
}

fn check_idempotency_key(header: &str) {
    let Ok(key) = preconditions::idempotency_key(Some(header)) else { return };
    let key = key.expect("the header is neither a key nor an error");
    assert!((1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
    let quoted = format!(" \"{}\" ", key.replace('\\', "\\\\").replace('"', "\\\""));
    assert_eq!(preconditions::idempotency_key(Some(&quoted)), Ok(Some(key.clone())), "quoted");
    if !key.starts_with('"') {
        assert_eq!(preconditions::idempotency_key(Some(&key)), Ok(Some(key)), "bare");
    }
}

fn check_prefer(given: Option<&str>) {
    let Some(prefer) = given else {
        assert!(!preconditions::prefers_minimal(None));
        return;
    };
    let minimal = preconditions::prefers_minimal(Some(prefer));
    let lower = prefer.to_ascii_lowercase();
    assert!(!minimal || lower.contains("return") && lower.contains("minimal"), "{prefer}");
    assert_eq!(preconditions::prefers_minimal(Some(&format!("respond-async, {prefer}"))), minimal);
    assert!(preconditions::prefers_minimal(Some(&format!("return=minimal, {prefer}"))), "the first header must count");
    assert!(
        !preconditions::prefers_minimal(Some(&format!("return=representation, {prefer}"))),
        "the first header must count"
    );
}

/// Checks that at most one credential is found, and that debug output does not show it.
fn check_credential(headers: &RequestHeaders) {
    let given = headers.authorization.as_ref().map(Secret::expose);
    let key = headers.api_key.as_ref().map(Secret::expose).filter(|key| !key.is_empty());
    let Ok(found) = credentials::find(headers) else { return };
    assert_ne!(given.is_some(), key.is_some(), "one kind");
    assert!(given.is_none_or(|given| !given.contains(',')), "once");
    let shown = format!("{found:?}");
    match &found {
        Credentials::Bearer(token) => {
            assert!(given.is_some_and(|given| given.contains(token.expose())));
            assert_eq!(shown, "Bearer(Secret(SecretBox<str>([REDACTED])))");
        }
        Credentials::ApiKey(found) => {
            assert_eq!(Some(found.expose()), key);
            assert_eq!(shown, "ApiKey(Secret(SecretBox<str>([REDACTED])))");
        }
        Credentials::Basic { name, key } => {
            let encoded = BASE64_STANDARD.encode(format!("{name}:{}", key.expose()));
            assert!(!name.contains(':') && given.is_some_and(|given| given.contains(&encoded)));
            assert_eq!(shown, format!("Basic {{ name: {name:?}, key: Secret(SecretBox<str>([REDACTED])) }}"));
        }
    }
    if let Credentials::ApiKey(key) | Credentials::Basic { key, .. } = &found {
        let caller = api_key::find_caller(&CONFIG.callers, key).map(|caller| caller.name.clone());
        assert_eq!(caller.as_deref(), (key.expose() == API_KEY).then_some("script"));
    }
}

fn check_percent_encoding(text: &str) {
    let encoded = percent::encode_form(text);
    assert!(encoded.bytes().all(|byte| percent::is_unreserved(byte) || byte == b'%'), "{encoded}");
    assert_eq!(percent::decode(&encoded).as_deref(), Some(text));
    assert!(percent::decode(text).is_none_or(|decoded| decoded.len() <= text.len()));
}
