//! The payload's reader as a deserializer of serde.
//!
//! Its error has no text, so that the Wasm module has no code that formats one. Neither a caller nor the log would get
//! such a text.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::remediation::JsonError;
use crate::remediation::reader::{Items, Json, Kind, Members};

const TEXT: &str = "a string is expected";

/// The value of every number that is not a 64-bit integer.
const OTHER_NUMBER: f64 = f64::MAX;

/// A value without content, or the start of an object or an array.
enum ValueStart<'de> {
    Object(Members<'de>),
    Array(Items),
    Text(Cow<'de, str>),
    Positive(u64),
    Negative(i64),
    OtherNumber,
    Boolean(bool),
    Null,
}

impl<'de> ValueStart<'de> {
    /// Reads the value or the start. It is not generic, so the Wasm module has it once and not once per type.
    fn read(json: &mut Json<'de>) -> Result<Self, DocumentError> {
        Ok(match json.kind()? {
            Kind::Object => Self::Object(Members::open(json)?),
            Kind::Array => Self::Array(Items::open(json)?),
            Kind::Text => Self::Text(json.string(TEXT)?),
            Kind::Number => {
                let text = json.number()?;
                match (text.parse(), text.parse()) {
                    (Ok(number), _) => Self::Positive(number),
                    (_, Ok(number)) => Self::Negative(number),
                    _ if is_in_range(text) => Self::OtherNumber,
                    _ => return Err(DocumentError),
                }
            }
            Kind::Boolean => Self::Boolean(json.boolean()?),
            Kind::Null => {
                json.skip()?;
                Self::Null
            }
        })
    }
}

/// Returns whether a number is certainly between -10^308 and 10^308, so that no reader takes it for an infinite one.
fn is_in_range(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let integer_digits = mantissa.bytes().take_while(|&byte| byte != b'.').count();
    let exponent = exponent.parse::<i64>().ok();
    exponent
        .and_then(|exponent| exponent.checked_add(i64::try_from(integer_digits).ok()?))
        .is_some_and(|sum| sum <= 308)
}

/// The document is not JSON, or does not have the form of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document has another form")]
pub(super) struct DocumentError;

impl Error for DocumentError {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl From<JsonError> for DocumentError {
    fn from(_: JsonError) -> Self {
        Self
    }
}

/// The value that comes next.
pub(super) struct NextValue<'j, 'de>(pub(super) &'j mut Json<'de>);

impl<'de> Deserializer<'de> for NextValue<'_, 'de> {
    type Error = DocumentError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        let Self(json) = self;
        match ValueStart::read(json)? {
            ValueStart::Object(mut members) => visitor.visit_map(ObjectAccess { json, members: &mut members }),
            ValueStart::Array(items) => visitor.visit_seq(ArrayAccess { json, items }),
            ValueStart::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            ValueStart::Text(Cow::Owned(text)) => visitor.visit_string(text),
            ValueStart::Positive(number) => visitor.visit_u64(number),
            ValueStart::Negative(number) => visitor.visit_i64(number),
            ValueStart::OtherNumber => visitor.visit_f64(OTHER_NUMBER),
            ValueStart::Boolean(value) => visitor.visit_bool(value),
            ValueStart::Null => visitor.visit_unit(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        if self.0.kind()? == Kind::Null {
            self.0.skip()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    /// JSON has no bytes. A type that requests bytes gets the text of the value, to read it later: [`super::Member`].
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DocumentError> {
        let before = self.0.rest();
        IgnoredAny::deserialize(NextValue(self.0))?;
        let length = before.len() - self.0.rest().len();
        visitor.visit_borrowed_bytes(before.get(..length).unwrap_or_default())
    }

    /// Only an object is a struct. The derived code would also accept an array of the values.
    fn deserialize_struct<V: Visitor<'de>>(self, _: &str, _: &[&str], visitor: V) -> Result<V::Value, DocumentError> {
        let Self(json) = self;
        let mut members = Members::open(json)?;
        visitor.visit_map(ObjectAccess { json, members: &mut members })
    }

    /// A variant is its name, or an object with its name and its content.
    fn deserialize_enum<V: Visitor<'de>>(self, _: &str, _: &[&str], visitor: V) -> Result<V::Value, DocumentError> {
        let Self(json) = self;
        if json.kind()? == Kind::Text {
            return visitor.visit_enum(CowStrDeserializer::new(json.string(TEXT)?));
        }
        let mut members = Members::open(json)?;
        let variant = MapAccessDeserializer::new(ObjectAccess { json: &mut *json, members: &mut members });
        let value = visitor.visit_enum(variant)?;
        if members.next(json)?.is_some() { Err(DocumentError) } else { Ok(value) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// An object whose members are left to read.
struct ObjectAccess<'j, 'de> {
    json: &'j mut Json<'de>,
    members: &'j mut Members<'de>,
}

impl<'de> MapAccess<'de> for ObjectAccess<'_, 'de> {
    type Error = DocumentError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DocumentError> {
        let name = self.members.next(self.json)?;
        name.map(|name| seed.deserialize(CowStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DocumentError> {
        seed.deserialize(NextValue(self.json))
    }
}

/// An array whose items are left to read.
struct ArrayAccess<'j, 'de> {
    json: &'j mut Json<'de>,
    items: Items,
}

impl<'de> SeqAccess<'de> for ArrayAccess<'_, 'de> {
    type Error = DocumentError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DocumentError> {
        let is_there = self.items.next(self.json)?;
        is_there.then(|| seed.deserialize(NextValue(self.json))).transpose()
    }
}
