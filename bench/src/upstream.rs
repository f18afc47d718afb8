//! Fast emulation of Graph that accepts every remediation and remembers none. It lists each message of a campaign.
//!
//! The sandbox validates and records requests, so its cost would distort the measurement.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, StatusCode, Uri, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Maximum number of rows in a page, as in the sandbox.
const PAGE_ROWS: usize = 1000;

/// Running upstream, stopped on drop.
pub(crate) struct Upstream {
    pub(crate) base_url: String,
    accepted: Arc<AtomicU64>,
    server: JoinHandle<Infallible>,
}

impl Upstream {
    /// Starts the upstream on a free loopback port.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let accepted = Arc::new(AtomicU64::new(0));
        let server = tokio::spawn(serve(listener, base_url.clone(), Arc::clone(&accepted)));
        Ok(Self { base_url, accepted, server })
    }

    /// Returns the number of remediations accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, base_url: String, accepted: Arc<AtomicU64>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve_connection(stream, base_url.clone(), Arc::clone(&accepted)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, base_url: String, accepted: Arc<AtomicU64>) {
    // Without this option, a small response may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let (base_url, accepted) = (base_url.clone(), Arc::clone(&accepted));
        async move {
            if request.method() == Method::GET {
                return Ok(list(&base_url, request.uri()));
            }
            remediate(accepted, request).await
        }
    });
    // An error means that the candidate disconnected.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Accepts any remediation in Graph's form (facts, section 1).
async fn remediate(accepted: Arc<AtomicU64>, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let number = accepted.fetch_add(1, Ordering::Relaxed);
    let location = format!(
        r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["{}"]}}&tid={}"#,
        guid(number),
        sandbox::TENANT_ID
    );
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::ACCEPTED;
    for (name, value) in [
        ("content-type", "application/json;text/plain"),
        ("location", location.as_str()),
        ("request-id", guid(number).as_str()),
    ] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// Returns a page of the list of a campaign's message. The message's ID has the number of its recipients.
fn list(base_url: &str, uri: &Uri) -> Response<Full<Bytes>> {
    let query = uri.query().unwrap_or_default();
    let after = |text: &str, radix| {
        let digits = query.split_once(text)?.1.split(|c: char| !c.is_ascii_hexdigit()).next()?;
        usize::from_str_radix(digits, radix).ok()
    };
    let (rows, skip) = (after("-4000-8000-", 16).unwrap_or(0), after("skiptoken=", 10).unwrap_or(0));
    let next = rows.min(skip.saturating_add(PAGE_ROWS));
    let id = guid(u64::try_from(rows).unwrap_or_default());
    let mut page = json!({ "value": (skip..next).map(|index| row(&id, index)).collect::<Vec<_>>() });
    if let (Some(members), true) = (page.as_object_mut(), next < rows) {
        let first = query.split("&$skiptoken=").next().unwrap_or_default();
        let link = format!("{base_url}{}?{first}&$skiptoken={next}", uri.path());
        members.insert("@odata.nextLink".to_owned(), link.into());
    }
    let mut response = Response::new(Full::new(page.to_string().into()));
    if let Ok(value) = "application/json".parse() {
        response.headers_mut().insert("content-type", value);
    }
    response
}

/// Returns a row with the properties that Graph's documentation shows of an `analyzedEmail`, most of which the gateway
/// drops.
fn row(id: &str, index: usize) -> Value {
    json!({
        "id": format!("{id}-{index}"),
        "alertIds": [],
        "attachmentsCount": 1,
        "clientType": "unknownFutureValue",
        "directionality": "inbound",
        "internetMessageId": format!("<{id}@mail.fabrikam.com>"),
        "language": "en",
        "latestDelivery": { "action": "delivered", "location": "deletedFolder" },
        "loggedDateTime": "2026-10-02T09:12:31Z",
        "networkMessageId": id,
        "originalDelivery": { "action": "delivered", "location": "inbox_folder" },
        "phishConfidenceLevel": "high",
        "recipientEmailAddress": recipient(index),
        "senderDetail": {
            "displayName": "Fabrikam payroll", "fromAddress": "payroll@fabrikam.com", "ipv4": "203.0.113.7",
            "mailFromAddress": "bounce@fabrikam.com",
        },
        "subject": "Your payslip for September is ready",
        "threatTypes": ["phish"],
        "timelineEvents": [
            { "eventDateTime": "2026-10-02T09:12:31Z", "eventResult": "ok", "eventSource": "system", "eventType": "originalDelivery" },
        ],
        "urlsCount": 2,
    })
}

/// Returns the address of the recipient with this number.
pub(crate) fn recipient(index: usize) -> String {
    const NAMES: [&str; 5] = ["jarvis", "morales", "de-la-cruz", "o.brien", "nakamura"];
    let name = NAMES.get(index % NAMES.len()).copied().unwrap_or_default();
    format!("{name}{index}@contoso.com")
}

/// Returns a GUID built from a number, which is much cheaper than a random one.
pub(crate) fn guid(number: u64) -> String {
    format!("{:08x}-{:04x}-4000-8000-{:012x}", number >> 16 & 0xffff_ffff, number & 0xffff, number)
}
