//! Microsoft Graph's list of analyzed emails (facts, section 1), for the queries that known clients send.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    graph::{GraphError, Ids, authorize, reject},
    mailboxes::{MAX_PAGE_SIZE, Page},
    received::Received,
    record::Response,
    state::State,
    tokens::{GRAPH_READ_ROLE, GRAPH_ROLE},
};

/// Parsed query.
struct Query {
    start: SystemTime,
    end: SystemTime,
    network_message_id: String,
    top: usize,
    /// Number of the first row, from the `$skiptoken` of a `nextLink`.
    skip: usize,
    /// Query without `$skiptoken`, for the `nextLink`.
    kept: String,
}

/// Responds to `GET /{version}/security/collaboration/analyzedEmails`.
pub(crate) fn respond_with_list(state: &State, version: &str, request: &Received) -> Response {
    let ids = Ids::of(request);
    let path = format!("{}/{version}/security/collaboration/analyzedEmails", state.base_url);
    match read_page(state, request) {
        Ok((page, kept)) => {
            let mut body = json!({ "value": page.rows });
            if let (Some(next), Some(body)) = (page.next, body.as_object_mut()) {
                body.insert("@odata.nextLink".to_owned(), format!("{path}?{kept}&$skiptoken={next}").into());
            }
            ids.add_to(Response::json(200, &body))
        }
        Err(error) if error.status == 405 => ids.error_response(&error).header("Allow", "GET"),
        Err(error) => ids.error_response(&error),
    }
}

fn read_page(state: &State, request: &Received) -> Result<(Page, String), GraphError> {
    if request.method != Method::GET {
        return reject(405, "Request_MethodNotAllowed", "The list takes GET.");
    }
    let tenant = authorize(state, request, &[GRAPH_READ_ROLE, GRAPH_ROLE])?;
    let query = match Query::parse(request.query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(reason) => return reject(400, "BadRequest", reason),
    };
    let page =
        state.mailboxes().page((&tenant, &query.network_message_id), (query.start, query.end), query.top, query.skip);
    Ok((page, query.kept))
}

impl Query {
    /// Parses a query. The error names the part that Graph is not known to accept.
    fn parse(query: &str) -> Result<Self, String> {
        let (mut start, mut end, mut id, mut top, mut skip) = (None, None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_new = match &*name {
                "startTime" => start.replace(parse_time(&value)?).is_none(),
                "endTime" => end.replace(parse_time(&value)?).is_none(),
                "$filter" => id.replace(parse_filter(&value)?).is_none(),
                "$top" => top.replace(value.parse::<usize>().map_err(|_| "$top is not a number")?).is_none(),
                "$skiptoken" => {
                    skip.replace(value.parse::<usize>().map_err(|_| "$skiptoken is not of a nextLink")?).is_none()
                }
                other => return Err(format!("the query option {other} is not known")),
            };
            if !is_new {
                return Err(format!("{name} is given twice"));
            }
        }
        let start = start.ok_or("startTime is missing")?;
        let end = end.ok_or("endTime is missing")?;
        if start > end {
            return Err("startTime is later than endTime".to_owned());
        }
        let top = top.ok_or("$top is missing")?;
        if !(1..=MAX_PAGE_SIZE).contains(&top) {
            return Err(format!("$top is not 1 to {MAX_PAGE_SIZE}"));
        }
        let kept: Vec<&str> = query.split('&').filter(|part| !is_skiptoken(part)).collect();
        Ok(Self {
            start,
            end,
            network_message_id: id.ok_or("$filter is missing")?,
            top,
            skip: skip.unwrap_or_default(),
            kept: kept.join("&"),
        })
    }
}

fn is_skiptoken(part: &str) -> bool {
    form_urlencoded::parse(part.as_bytes()).any(|(name, _)| name == "$skiptoken")
}

/// Parses a time of the form `yyyy-MM-ddTHH:mm:ssZ`, the only form that known clients send.
fn parse_time(text: &str) -> Result<SystemTime, String> {
    let is_form = text.len() == "2026-01-31T12:34:56Z".len() && text.ends_with('Z');
    let parsed = text.parse::<jiff::Timestamp>().ok().filter(|_| is_form);
    let seconds = parsed.and_then(|time| u64::try_from(time.as_second()).ok());
    let time = seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    time.ok_or_else(|| format!("{text} is not a time"))
}

/// Parses a filter of the form `networkMessageId eq '…'`, the only form that known clients send.
fn parse_filter(text: &str) -> Result<String, String> {
    let invalid = || "Invalid filter with propName".to_owned();
    let quoted = text.strip_prefix("networkMessageId eq '").and_then(|rest| rest.strip_suffix('\''));
    let id = quoted.ok_or_else(invalid)?;
    if id.len() != 36 || Uuid::try_parse(id).is_err() {
        return Err(invalid());
    }
    Ok(id.to_owned())
}
