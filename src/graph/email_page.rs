//! Reads one page of Graph's list of analyzed emails.
//!
//! The payload's reader walks the page once. It borrows the members that the gateway uses from the page, and skips the
//! others. It passes each row on as soon as the row ends, so a page of any size needs the memory of one row.

use std::borrow::Cow;
use std::mem;

use crate::guid::Guid;
use crate::remediation::JsonError;
use crate::remediation::reader::{Json, Kind};

/// A message in one recipient's mailbox. A missing text is empty.
#[derive(Debug, Default)]
pub struct AnalyzedEmailRow<'a> {
    /// ID of the message.
    pub network_message_id: Option<Guid>,
    /// Address of the mailbox.
    pub recipient: Cow<'a, str>,
    /// `latestDelivery.location`, in Graph's spelling.
    pub location: Cow<'a, str>,
    /// `latestDelivery.action`, in Graph's spelling.
    pub action: Cow<'a, str>,
    /// `timelineEvents`.
    pub events: Vec<TimelineEvent<'a>>,
}

/// An event of a message in a mailbox.
#[derive(Debug, Default)]
pub struct TimelineEvent<'a> {
    /// Time of the event, as Graph writes it.
    pub time: Cow<'a, str>,
    /// Source of the event: `system`, `admin` or `user`.
    pub source: Cow<'a, str>,
    /// Result of the event, a free text.
    pub result: Cow<'a, str>,
}

/// Reads a page, and calls `each` with every row. Returns the `@odata.nextLink`.
///
/// If the function fails, the rows that `each` received do not count. A repeated member counts as its last occurrence.
///
/// # Errors
///
/// If the page has another form than Graph documents.
pub(super) fn parse<'de>(
    page: &'de [u8],
    each: &mut dyn FnMut(&AnalyzedEmailRow<'de>),
) -> Result<Option<Cow<'de, str>>, JsonError> {
    let text = str::from_utf8(page).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
    let mut json = Json::of_text(text).with_repeated_names();
    let mut has_rows = false;
    let mut next_link = None;
    let mut row = AnalyzedEmailRow::default();
    json.object(|json, name| match name {
        "value" => {
            has_rows = true;
            json.array(|json, _| {
                read_row(json, &mut row)?;
                each(&row);
                Ok(())
            })?;
            Ok(())
        }
        "@odata.nextLink" => {
            next_link = optional_text(json)?;
            Ok(())
        }
        _ => json.skip(),
    })?;
    json.end()?;
    if has_rows { Ok(next_link) } else { Err(json.error("\"value\" is expected")) }
}

/// Reads a row into `row`, and reuses the memory of the previous row's events.
fn read_row<'de>(json: &mut Json<'de>, row: &mut AnalyzedEmailRow<'de>) -> Result<(), JsonError> {
    let mut events = mem::take(&mut row.events);
    events.clear();
    *row = AnalyzedEmailRow { events, ..AnalyzedEmailRow::default() };
    json.object(|json, name| match name {
        "networkMessageId" => {
            let id = optional_text(json)?.map(|id| id.parse().map_err(|_| json.error("a GUID is expected")));
            row.network_message_id = id.transpose()?;
            Ok(())
        }
        "recipientEmailAddress" => read_text(json, &mut row.recipient),
        "latestDelivery" if json.kind()? != Kind::Null => json.object(|json, name| match name {
            "location" => read_text(json, &mut row.location),
            "action" => read_text(json, &mut row.action),
            _ => json.skip(),
        }),
        "timelineEvents" if json.kind()? != Kind::Null => {
            json.array(|json, _| {
                row.events.push(read_event(json)?);
                Ok(())
            })?;
            Ok(())
        }
        _ => json.skip(),
    })
}

fn read_event<'de>(json: &mut Json<'de>) -> Result<TimelineEvent<'de>, JsonError> {
    let mut event = TimelineEvent::default();
    json.object(|json, name| match name {
        "eventDateTime" => read_text(json, &mut event.time),
        "eventSource" => read_text(json, &mut event.source),
        "eventResult" => read_text(json, &mut event.result),
        _ => json.skip(),
    })?;
    Ok(event)
}

/// Reads a text. Returns `None` for `null`.
fn optional_text<'de>(json: &mut Json<'de>) -> Result<Option<Cow<'de, str>>, JsonError> {
    if json.kind()? == Kind::Null {
        json.skip()?;
        return Ok(None);
    }
    json.string("a string is expected").map(Some)
}

/// Reads a text into `target`. `null` is an empty text.
fn read_text<'de>(json: &mut Json<'de>, target: &mut Cow<'de, str>) -> Result<(), JsonError> {
    *target = optional_text(json)?.unwrap_or_default();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";

    /// Returns the rows as text, and the link; `None` if the page has another form.
    fn read(page: &str) -> Option<(Vec<String>, Option<String>)> {
        let mut rows = Vec::new();
        let link = parse(page.as_bytes(), &mut |row| {
            let events = row.events.iter().map(|event| format!("{} {} {}", event.time, event.source, event.result));
            let events = events.collect::<Vec<_>>().join(", ");
            let is_known = row.network_message_id == ID.parse().ok();
            rows.push(format!("{is_known} {} {} {} [{events}]", row.recipient, row.location, row.action));
        });
        link.ok().map(|link| (rows, link.map(Cow::into_owned)))
    }

    #[test]
    fn rows_are_read_whatever_else_they_have() {
        let upper = ID.to_uppercase();
        let page = format!(
            r#"{{"@odata.context":"x","@odata.count":2,"value":[
                {{"id":"x","networkMessageId":"{upper}","recipientEmailAddress":"a\u0040b.c","senderDetail":{{"value":[{{}}]}},
                  "latestDelivery":{{"location":"Inbox","action":"delivered","more":[1]}},"urls":[{{"location":"x"}}],
                  "timelineEvents":[{{"eventDateTime":"t","eventSource":"admin","eventType":null,"eventResult":"ok"}},{{}}]}},
                {{"networkMessageId":"{ID}"}},
                {{"networkMessageId":"{ID}","recipientEmailAddress":null,"latestDelivery":null,"timelineEvents":null}},
                {{"networkMessageId":"{ID}","latestDelivery":{{"location":null}},"timelineEvents":[]}},
                {{}}
            ],"@odata.nextLink":"https://x"}} "#
        );
        let rows =
            ["true a@b.c Inbox delivered [t admin ok,   ]", "true    []", "true    []", "true    []", "false    []"];
        assert_eq!(read(&page), Some((rows.map(str::to_owned).to_vec(), Some("https://x".to_owned()))));
        assert_eq!(read(r#"{"value":[]}"#), Some((Vec::new(), None)));
        assert_eq!(read(r#"{"value":[],"@odata.nextLink":null}"#), Some((Vec::new(), None)));
    }

    #[test]
    fn page_of_another_form_is_not_read() {
        let row = |members: &str| format!(r#"{{"value":[{{"networkMessageId":"{ID}",{members}}}]}}"#);
        for page in [
            "",
            "null",
            "[]",
            "{}",
            "1",
            r#""x""#,
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":"x"}"#,
            r#"{"value":[],"@odata.nextLink":1}"#,
            r#"{"value":[],"@odata.nextLink":{}}"#,
            r#"{"value":[1]}"#,
            r#"{"value":[[]]}"#,
            r#"{"value":[null]}"#,
            r#"{"value":["x"]}"#,
            r#"{"value":[{"networkMessageId":1}]}"#,
            r#"{"value":[{"networkMessageId":"x"}]}"#,
            &row(r#""recipientEmailAddress":1"#),
            &row(r#""recipientEmailAddress":["x"]"#),
            &row(r#""latestDelivery":"inbox""#),
            &row(r#""latestDelivery":[]"#),
            &row(r#""timelineEvents":{}"#),
            &row(r#""timelineEvents":[null]"#),
            &row(r#""timelineEvents":[{"eventResult":true}]"#),
            &row(&format!(r#""x":{}"#, "[".repeat(100_000))),
            r#"{"value":[]"#,
            r#"{"value":[]} x"#,
            "{\"value\":[\u{0}]}",
        ] {
            assert_eq!(read(page), None, "{}", page.get(..80).unwrap_or(page));
        }
        assert!(parse(b"{\"value\":[{\"recipientEmailAddress\":\"\xff\"}]}", &mut |_| {}).is_err(), "not UTF-8");
    }
}
