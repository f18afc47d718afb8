//! Calls to Graph with the gateway's own token.

use std::rc::Rc;
use std::time::Duration;

use super::app_token::AppTokenCache;
use super::error::{GraphErrorKind, TokenEndpointError};
use super::page_reads::PageReads;
use super::settings::GraphSettings;
use crate::runtime::{Clock, Guids, HttpClient, HttpRequest, HttpResponse, SendError, Signer, USER_AGENT};
use crate::time::Timestamp;

/// Everything that a call to Microsoft needs.
#[derive(Debug)]
pub struct GraphAccess {
    /// Settings for calls to Microsoft.
    pub settings: GraphSettings,
    /// Cached token for these settings.
    pub app_token: AppTokenCache,
    /// Pages that the isolate reads, for any settings.
    pub page_reads: Rc<PageReads>,
}

/// The calls of one operation.
pub(super) struct GraphCalls<'a, R> {
    pub(super) runtime: &'a R,
    pub(super) access: &'a GraphAccess,
    /// Time at which the calls must have ended.
    pub(super) until: Timestamp,
    /// Minimum time for a call. If less is left, no call begins.
    pub(super) min_time: Duration,
    /// Whether a 401 has renewed the token.
    pub(super) is_renewed: bool,
}

impl<R: HttpClient + Clock + Guids + Signer> GraphCalls<'_, R> {
    /// Sends `request` with the token and a new client request ID, which Graph logs. The operation's first 401 renews
    /// the token and repeats the call (contract, section 8).
    pub(super) async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpResponse, GraphErrorKind> {
        loop {
            let GraphAccess { settings, app_token, .. } = self.access;
            let token = app_token.get(self.runtime, settings, self.until).await?;
            let left = self.until.since(self.runtime.now());
            if left < self.min_time {
                return Err(TokenEndpointError::Send(SendError::Deadline).into());
            }
            if left.is_zero() {
                return Err(SendError::Deadline.into());
            }
            let authorization = format!("Bearer {}", token.expose());
            let client_request_id = self.runtime.new_guid();
            let mut headers = vec![
                ("Authorization", authorization.as_str()),
                ("Accept", "application/json"),
                ("client-request-id", client_request_id.as_str()),
                ("User-Agent", USER_AGENT),
            ];
            headers.extend(request.headers);
            let request = HttpRequest { headers: &headers, deadline: request.deadline.min(left), ..*request };
            let response = self.runtime.send(request).await?;
            if response.status != 401 {
                return Ok(response);
            }
            app_token.drop_rejected(&token);
            if std::mem::replace(&mut self.is_renewed, true) {
                return Ok(response);
            }
        }
    }
}
