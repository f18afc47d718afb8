//! The caller's IDs of a request, which the gateway logs and returns.

use crate::guid::Guid;
use crate::secret::Secret;

/// Maximum length of an ID that is logged and returned, in characters. GUIDs have 36, run IDs of Logic Apps about 35.
pub const MAX_ID_LENGTH: usize = 64;

/// Prefixes of this gateway's keys (`make key`), of its test keys, and of each JWT: `{"` in base64url.
const CREDENTIAL_MARKS: [&str; 3] = ["rgw_", "rgk_", "eyj"];
/// Minimum number of letters and digits in a secret. Entra's client secrets have 34 or more; fewer than 20 random
/// characters are weak.
const MIN_SECRET_LENGTH: usize = 20;
/// Maximum length of a run of letters and digits in an ID. A hash of 20 bytes in hexadecimal has as many.
const MAX_RUN: usize = 40;
/// Minimum length of a part of a credential that must not be logged.
const MIN_PART_LENGTH: usize = 8;

/// Returns `id` if the gateway may log and return it: the ID is short, its characters allow neither an address nor a
/// line break, and it is not a credential.
///
/// `presented` are the request's own credentials. Other texts that look like a credential are left out, too, because a
/// caller that confuses two headers may also confuse two keys.
#[must_use]
pub fn correlation_id<'a>(id: Option<&'a str>, presented: &[Secret]) -> Option<&'a str> {
    id.filter(|id| {
        (1..=MAX_ID_LENGTH).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.{}".contains(&byte))
            && !looks_like_credential(id)
            && !presented.iter().any(|credential| reveals(id, credential.expose()))
    })
}

/// Returns whether `id` is `credential`, contains it, or is a part of it.
fn reveals(id: &str, credential: &str) -> bool {
    id == credential
        || credential.len() >= MIN_PART_LENGTH && id.contains(credential)
        || id.len() >= MIN_PART_LENGTH && credential.contains(id)
}

/// Returns whether `text` has the prefix of a key or a JWT, or is long and looks random.
///
/// Random text changes between lower case, upper case and digits at two of three characters; words and numbers change
/// rarely. GUIDs, hashes and the run IDs of workflows have one case. A run of letters and digits that is longer than in
/// any such ID counts as random, too.
fn looks_like_credential(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if CREDENTIAL_MARKS.iter().any(|mark| lower.contains(mark)) {
        return true;
    }
    if text.trim_start_matches('{').trim_end_matches('}').parse::<Guid>().is_ok() {
        return false;
    }
    let has = |is_of_class: fn(&u8) -> bool| text.bytes().any(|byte| is_of_class(&byte));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let characters = || text.bytes().filter(u8::is_ascii_alphanumeric);
    let classes = || characters().map(|byte| (byte.is_ascii_digit(), byte.is_ascii_uppercase()));
    let changes = classes().zip(classes().skip(1)).filter(|(one, next)| one != next).count();
    let length = characters().count();
    let is_random = length >= MIN_SECRET_LENGTH && is_mixed && changes * 3 >= length;
    let is_long_run = text.split(|character: char| !character.is_ascii_alphanumeric()).any(|run| {
        run.len() > MAX_RUN
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    });
    is_random || is_long_run
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng};

    use super::*;

    #[test]
    fn correlation_id_of_workflow_sdk_or_person_is_accepted() {
        let longest = "x".repeat(64);
        for id in [
            "11112222-3333-4444-5555-666677778888",
            "{6B1F3F0A-6E3F-4A8E-9D57-1F1B6B1F3F0A}",
            "6b1F3f0A-6E3f-4a8E-9d57-1F1b6B1f3F0a",
            "08585287554177334956853859655CU00",
            "08584366234567890123CU00",
            "run_08585287554177334956853859655CU00.1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "Incident-4711-softDelete-2026.11.26",
            "Playbook_RemediateIncident_Contoso_EMEA_4711",
            "{x}_1.2",
            "mine",
            longest.as_str(),
        ] {
            assert_eq!(correlation_id(Some(id), &[]), Some(id), "{id}");
        }
    }

    #[test]
    fn correlation_id_with_invalid_length_or_character_is_dropped() {
        let long = "x".repeat(65);
        for id in ["", long.as_str(), "a b", "hannah@contoso.com", "a\u{e9}", "a,b", "a\nb", "a=b", "\"a\""] {
            assert_eq!(correlation_id(Some(id), &[]), None, "{id}");
        }
        assert_eq!(correlation_id(None, &[]), None);
    }

    #[test]
    fn correlation_id_that_looks_like_credential_is_dropped() {
        for id in [
            "rgw_q7Zt0cV9uX2mB4nL8sR6wY3eK5hJ1dFq7Zt0cV9uX2m",
            "rgw_x",
            "RGW_X",
            "rgk_of-the-script",
            "key-rgw_x",
            "{rgw_x}",
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",
            "eyJ0eXAi.eyJpc3Mi.c2ln",
            "Bearer.eyJ0eXAi",
            "AbC8Q.dEfGh1IjKlMn0pQrStUvWxYz2AbCdEfGh3",
            "K3b8Q_wX2.pL9mZ-tR4vN7cJ1sH6yG5fD0",
            "q7Zt0cV9uX2mB4nL8sR6wY3eK5hJ1dF",
            "acceptance-key-1-q7Zt0cV9uX2mB4nL8sR6wY3eK5hJ1dF",
            // SHA-256 in hexadecimal, and keys of 32 bytes in hexadecimal.
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert_eq!(correlation_id(Some(id), &[]), None, "{id}");
        }
    }

    #[test]
    fn correlation_id_with_random_secret_is_nearly_always_dropped() {
        let mut random = StdRng::seed_from_u64(13);
        let mut passed = 0;
        for _ in 0..10_000 {
            // As long as Entra's client secrets, and drawn from characters that IDs may have.
            let mut secret = BASE64_URL_SAFE_NO_PAD.encode(random.random::<[u8; 30]>());
            secret.truncate(34);
            passed += usize::from(correlation_id(Some(&secret), &[]).is_some());
        }
        // Of 1,000 such texts 3 have no digit and look like words.
        assert!(passed <= 60, "{passed} of 10,000 random secrets passed");
    }

    #[test]
    fn correlation_id_that_reveals_presented_credential_is_dropped() {
        let secret = |text: &str| Secret::new(text.to_owned());
        for (presented, id, passes) in [
            ("hunter2", "hunter2", false),
            ("k", "k", false),
            ("k", "x-k-1", true),
            ("correct-horse-battery", "correct-horse-battery", false),
            ("correct-horse-battery", "id-correct-horse-battery-1", false),
            ("correct-horse-battery", "horse-battery", false),
            ("correct-horse-battery", "horse", true),
            ("correct-horse-battery", "incident-4711", true),
        ] {
            assert_eq!(correlation_id(Some(id), &[secret(presented)]).is_some(), passes, "{presented} {id}");
            assert_eq!(correlation_id(Some(id), &[secret("other"), secret(presented)]).is_some(), passes);
        }
    }
}
