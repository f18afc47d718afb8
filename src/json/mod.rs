//! Unambiguous JSON: an object with a repeated member is rejected.
//!
//! Two readers of `{"aud":"a","aud":"b"}` may use a different `aud`. So tokens and keys are parsed with this module
//! (RFC 8725 section 2.4 and RFC 7515 section 4 require it). The payload's reader reads every document that the gateway
//! gets. So all of them follow the same rules, and the Worker contains one parser.

mod deserializer;

use serde::{Deserialize, Deserializer};

use crate::remediation::reader::Json;
use deserializer::NextValue;

/// Parses `bytes` as one JSON document. Returns `None` if it has another form, or if an object in it repeats a member.
///
/// Each number that is not a 64-bit integer becomes one fixed number, because nothing uses its value.
#[must_use]
pub fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Option<T> {
    let mut json = Json::from_text(str::from_utf8(bytes).ok()?);
    let value = T::deserialize(NextValue(&mut json)).ok()?;
    json.expect_end().ok()?;
    Some(value)
}

/// The value of a member or of an item. A value of a different type from `T` does not invalidate the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Member<T> {
    /// There is no such member.
    #[default]
    Absent,
    /// The value has another type or form, for example `null`.
    Other,
    /// The value.
    Valid(T),
}

impl<T> Member<T> {
    /// Returns the value if it is valid.
    pub(crate) fn valid(&self) -> Option<&T> {
        if let Self::Valid(value) = self { Some(value) } else { None }
    }

    /// Returns the value, or `None` if the member is absent.
    ///
    /// # Errors
    ///
    /// `error` if the value has another type.
    pub(crate) fn optional<E>(&self, error: E) -> Result<Option<&T>, E> {
        if matches!(self, Self::Other) { Err(error) } else { Ok(self.valid()) }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(read(Deserialize::deserialize(deserializer)?).map_or(Self::Other, Self::Valid))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::{Member, read};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Document {
        a: Member<u64>,
        list: Vec<Member<Document>>,
    }

    fn document(text: impl AsRef<[u8]>) -> Option<Document> {
        read(text.as_ref())
    }

    #[test]
    fn json_is_accepted_only_if_single_object_without_duplicate_members() {
        for (text, taken) in [
            (r#"{"a":1,"b":[true,null,-1,1.5,"x",{"a":{}}]}"#, true),
            (" {} ", true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            (r#"{"b":1,"b":1}"#, false),
            (r#"{"b":[{"a":1,"a":1}]}"#, false),
            (r#"{"a":{"b":1,"b":1}}"#, false),
            (r#"{"a":1} {}"#, false),
            (r#"[{"a":1}]"#, false),
            ("[]", false),
            ("[1]", false),
            ("[1,[]]", false),
            (r#""a""#, false),
            ("1", false),
            ("null", false),
            ("", false),
            ("{\"a\":\"\u{0}\"}", false),
            ("\u{feff}{}", false),
            (r#"{"a":1e999}"#, false),
            (r#"{"b":1e999}"#, false),
            (r#"{"a":[}"#, false),
            (r#"{"a":"\ud800"}"#, false),
        ] {
            assert_eq!(document(text).is_some(), taken, "{text}");
        }
        assert_eq!(document(b"{\"a\":\"\xff\"}"), None, "not UTF-8");
        for before in ["", r#"{"a":"#, r#"{"b":"#] {
            let deep = before.to_owned() + &"[".repeat(100_000);
            assert_eq!(document(deep), None, "deep nesting ends in an error, not in an overflow");
        }
    }

    #[test]
    fn member_of_other_type_does_not_invalidate_document() {
        for (value, a) in [
            ("1", Member::Valid(1)),
            (" 18446744073709551615\n", Member::Valid(u64::MAX)),
            ("null", Member::Other),
            ("-1", Member::Other),
            ("1.5", Member::Other),
            ("1e10", Member::Other),
            ("18446744073709551616", Member::Other),
            (r#""1""#, Member::Other),
            ("[1]", Member::Other),
            (r#"{"Valid":1}"#, Member::Other),
        ] {
            let with_a = |a| Document { a, ..Document::default() };
            assert_eq!(document(format!(r#"{{"b":[2],"a":{value},"c":3}}"#)), Some(with_a(a)), "{value}");
            let list = vec![Member::Other, Member::Valid(with_a(a)), Member::Other];
            let expected = Document { list, ..Document::default() };
            assert_eq!(document(format!(r#"{{"list":[[1],{{"a":{value}}},null]}}"#)), Some(expected), "{value}");
        }
        assert_eq!(document("{}"), Some(Document::default()));
        assert_eq!(Document::default().a, Member::Absent);
    }

    #[test]
    fn enum_variant_is_read_only_in_its_valid_forms() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        enum Variant {
            Unit,
            Newtype(Option<String>),
            Struct { number: i64 },
        }
        for (text, variant) in [
            (r#""unit""#, Some(Variant::Unit)),
            (r#"{"newtype":"a\nb"}"#, Some(Variant::Newtype(Some("a\nb".to_owned())))),
            (r#"{"newtype":null}"#, Some(Variant::Newtype(None))),
            (r#"{"struct":{"number":-7}}"#, Some(Variant::Struct { number: -7 })),
            (r#"{"unit":null}"#, Some(Variant::Unit)),
            (r#"{"unit":1}"#, None),
            (r#""newtype""#, None),
            (r#"{"newtype":1}"#, None),
            (r#"{"newtype":null,"unit":null}"#, None),
            (r#"{"struct":{"number":1,"other":2}}"#, None),
            (r#"{"struct":{"number":1.5}}"#, None),
            (r#"{"struct":{"number":18446744073709551616}}"#, None),
            (r#"{"struct":{}}"#, None),
            (r#"{"struct":{"number":1}"#, None),
            (r#""other""#, None),
            ("{}", None),
            ("[]", None),
        ] {
            assert_eq!(read::<Variant>(text.as_bytes()), variant, "{text}");
        }
    }

    #[test]
    fn number_that_fits_no_integer_type_is_read_as_float_unless_too_large() {
        for text in ["1.5", "1e3", "-0.5", "1e+300", "1E-999", "18446744073709551616", "-9223372036854775809"] {
            let value: Value = read(text.as_bytes()).unwrap();
            assert!(value.is_f64() && value.as_u64().is_none() && value.as_i64().is_none(), "{text}");
        }
        for text in ["1e999", "-1e999", "1e99999999999999999999", &"9".repeat(400)] {
            assert_eq!(read::<Value>(text.as_bytes()), None, "{text}");
        }
    }

    /// Any JSON value of up to four levels, with the numbers that are used.
    fn any_document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..12).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn document_written_by_serde_json_is_read_unchanged(document in any_document(), is_indented in any::<bool>()) {
            let text = if is_indented { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            prop_assert_eq!(read(text.unwrap().as_bytes()), Some(document));
        }
    }
}
