//! The platform's request as plain values, and its body.

use js_sys::futures::JsFuture;
use web_sys::Request as JsRequest;

use super::convert::{self, StreamFailure};
use crate::http::{Body, BodyFailure, Request, RequestHeaders};
use crate::secret::Secret;

/// The body of a request of the platform's.
pub(super) struct IncomingBody(JsRequest);

/// Takes `request` apart.
pub(super) fn split(request: JsRequest) -> (Request, IncomingBody) {
    let url = request.url();
    let (path, query) = path_and_query(&url);
    let headers = request.headers();
    let header = |name: &str| headers.get(name).ok().flatten();
    let plain = Request {
        method: request.method(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: RequestHeaders {
            authorization: header("authorization").map(Secret::new),
            api_key: header("x-api-key").map(Secret::new),
            content_type: header("content-type"),
            content_length: header("content-length"),
            content_encoding: header("content-encoding"),
            transfer_mode: header("x-ms-transfer-mode"),
            client_request_id: header("client-request-id"),
            prefer: header("prefer"),
            idempotency_key: header("idempotency-key"),
            workflow_run_id: header("x-ms-workflow-run-id"),
        },
    };
    (plain, IncomingBody(request))
}

/// Path and query of an absolute URL as the platform serialises it: the first `/` after the authority begins the path, and `?` and `#` in a
/// path are always escaped.
fn path_and_query(url: &str) -> (&str, &str) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/");
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    path.split_once('?').unwrap_or((path, ""))
}

impl Body for IncomingBody {
    async fn read(self, declared: Option<u64>, cap: usize) -> Result<Vec<u8>, BodyFailure> {
        let Some(stream) = self.0.body() else { return Ok(Vec::new()) };
        // A declared length is what frames the body, so no more can come than was declared, and it comes in one piece. Without one it is
        // counted as it comes.
        if declared.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= cap)) {
            let buffer = self.0.array_buffer().map_err(|_| BodyFailure::CutOff)?;
            let buffer = JsFuture::from(buffer).await.map_err(|_| BodyFailure::CutOff)?;
            return Ok(js_sys::Uint8Array::new(&buffer).to_vec());
        }
        convert::read(&stream, cap).await.map_err(|failure| match failure {
            StreamFailure::TooLarge => BodyFailure::TooLarge,
            StreamFailure::Broken => BodyFailure::CutOff,
        })
    }
}
