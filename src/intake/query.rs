//! The query, of which one parameter means something.

use super::RequestFault;
use crate::percent;

/// Whether `query` asks for `validateOnly`. Other parameters are ignored, as nothing of the query goes to Graph.
///
/// # Errors
///
/// The first fault.
pub fn validate_only(query: &str) -> Result<bool, RequestFault> {
    let mut asked = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent::decode(name).ok_or(RequestFault::Undecodable)?;
        if name.eq_ignore_ascii_case("validateOnly") {
            let value = match value {
                _ if value.eq_ignore_ascii_case("true") => true,
                _ if value.eq_ignore_ascii_case("false") => false,
                _ => return Err(RequestFault::Value),
            };
            if asked.replace(value).is_some() {
                return Err(RequestFault::Repeated);
            }
        } else if resembles_validate_only(&name) {
            return Err(RequestFault::Misspelt);
        }
    }
    Ok(asked.unwrap_or(false))
}

/// Whether `name`, its letters taken alone, means to validate or to run dry: `validate`, `validate-only`, `$validateOnly`, `dryRun`.
fn resembles_validate_only(name: &str) -> bool {
    let letters: String =
        name.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    letters.contains("valid") || letters.contains("only") || letters.contains("dryrun") || letters.contains("whatif")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_means_to_validate_never_sends() {
        for (query, expected) in [
            ("", Ok(false)),
            ("validateOnly=true", Ok(true)),
            ("validateonly=TRUE", Ok(true)),
            ("validateOnly=false", Ok(false)),
            ("api-version=2024-01-01&x", Ok(false)),
            ("x=1&validateOnly=true&", Ok(true)),
            ("validateOnly", Err(RequestFault::Value)),
            ("validateOnly=", Err(RequestFault::Value)),
            ("validateOnly=1", Err(RequestFault::Value)),
            ("validateOnly=true&validateOnly=true", Err(RequestFault::Repeated)),
            ("validateOnly=true&ValidateOnly=false", Err(RequestFault::Repeated)),
            ("validate-only=true", Err(RequestFault::Misspelt)),
            ("validate=true", Err(RequestFault::Misspelt)),
            ("%76alidateOnly=true", Ok(true)),
            ("%24validateOnly=true", Err(RequestFault::Misspelt)),
            ("dryRun=1", Err(RequestFault::Misspelt)),
            ("validateOnly%FF=true", Err(RequestFault::Undecodable)),
            ("x=%FF", Ok(false)),
        ] {
            assert_eq!(validate_only(query), expected, "{query}");
        }
    }
}
