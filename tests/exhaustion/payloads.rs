//! Most expensive known bodies within the limit of 4 MiB, and the largest valid body.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use remediation_gateway::preconditions::MAX_BODY_BYTES;

/// Body and the expected error code, or `None` if the body is accepted.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) is_gzip: bool,
    pub(crate) code: Option<&'static str>,
}

/// Text before the emails.
const HEAD: &str = r#"{"displayName":"Clean up","description":"Delete email","severity":"medium","action":"softDelete","remediateSendersCopy":false,"#;

const ID: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";

/// Returns 10,000 emails with long addresses, just below the size limit. Each `number` makes a different remediation.
pub(crate) fn largest_good(number: usize) -> String {
    emails(|index| {
        (format!("{number:08x}-0000-4000-8000-{index:012x}"), format!("{index:0>64}@{}contoso.com", "mail.".repeat(6)))
    })
}

fn emails(email: impl Fn(usize) -> (String, String)) -> String {
    let mut body = format!("{HEAD}\"analyzedEmails\":[");
    for index in 0..10_000 {
        let (id, address) = email(index);
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(body, r#"{comma}{{"networkMessageId":"{id}","recipientEmailAddress":"{address}"}}"#);
    }
    body + "]}"
}

/// Returns `head`, as many copies of `part` as fit, and `tail`. `#` becomes the number of the copy.
fn filled(head: &str, part: &str, tail: &str) -> String {
    let mut body = head.to_owned();
    for number in 0.. {
        let part = part.replace('#', &format!("{number:x}"));
        if body.len() + part.len() + tail.len() > MAX_BODY_BYTES {
            break;
        }
        body += &part;
    }
    body + tail
}

fn case(name: &'static str, code: &'static str, body: String) -> Case {
    assert!(body.len() <= MAX_BODY_BYTES, "{name}: {}", body.len());
    Case { name, body: body.into_bytes(), is_gzip: false, code: Some(code) }
}

/// Returns a body that is not JSON.
fn json(name: &'static str, head: &str, part: &str, tail: &str) -> Case {
    case(name, "invalidJson", filled(head, part, tail))
}

/// Returns a body that is JSON but not a remediation.
fn payload(name: &'static str, head: &str, part: &str, tail: &str) -> Case {
    case(name, "invalidPayload", filled(head, part, tail))
}

/// Returns a body with one string member that consists of `part`.
fn string(name: &'static str, member: &str, part: &str) -> Case {
    payload(name, &format!("{{\"{member}\":\""), part, "\"}")
}

/// Returns a body with as many copies of this email as fit.
fn items(name: &'static str, part: &str) -> Case {
    payload(name, &format!("{HEAD}\"analyzedEmails\":["), part, "{}]}")
}

/// Returns a body with one email that begins with `head`.
fn item(name: &'static str, head: &str, part: &str, tail: &str) -> Case {
    payload(name, &format!("{HEAD}\"analyzedEmails\":[{{{head}"), part, &format!("{tail}}}]}}"))
}

/// Returns all hostile bodies.
pub(crate) fn hostile() -> Vec<Case> {
    [syntax(), values(), names(), many_items(), recipients(), compressed()].into_iter().flatten().collect()
}

fn syntax() -> Vec<Case> {
    vec![
        json("arrays in arrays", "", "[", ""),
        json("objects in objects", "", "{\"a\":", ""),
        payload("arrays, 31 deep, side by side", &"[".repeat(30), "[],", &("[]".to_owned() + &"]".repeat(30))),
        json("white space", "", " ", ""),
        json("white space before a fault", "", "\n", "}"),
        json("one number", "", "1", "x"),
        payload("numbers", "{\"analyzedEmails\":[", "1,", "1]}"),
        payload("numbers with exponents", "{\"analyzedEmails\":[", "1e-9,", "1]}"),
        json("a string of half surrogates", "{\"description\":\"", "\\ud83d", "\"}"),
        json("a member again and again", "{", "\"a\":0,", "\"a\":0}"),
        json("a member again at the end", "{", "\"m#\":0,", "\"m0\":0}"),
    ]
}

fn values() -> Vec<Case> {
    vec![
        payload("one number as the severity", "{\"severity\":", "1", "}"),
        string("a string", "displayName", "x"),
        string("a string of escapes", "displayName", "\\u0041"),
        string("a string of pairs of surrogates", "description", "\\ud83d\\ude00"),
        string("a string beyond ASCII", "description", "\u{1F600}"),
        string("a string as the action", "action", "softDelete"),
        item("a string as the GUID", "\"networkMessageId\":\"", "7", "\""),
        item("a string as the address", "\"recipientEmailAddress\":\"", "a.", "@b.c\""),
        item("an address of signs", "\"recipientEmailAddress\":\"", "@", "\""),
    ]
}

fn names() -> Vec<Case> {
    let long = format!("\"{}#\":0,", "recipientEmailAddress".repeat(40));
    vec![
        payload("unknown members", "{", "\"m#\":0,", "\"z\":0}"),
        payload("unknown members with escapes", "{", "\"\\u006d#\":0,", "\"z\":0}"),
        payload("unknown members that are nearly right", "{", "\"displayNam#\":0,", "\"z\":0}"),
        payload("annotations", "{", "\"@odata.#\":0,", "\"z\":0}"),
        payload("one member of a long name", "{\"", "displayName", "\":0}"),
        payload("long names that are nearly right", "{", &long, "\"z\":0}"),
        item("unknown members in one email", "", "\"networkMessageI#\":0,", "\"z\":0"),
    ]
}

/// 1 GiB of zeros in 1 MiB of gzip. The end is missing, so a reader that reads beyond the limit reports another error.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    let mut ends = [0; 2];
    for end in &mut ends {
        if encoder.write_all(&zeros).and_then(|()| encoder.flush()).is_ok() {
            *end = encoder.get_ref().len();
        }
    }
    let mut bomb = encoder.get_ref()[..ends[0]].to_vec();
    let again = encoder.get_ref()[ends[0]..ends[1]].repeat(1023);
    bomb.extend(again);
    bomb
}

/// Bodies that test the cost of decompression and its end at the limit.
fn compressed() -> Vec<Case> {
    let gzip = |name, body: &[u8], code| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let body = encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default();
        Case { name, body, is_gzip: true, code: Some(code) }
    };
    let raw = |name, body, code| Case { name, body, is_gzip: true, code: Some(code) };
    let full = filled("", "{", "");
    // Blocks of no bytes, and a trailer that fits them.
    let (header, trailer) = ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], [0; 8]);
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(MAX_BODY_BYTES / 5 - 8);
    let nothing = [&header[..], &nothing, &[1, 0, 0, 0xff, 0xff], &trailer].concat();
    let mut seed = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    })
    .take(MAX_BODY_BYTES - 4096)
    .collect();
    let mut twice = gzip("two gzip members", full.as_bytes(), "invalidRequest");
    twice.body.extend_from_within(..);
    vec![
        raw("a gzip bomb of 1 GiB", bomb(), "payloadTooLarge"),
        raw("gzip of nothing in many blocks", nothing, "invalidJson"),
        gzip("gzip that does not compress", &noise, "invalidJson"),
        gzip("gzip of white space", filled("", " ", "").as_bytes(), "invalidJson"),
        gzip("gzip of annotations", filled("{", "\"@odata.#\":0,", "\"z\":0}").as_bytes(), "invalidPayload"),
        twice,
    ]
}

fn many_items() -> Vec<Case> {
    vec![
        items("empty emails", "{},"),
        items("emails of other kinds", "null,"),
        items("emails with nearly right members", "{\"networkMessageID\":\"x\",\"recipientEmailAdress\":\"y\"},"),
        items("emails with bad values", "{\"networkMessageId\":\"x\",\"recipientEmailAddress\":\"y\"},"),
        items(
            "emails with escapes",
            &format!("{{\"networkMessageId\":\"{ID}\",\"recipientEmailAddress\":\"\\u0061\\u0040\\u0062\"}},"),
        ),
        items("emails with annotations", "{\"@odata.type\":\"x\",\"a@odata.b\":[[[[[[]]]]]]},"),
        Case {
            name: "10,000 times the same email",
            body: emails(|_| (ID.to_owned(), "hannah@contoso.com".to_owned())).into_bytes(),
            is_gzip: false,
            code: None,
        },
        Case {
            name: "one email in 10,000 spellings",
            body: emails(|index| (ID.to_owned(), spelled_address(index))).into_bytes(),
            is_gzip: false,
            code: None,
        },
    ]
}

/// Returns an address whose letters are upper case where `index` has one bits.
fn spelled_address(index: usize) -> String {
    let large = |bit: usize| index >> bit & 1 == 1;
    let letters = "hannahabcdefgh".char_indices();
    let letters = letters.map(|(bit, letter)| if large(bit) { letter.to_ascii_uppercase() } else { letter });
    letters.collect::<String>() + "@contoso.com"
}

fn recipients() -> Vec<Case> {
    let outside = |name, address: &dyn Fn(usize) -> String| {
        case(name, "recipientNotAllowed", emails(|index| (ID.to_owned(), address(index))))
    };
    let long = "\u{43a}\u{446}.".repeat(15);
    vec![
        outside("domains that are not granted", &|index| format!("a@{index:0>50}.example")),
        outside("domains in capitals that are not granted", &|index| format!("A@{}{index}.EXAMPLE", "M".repeat(50))),
        outside("domains beyond ASCII", &|index| format!("a@b\u{fc}cher{index}.example")),
        outside("long domains beyond ASCII", &|index| format!("a@{long}{index}.example")),
    ]
}
