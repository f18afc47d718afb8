//! Credentials that cost something to refuse, or that would fill a cache, each of them new.

use acceptance::{Failure, World, guid};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use serde_json::json;

type Add = Box<dyn FnOnce(RequestBuilder) -> RequestBuilder + Send>;

/// How many of each kind.
const OF_EACH: usize = 50;

/// What it is, what it is answered with, and how it is put on a request.
pub(crate) fn hostile(world: &World) -> Result<Vec<(&'static str, u16, Add)>, Failure> {
    let good = world.token();
    let (rest, signature) = good.rsplit_once('.').ok_or("no token")?;
    let (_, claims) = rest.split_once('.').ok_or("no token")?;
    let bearer = |token: String| -> Add { Box::new(move |request| request.bearer_auth(token)) };
    let mut all: Vec<(&'static str, u16, Add)> = Vec::new();
    for _ in 0..OF_EACH {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": guid() }).to_string();
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        // Its claims fit, so that the key may be one that Entra publishes later.
        all.push(("an unknown key", 503, bearer(format!("{header}.{claims}.{signature}"))));
        let other = BASE64_URL_SAFE_NO_PAD.encode(guid().repeat(8).get(..256).unwrap_or_default());
        all.push(("another signature", 401, bearer(format!("{rest}.{other}"))));
        let long = BASE64_URL_SAFE_NO_PAD.encode(json!({ "oid": guid(), "x": "x".repeat(8_000) }).to_string());
        all.push(("long claims", 401, bearer(format!("{rest}.{long}.{signature}").replacen(claims, &long, 1))));
        let key = guid();
        all.push(("a key of nobody", 401, Box::new(move |request| request.header("X-API-Key", key))));
        let (name, key) = (guid(), guid());
        all.push(("a name of nobody", 401, Box::new(move |request| request.basic_auth(name, Some(key)))));
        // Good, so that it is remembered; its body is not.
        all.push(("a good token", 400, bearer(world.token())));
    }
    Ok(all)
}
