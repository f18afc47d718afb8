//! A strict reader of DER (X.690), for the few values that a key and a certificate must tell.

use crate::time::Timestamp;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;

/// What is still to be read of a value. Each method takes the next element, which must be of its type; after `None` nothing is right.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The one sequence that `bytes` are, to the last of them.
    pub(super) fn of_sequence(bytes: &'a [u8]) -> Option<Self> {
        let mut whole = Self(bytes);
        let sequence = whole.sequence()?;
        whole.end()?;
        Some(sequence)
    }

    /// The content of an element of this tag.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..0x80 => (usize::from(first), rest),
            0x80 => return None, // indefinite: BER alone has that
            _ => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                // The shortest form is the only one, and three bytes of length are more than any certificate has.
                let value = match length {
                    [low @ 0x80..=0xff] => u32::from(*low),
                    [high @ 1..=0xff, low] => u32::from_be_bytes([0, 0, *high, *low]),
                    [top @ 1..=0xff, high, low] => u32::from_be_bytes([0, *top, *high, *low]),
                    _ => return None,
                };
                (usize::try_from(value).ok()?, rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.element(SEQUENCE).map(Self)
    }

    /// Passes over the element `[number]`, constructed, where it comes next.
    pub(super) fn skip_optional(&mut self, number: u8) -> Option<()> {
        let tag = 0xa0 | number;
        if self.0.first() == Some(&tag) { self.element(tag).map(|_| ()) } else { Some(()) }
    }

    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        self.element(INTEGER)
    }

    /// A positive integer, big-endian, without leading zeros.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        match self.integer()? {
            [0, number @ ..] if number.first().is_some_and(|first| *first >= 0x80) => Some(number),
            number @ [1..0x80, ..] => Some(number),
            _ => None,
        }
    }

    pub(super) fn octets(&mut self) -> Option<&'a [u8]> {
        self.element(OCTET_STRING)
    }

    /// A bit string of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        self.element(BIT_STRING)?.strip_prefix(&[0])
    }

    /// An object identifier, as it is encoded.
    pub(super) fn oid(&mut self) -> Option<&'a [u8]> {
        self.element(OBJECT_IDENTIFIER)
    }

    /// A `Time` of RFC 5280, section 4.1.2.5: to the second, in UTC; two digits of a year from 50 on are of the 20th century.
    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let (century, digits) = match self.element(UTC_TIME) {
            Some(text @ [b'5'..=b'9', ..]) => (1900, text),
            Some(text) => (2000, text),
            None => {
                let (century, text) = self.element(GENERALIZED_TIME)?.split_at_checked(2)?;
                (two_digits(century)? * 100, text)
            }
        };
        let (digits, utc) = digits.split_at_checked(12)?;
        let mut pairs = digits.chunks(2).map(two_digits);
        let mut next = || pairs.next().flatten();
        let year = century + next()?;
        let time = Timestamp::from_utc((year, next()?, next()?), (next()?, next()?, next()?));
        time.filter(|_| utc == b"Z")
    }

    /// Whether all is read.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn two_digits(digits: &[u8]) -> Option<u64> {
    match digits {
        [high @ b'0'..=b'9', low @ b'0'..=b'9'] => Some(u64::from(high - b'0') * 10 + u64::from(low - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_form_and_lie_within_the_value() {
        let content = |bytes: &[u8]| Reader(bytes).octets().map(<[u8]>::len);
        let long = |length: &[u8], bytes: usize| [&[4], length, &vec![7; bytes]].concat();
        for (value, expected) in [
            (vec![4, 0], Some(0)),
            (vec![4, 1, 9], Some(1)),
            (long(&[0x7f], 0x7f), Some(0x7f)),
            (long(&[0x81, 0x80], 0x80), Some(0x80)),
            (long(&[0x82, 1, 0], 0x100), Some(0x100)),
            (long(&[0x83, 1, 0, 0], 0x1_0000), Some(0x1_0000)),
            (vec![], None),
            (vec![4], None),
            (vec![2, 1, 9], None),
            (vec![4, 2, 9], None),
            (vec![4, 0x80, 9, 0, 0], None),
            (vec![4, 0x81], None),
            (long(&[0x81, 0x7f], 0x7f), None),
            (long(&[0x82, 0, 0x80], 0x80), None),
            (long(&[0x82, 1, 0], 0xff), None),
            (long(&[0x84, 0, 0, 1, 0], 0x100), None),
            (vec![4, 0xff, 9], None),
        ] {
            assert_eq!(content(&value), expected, "{:x?}", value.get(..6.min(value.len())));
        }
    }

    #[test]
    fn integers_are_positive_and_without_padding() {
        for (content, expected) in [
            (vec![1], Some(vec![1])),
            (vec![0, 0x80], Some(vec![0x80])),
            (vec![0x7f, 0], Some(vec![0x7f, 0])),
            (vec![], None),
            (vec![0], None),
            (vec![0x80], None),
            (vec![0, 1], None),
            (vec![0, 0, 0x80], None),
        ] {
            let value = [vec![INTEGER, u8::try_from(content.len()).unwrap()], content].concat();
            assert_eq!(Reader(&value).positive().map(<[u8]>::to_vec), expected, "{value:?}");
        }
    }

    #[test]
    fn times_are_of_the_two_forms_that_certificates_have() {
        for (tag, text, expected) in [
            (UTC_TIME, "270115080000Z", Some(1_800_000_000)),
            (UTC_TIME, "000229000000Z", Some(951_782_400)),
            (UTC_TIME, "991231235959Z", Some(946_684_799)),
            (UTC_TIME, "500101000000Z", Some(0)),
            (GENERALIZED_TIME, "20270115080000Z", Some(1_800_000_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "2701150800Z", None),
            (UTC_TIME, "270115080000", None),
            (UTC_TIME, "270115080000+0000", None),
            (UTC_TIME, "270115080000ZZ", None),
            (UTC_TIME, "270229000000Z", None),
            (UTC_TIME, "271301000000Z", None),
            (UTC_TIME, "270100000000Z", None),
            (UTC_TIME, "270115240000Z", None),
            (UTC_TIME, "270115080060Z", None),
            (UTC_TIME, "27011508 000Z", None),
            (UTC_TIME, "", None),
            (GENERALIZED_TIME, "20270115080000.5Z", None),
            (GENERALIZED_TIME, "2", None),
            (OCTET_STRING, "270115080000Z", None),
        ] {
            let value = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            assert_eq!(Reader(&value).time(), expected.map(Timestamp::from_seconds), "{text}");
        }
    }
}
