//! Why a bearer token is rejected.

/// Why a token is rejected. For the log alone: the caller gets one response for all of them but [`Self::UnknownKey`] and
/// [`Self::KeysUnavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No caller is known by a token: `AUDIENCE` is not configured.
    #[error("tokens are not accepted: AUDIENCE is not configured")]
    NotAccepted,
    /// Above [`MAX_TOKEN_BYTES`].
    #[error("the token is too large")]
    TooLarge,
    /// Not three parts of base64url without padding.
    #[error("the token is not three parts of base64url")]
    Shape,
    /// The header is not one JSON object without repeated members.
    #[error("the header is not one JSON object")]
    HeaderNotObject,
    /// `alg` is not exactly `RS256`.
    #[error("alg is not RS256")]
    Algorithm,
    /// `typ` is there and not `JWT`.
    #[error("typ is not JWT")]
    Type,
    /// A member of the header that names a key or demands an extension.
    #[error("the header holds a member that is never honoured")]
    ForbiddenHeader,
    /// `kid` is missing, empty, too long or not a text.
    #[error("kid is missing or malformed")]
    KeyId,
    /// The claims are not one JSON object without repeated members.
    #[error("the claims are not one JSON object")]
    ClaimsNotObject,
    /// `iss` is not an issuer of the configured tenant.
    #[error("iss is not the tenant's issuer")]
    Issuer,
    /// `ver` does not belong to the issuer.
    #[error("ver does not belong to the issuer")]
    Version,
    /// The issuer's latest key set has no key of that `kid`. Another may have it: keys roll, and one response may lag behind.
    #[error("kid is not one of the issuer's keys")]
    UnknownKey {
        /// In how many seconds the issuer may be asked again.
        retry_after: u32,
    },
    /// The issuer's keys could not be had.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// The signature is not the key's.
    #[error("the signature does not verify")]
    Signature,
    /// `exp` is missing or not a `NumericDate`.
    #[error("exp is missing or malformed")]
    ExpiryMalformed,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is there and not a `NumericDate`.
    #[error("nbf is malformed")]
    NotBeforeMalformed,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `tid` is not the configured tenant.
    #[error("tid is not the configured tenant")]
    Tenant,
    /// `aud` is Graph: the client asked for the wrong scope.
    #[error(
        "aud is Microsoft Graph: the client must ask for a token for the gateway's audience, such as <audience>/.default"
    )]
    GraphAudience,
    /// `aud` is not one of `AUDIENCE`.
    #[error("aud is not in AUDIENCE")]
    Audience,
    /// The client's id is missing: no access token lacks it, an ID token has none.
    #[error("appid (version 1.0) or azp (version 2.0) is missing or malformed: not an access token")]
    Client,
    /// `oid` is missing or not a GUID.
    #[error("oid is missing or malformed")]
    ObjectId,
    /// `cnf` is there: the token is bound to a key that its bearer would have to prove (RFC 7800), so it is no bearer token.
    #[error("cnf binds the token to a key: not a bearer token")]
    Bound,
    /// `scp`, `roles` or `idtyp` is there and malformed.
    #[error("scp, roles or idtyp is malformed")]
    Grants,
    /// `idtyp` says that the token is an application's, and `scp` that it is a user's.
    #[error("idtyp is app, but the token has scp")]
    Contradictory,
}
