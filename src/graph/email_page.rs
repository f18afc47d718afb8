//! Reads one page of Graph's list of analyzed emails.
//!
//! The payload's reader walks the page once. It borrows the members that the gateway uses from the page, and skips the
//! others. It passes each row on as soon as the row ends, so a page of any size needs the memory of one row.

use std::borrow::Cow;

use super::timeline_event::TimelineEvent;
use crate::guid::Guid;
use crate::remediation::JsonError;
use crate::remediation::reader::{Json, Kind};
use crate::time::Timestamp;

/// A message in one recipient's mailbox. A missing text is empty.
#[derive(Debug, Default)]
pub struct AnalyzedEmailRow<'a> {
    /// ID of the message.
    pub network_message_id: Option<Guid>,
    /// Address of the mailbox.
    pub recipient: Cow<'a, str>,
    /// `latestDelivery.location`, in Graph's spelling.
    pub location: Cow<'a, str>,
    /// Latest [success](TimelineEvent::success_time) in `timelineEvents`.
    ///
    /// The reader keeps no other event, because a page can have millions.
    pub last_success: Option<Timestamp>,
}

/// Reads a page, and calls `each` with every row. Returns the `@odata.nextLink`.
///
/// If the function fails, the rows that `each` received do not count. If a text is repeated, the last one counts.
///
/// # Errors
///
/// [`JsonError`] if the form of the page is not the documented one.
pub(super) fn parse<'de>(
    page: &'de [u8],
    each: &mut dyn FnMut(&AnalyzedEmailRow<'de>),
) -> Result<Option<Cow<'de, str>>, JsonError> {
    let text = str::from_utf8(page).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
    let mut json = Json::from_text(text).with_repeated_names();
    let mut has_rows = false;
    let mut next_link = None;
    json.object(|json, name| match name {
        "value" => {
            has_rows = true;
            json.array(|json, _| {
                each(&read_row(json)?);
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
    json.expect_end()?;
    if has_rows { Ok(next_link) } else { Err(json.error("\"value\" is expected")) }
}

fn read_row<'de>(json: &mut Json<'de>) -> Result<AnalyzedEmailRow<'de>, JsonError> {
    let mut row = AnalyzedEmailRow::default();
    json.object(|json, name| match name {
        "networkMessageId" => {
            let id = optional_text(json)?.map(|id| id.parse().map_err(|_| json.error("a GUID is expected")));
            row.network_message_id = id.transpose()?;
            Ok(())
        }
        "recipientEmailAddress" => read_text(json, &mut row.recipient),
        "latestDelivery" if json.kind()? != Kind::Null => json.object(|json, name| match name {
            "location" => read_text(json, &mut row.location),
            _ => json.skip(),
        }),
        "timelineEvents" if json.kind()? != Kind::Null => {
            row.last_success = None;
            json.array(|json, _| {
                row.last_success = row.last_success.max(read_event(json)?.success_time());
                Ok(())
            })?;
            Ok(())
        }
        _ => json.skip(),
    })?;
    Ok(row)
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
    const TIME: &str = "2027-01-15T07:00:00Z";

    /// Returns the rows as text, and the link; `None` if the page has another form.
    fn read(page: &str) -> Option<(Vec<String>, Option<String>)> {
        let mut rows = Vec::new();
        let link = parse(page.as_bytes(), &mut |row| {
            let success = row.last_success.map(Timestamp::to_rfc3339).unwrap_or_default();
            let is_known = row.network_message_id == ID.parse().ok();
            rows.push(format!("{is_known} {} {} {success}", row.recipient, row.location));
        });
        link.ok().map(|link| (rows, link.map(Cow::into_owned)))
    }

    #[test]
    fn page_rows_with_unknown_null_or_missing_members_are_read() {
        let upper = ID.to_uppercase();
        let page = format!(
            r#"{{"@odata.context":"x","@odata.count":2,"value":[
                {{"id":"x","networkMessageId":"{upper}","recipientEmailAddress":"a\u0040b.c","senderDetail":{{"value":[{{}}]}},
                  "latestDelivery":{{"location":"Inbox","action":"delivered","more":[1]}},"urls":[{{"location":"x"}}],
                  "timelineEvents":[{{"eventDateTime":"{TIME}","eventSource":"admin","eventType":null,"eventResult":"ok"}},{{}}]}},
                {{"networkMessageId":"{ID}"}},
                {{"networkMessageId":"{ID}","recipientEmailAddress":null,"latestDelivery":null,"timelineEvents":null}},
                {{"networkMessageId":"{ID}","latestDelivery":{{"location":null}},"timelineEvents":[]}},
                {{}}
            ],"@odata.nextLink":"https://x"}} "#
        );
        let rows = [&format!("true a@b.c Inbox {TIME}"), "true   ", "true   ", "true   ", "false   "];
        assert_eq!(read(&page), Some((rows.map(str::to_owned).to_vec(), Some("https://x".to_owned()))));
        assert_eq!(read(r#"{"value":[]}"#), Some((Vec::new(), None)));
        assert_eq!(read(r#"{"value":[],"@odata.nextLink":null}"#), Some((Vec::new(), None)));
    }

    #[test]
    fn latest_success_of_an_administrator_is_kept() {
        let event = |time: &str, source: &str, result: &str| {
            format!(r#"{{"eventDateTime":"{time}","eventSource":"{source}","eventResult":"{result}"}}"#)
        };
        let (early, late) = ("2027-01-15T06:00:00Z", "2027-01-15T08:00:00Z");
        let (first, last) = (event(early, "admin", "ok"), event(TIME, "Admin", "ok"));
        let others =
            [event(late, "system", "ok"), event(late, "admin", "failed"), event("soon", "admin", "ok")].join(",");
        for (events, expected) in [
            (format!("[{first},{last},{others}]"), TIME),
            (format!("[{others},{last},{first}]"), TIME),
            (format!("[{others}]"), ""),
            // The last occurrence of a member counts.
            (format!(r#"[{last}],"timelineEvents":[{first}]"#), early),
            (format!(r#"[{last}],"timelineEvents":[]"#), ""),
        ] {
            let page = format!(r#"{{"value":[{{"networkMessageId":"{ID}","timelineEvents":{events}}},{{}}]}}"#);
            let rows = vec![format!("true   {expected}"), "false   ".to_owned()];
            assert_eq!(read(&page), Some((rows, None)), "{page}");
        }
    }

    #[test]
    fn malformed_email_page_is_rejected() {
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
