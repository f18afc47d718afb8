//! Distinct credentials that are expensive to reject or could fill a cache.

use acceptance::{Failure, World, guid};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use serde_json::json;

type Add = Box<dyn FnOnce(RequestBuilder) -> RequestBuilder + Send>;

/// Number of credentials of each kind.
const CREDENTIALS_PER_KIND: usize = 50;

/// Returns the credentials with their description, their expected status and a function that adds them to a request.
pub(crate) fn hostile(world: &World) -> Result<Vec<(&'static str, u16, Add)>, Failure> {
    let good = world.token();
    let (rest, signature) = good.rsplit_once('.').ok_or("no token")?;
    let (_, claims) = rest.split_once('.').ok_or("no token")?;
    let bearer = |token: String| -> Add { Box::new(move |request| request.bearer_auth(token)) };
    let mut all: Vec<(&'static str, u16, Add)> = Vec::new();
    for _ in 0..CREDENTIALS_PER_KIND {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": guid() }).to_string();
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        // The claims are valid, so Entra ID could publish the key later.
        all.push(("an unknown key", 503, bearer(format!("{header}.{claims}.{signature}"))));
        let other = BASE64_URL_SAFE_NO_PAD.encode(guid().repeat(8).get(..256).unwrap_or_default());
        all.push(("another signature", 401, bearer(format!("{rest}.{other}"))));
        let long = BASE64_URL_SAFE_NO_PAD.encode(json!({ "oid": guid(), "x": "x".repeat(8_000) }).to_string());
        all.push(("long claims", 401, bearer(format!("{rest}.{long}.{signature}").replacen(claims, &long, 1))));
        let key = guid();
        all.push(("an unknown API key", 401, Box::new(move |request| request.header("X-API-Key", key))));
        let (name, key) = (guid(), guid());
        all.push(("an unknown name", 401, Box::new(move |request| request.basic_auth(name, Some(key)))));
        // The valid token is cached. The request's body is invalid.
        all.push(("a good token", 400, bearer(world.token())));
    }
    Ok(all)
}
