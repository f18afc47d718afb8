//! The query. Only the parameter `validateOnly` has a meaning.

use super::error::RequestError;
use crate::percent;

/// Texts in a parameter's name that mean a validation or a dry run: `validate`, `validate-only`, `$validateOnly`,
/// `dryRun`.
const NAME_STEMS: [&str; 4] = ["valid", "only", "dryrun", "whatif"];
/// The same for a name inside a parameter's value. They are longer, because a signature or a key may contain the short
/// ones by chance.
const INNER_NAME_STEMS: [&str; 4] = ["validat", "validonly", "dryrun", "whatif"];
/// Texts that mean a validation anywhere in a parameter.
const STEMS_ANYWHERE: [&str; 2] = ["validateonly", "onlyvalidate"];

/// Returns whether `query` requests `validateOnly`. Other parameters are ignored, because the gateway sends no query to
/// Graph.
///
/// # Errors
///
/// The first error. A query that could have meant `validateOnly` is an error, because ignoring the parameter would send
/// a remediation.
pub fn validate_only(query: &str) -> Result<bool, RequestError> {
    let mut requested = None;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let decoded = percent::decode(name).ok_or(RequestError::Undecodable)?;
        if decoded.eq_ignore_ascii_case("validateOnly") {
            let value = match value {
                _ if value.eq_ignore_ascii_case("true") => true,
                _ if value.eq_ignore_ascii_case("false") => false,
                _ => return Err(RequestError::Value),
            };
            if requested.replace(value).is_some() {
                return Err(RequestError::Repeated);
            }
        } else if resembles_validate_only(name, value) {
            return Err(RequestError::Misspelt);
        }
    }
    Ok(requested.unwrap_or(false))
}

/// Returns whether the parameter's name means a validation, or its value contains such a parameter, after any number of
/// encodings.
fn resembles_validate_only(name: &str, value: &str) -> bool {
    let (name, value) = (percent::decode_fully(name), percent::decode_fully(value));
    let mut inner_names = value
        // A parameter begins after a separator, with a value or without: `?a=b?validateOnly`, `?x=1;validateOnly`.
        .split(['&', ';', '?', '#'])
        .skip(1)
        .filter_map(|inner| inner.split('=').next())
        // The text before a `=` is a name, after any separator: `?x=1,validate=true`.
        .chain(value.rsplit('=').skip(1));
    contains_any(&name, &NAME_STEMS)
        || inner_names.any(|inner| contains_any(inner, &INNER_NAME_STEMS))
        || contains_any(&format!("{name}{value}"), &STEMS_ANYWHERE)
}

/// Returns whether the letters of `text` contain one of `stems`.
fn contains_any(text: &str, stems: &[&str]) -> bool {
    let letters = normalize_letters(text);
    stems.iter().any(|stem| letters.contains(&normalize_letters(stem)))
}

/// Returns only the letters of `text`, in lower case and as plain ASCII. `l` becomes `i`, since a capital `I` looks
/// like it.
fn normalize_letters(text: &str) -> String {
    let plain = |c: char| match c {
        // Letters of Cyrillic, Greek, Armenian and Turkish that look like an ASCII letter.
        '\u{430}' | '\u{3b1}' => 'a',
        '\u{501}' => 'd',
        '\u{435}' => 'e',
        'l' | '\u{456}' | '\u{131}' | '\u{3b9}' => 'i',
        '\u{43f}' | '\u{578}' => 'n',
        '\u{43e}' | '\u{3bf}' => 'o',
        '\u{442}' | '\u{3c4}' => 't',
        '\u{475}' | '\u{3bd}' => 'v',
        '\u{443}' | '\u{3b3}' => 'y',
        // Full-width letters.
        '\u{ff41}'..='\u{ff5a}' => char::from_u32(u32::from(c) - 0xff41 + u32::from('a')).unwrap_or(c),
        _ => c,
    };
    // Twice, because a full-width `l` first becomes a plain one.
    text.chars().flat_map(char::to_lowercase).map(|c| plain(plain(c))).filter(char::is_ascii_alphabetic).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn validate_only_is_parsed_and_any_lookalike_is_rejected() {
        for (query, expected) in [
            ("", Ok(false)),
            ("validateOnly=true", Ok(true)),
            ("validateonly=TRUE", Ok(true)),
            ("validateOnly=false", Ok(false)),
            ("x=1&validateOnly=true&", Ok(true)),
            ("%76alidateOnly=true", Ok(true)),
            // The value of the parameter is not the parameter.
            ("validateOnly", Err(RequestError::Value)),
            ("validateOnly=", Err(RequestError::Value)),
            ("validateOnly=1", Err(RequestError::Value)),
            ("validateOnly=%74rue", Err(RequestError::Value)),
            ("validateOnly=false;x=1", Err(RequestError::Value)),
            ("validateOnly=true&validateOnly=true", Err(RequestError::Repeated)),
            ("validateOnly=true&ValidateOnly=false", Err(RequestError::Repeated)),
            // Another name.
            ("validate-only=true", Err(RequestError::Misspelt)),
            ("validate=true", Err(RequestError::Misspelt)),
            ("%24validateOnly=true", Err(RequestError::Misspelt)),
            ("validate+Only=true", Err(RequestError::Misspelt)),
            ("validate%00Only=true", Err(RequestError::Misspelt)),
            ("validate%E2%80%8BOnly=true", Err(RequestError::Misspelt)),
            ("options[validateOnly]=true", Err(RequestError::Misspelt)),
            ("dryRun=1", Err(RequestError::Misspelt)),
            ("what-if=1", Err(RequestError::Misspelt)),
            ("validateOnly%FF=true", Err(RequestError::Undecodable)),
            // Letters that look like others: capital I, full-width, Cyrillic and Greek.
            ("vaIidateOnIy=true", Err(RequestError::Misspelt)),
            ("%EF%BD%96alidateOnly=true", Err(RequestError::Misspelt)),
            ("validat%D0%B5Only=true", Err(RequestError::Misspelt)),
            ("validate%CE%9Fnly=true", Err(RequestError::Misspelt)),
            // Encoded more than once.
            ("%2576alidateOnly=true", Err(RequestError::Misspelt)),
            ("%25252576alidateOnly=true", Err(RequestError::Misspelt)),
            ("%%37%36alidateOnly=true", Err(RequestError::Misspelt)),
            // Inside another parameter.
            ("a=b?validateOnly=true", Err(RequestError::Misspelt)),
            ("?validateOnly=true", Err(RequestError::Misspelt)),
            ("x=1;validateOnly=true", Err(RequestError::Misspelt)),
            ("x=1%26validateOnly=true", Err(RequestError::Misspelt)),
            ("x=1%2526validateOnly%253Dtrue", Err(RequestError::Misspelt)),
            ("x=1%3BvalidateOnly", Err(RequestError::Misspelt)),
            ("x=1,validateOnly=true", Err(RequestError::Misspelt)),
            ("x=1+validateOnly:true", Err(RequestError::Misspelt)),
            ("x=validateOnly", Err(RequestError::Misspelt)),
            ("x=%7B%22validateOnly%22:true%7D", Err(RequestError::Misspelt)),
            ("x=validate%FFOnly", Err(RequestError::Misspelt)),
            ("validateOnly=false&x=1;validateOnly=true", Err(RequestError::Misspelt)),
            ("x=1;validate=true", Err(RequestError::Misspelt)),
            ("x=1%26dry_run=true", Err(RequestError::Misspelt)),
            ("x=1;whatIf", Err(RequestError::Misspelt)),
            ("x=only-validate", Err(RequestError::Misspelt)),
            ("amp;validateOnly=true", Err(RequestError::Misspelt)),
            ("x=1#validateOnly=true", Err(RequestError::Misspelt)),
        ] {
            assert_eq!(validate_only(query), expected, "{query}");
        }
    }

    /// Parameters that clients, gateways and campaigns add to a URL.
    #[test]
    fn unrelated_query_parameter_is_ignored() {
        for query in [
            "api-version=2024-01-01&x",
            "api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=Zb3xKq7-onlyVaLid_8fY2Lk0pWm1nRt5uVx6yA",
            "code=q9Only2ZzV4lidAb==&clientId=default",
            "sv=2024-11-04&ss=b&srt=sco&se=2026-12-01T00:00:00Z&st=2026-11-01T00:00:00Z&spr=https&sig=a%2Bb%2Fc%3D",
            "subscription-key=0123456789abcdef0123456789abcdef",
            "utm_source=newsletter&utm_medium=email&utm_campaign=members%20only&utm_content=valid",
            "gclid=EAIaIQ&fbclid=IwAR0",
            "reason=validated+by+the+SOC&status=valid",
            "next=https%3A%2F%2Fcontoso.com%2F%3Fid%3D4711%26lang%3Den",
            "tenant=contoso.onmicrosoft.com&user=a%40contoso.com",
            "$format=json&$count=true",
            "x=%FF&y=100%&z=%zz&q=%E6%97%A5%E6%9C%AC&;&=&?",
            "date=2026-11-26T10:00:00+01:00",
        ] {
            assert_eq!(validate_only(query), Ok(false), "{query}");
        }
    }

    /// Returns `character`, percent-encoded `depth` times.
    fn percent_encode(character: char, depth: usize) -> String {
        let mut text = character.to_string();
        for _ in 0..depth {
            text = text.bytes().map(percent_encoding::percent_encode_byte).collect();
        }
        text
    }

    proptest! {
        /// Each letter in either case, encoded up to three times, with separators between the letters, anywhere in the
        /// query.
        #[test]
        fn validate_only_in_any_spelling_is_never_ignored(
            before in select(vec!["", "x=", "x=1;", "a=b?", "x=1%26", "x=1&", "$", "%2524", "x[", "x=1,", "x=%FF", "y=%2525"]),
            letters in prop::collection::vec(
                (any::<bool>(), 0..4_usize, select(vec!["", "", "", "-", "_", ".", "+", "%20", "%2500", "%E2%80%8B", "1"])), 12,
            ),
            after in select(vec!["", "=", "=true", "=1", "=false;", "%3Dtrue", "]=true", "&x=1", "=true&x=1"]),
        ) {
            let mut query = before.to_owned();
            for (letter, (upper, depth, between)) in "validateonly".chars().zip(letters) {
                let letter = if upper { letter.to_ascii_uppercase() } else { letter };
                query.push_str(&percent_encode(letter, depth));
                query.push_str(between);
            }
            query.push_str(after);
            prop_assert_ne!(validate_only(&query), Ok(false), "{}", query);
        }

        /// Other text of the query.
        #[test]
        fn validate_only_among_other_parameters_is_never_ignored(
            others in prop::collection::vec("[a-z0-9%;?#=.+-]{0,12}", 0..4), at in 0..4_usize,
        ) {
            let mut pairs = others;
            pairs.insert(at.min(pairs.len()), "validateOnly=true".to_owned());
            prop_assert_ne!(validate_only(&pairs.join("&")), Ok(false));
        }
    }
}
