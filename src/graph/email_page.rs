//! Reads one page of Graph's list of analyzed emails.
//!
//! One visitor reads all levels of the document, so that the code is small. It borrows the members that the gateway
//! uses from the page, and skips the others. It passes each row on as soon as the row ends.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::guid::Guid;

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
/// If the function fails, the rows that `each` received do not count.
///
/// # Errors
///
/// If the page has another form than Graph documents.
pub(super) fn parse<'de>(
    page: &'de [u8],
    each: &mut dyn FnMut(&AnalyzedEmailRow<'de>),
) -> Result<Option<Cow<'de, str>>, serde_json::Error> {
    let mut reader = PageReader { row: AnalyzedEmailRow::default(), has_rows: false, next_link: None, each };
    let mut json = serde_json::Deserializer::from_slice(page);
    Node { place: PagePlace::Page, reader: &mut reader }.deserialize(&mut json)?;
    json.end()?;
    if reader.has_rows { Ok(reader.next_link) } else { Err(Error::custom("no rows")) }
}

/// A location in the document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PagePlace {
    Page,
    NextLink,
    Rows,
    Row,
    Id,
    Recipient,
    Delivery,
    Location,
    Action,
    Events,
    Event,
    EventTime,
    EventSource,
    EventResult,
    Other,
}

impl PagePlace {
    /// Returns the location of a member.
    fn member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Page, "value") => Self::Rows,
            (Self::Page, "@odata.nextLink") => Self::NextLink,
            (Self::Row, "networkMessageId") => Self::Id,
            (Self::Row, "recipientEmailAddress") => Self::Recipient,
            (Self::Row, "latestDelivery") => Self::Delivery,
            (Self::Row, "timelineEvents") => Self::Events,
            (Self::Delivery, "location") => Self::Location,
            (Self::Delivery, "action") => Self::Action,
            (Self::Event, "eventDateTime") => Self::EventTime,
            (Self::Event, "eventSource") => Self::EventSource,
            (Self::Event, "eventResult") => Self::EventResult,
            _ => Self::Other,
        }
    }
}

/// Parts of a page that have been read.
struct PageReader<'r, 'de> {
    /// The current row.
    row: AnalyzedEmailRow<'de>,
    has_rows: bool,
    next_link: Option<Cow<'de, str>>,
    each: &'r mut dyn FnMut(&AnalyzedEmailRow<'de>),
}

impl<'de> PageReader<'_, 'de> {
    /// Stores the text of a location. Returns `None` if the location has no text.
    fn take(&mut self, place: PagePlace, text: Cow<'de, str>) -> Option<()> {
        let member = match place {
            PagePlace::Id => {
                self.row.network_message_id = Some(text.parse().ok()?);
                return Some(());
            }
            PagePlace::NextLink => {
                self.next_link = Some(text);
                return Some(());
            }
            PagePlace::Recipient => &mut self.row.recipient,
            PagePlace::Location => &mut self.row.location,
            PagePlace::Action => &mut self.row.action,
            PagePlace::EventTime => &mut self.row.events.last_mut()?.time,
            PagePlace::EventSource => &mut self.row.events.last_mut()?.source,
            PagePlace::EventResult => &mut self.row.events.last_mut()?.result,
            _ => return None,
        };
        *member = text;
        Some(())
    }
}

/// The next value.
struct Node<'n, 'r, 'de> {
    place: PagePlace,
    reader: &'n mut PageReader<'r, 'de>,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what Graph documents here")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self.place {
            PagePlace::Row => self.reader.row = AnalyzedEmailRow::default(),
            PagePlace::Event => self.reader.row.events.push(TimelineEvent::default()),
            PagePlace::Page | PagePlace::Delivery => {}
            _ => return Err(A::Error::custom("an object")),
        }
        while let Some(place) = map.next_key_seed(MemberOf(self.place))? {
            if place == PagePlace::Other {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Node { place, reader: self.reader })?;
            }
        }
        if self.place == PagePlace::Row {
            (self.reader.each)(&self.reader.row);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let place = match self.place {
            PagePlace::Rows => PagePlace::Row,
            PagePlace::Events => PagePlace::Event,
            _ => return Err(A::Error::custom("an array")),
        };
        self.reader.has_rows = true;
        while items.next_element_seed(Node { place, reader: self.reader })?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.reader.take(self.place, Cow::Borrowed(text)).ok_or_else(|| E::custom("a text"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.reader.take(self.place, Cow::Owned(text.to_owned())).ok_or_else(|| E::custom("a text"))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.place {
            PagePlace::Page | PagePlace::Rows | PagePlace::Row | PagePlace::Event => Err(E::custom("null")),
            // The member counts as absent.
            _ => Ok(()),
        }
    }
}

/// The name of a member of the object at a location.
struct MemberOf(PagePlace);

impl<'de> DeserializeSeed<'de> for MemberOf {
    type Value = PagePlace;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PagePlace, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberOf {
    type Value = PagePlace;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<PagePlace, E> {
        Ok(self.0.member(name))
    }
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
