//! Why a bearer token is rejected.

/// Reason why a token is rejected. Only the log has the reason. The caller gets one response for all of them except
/// [`Self::UnknownKey`] and [`Self::KeysUnavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `AUDIENCE` is not configured, so no caller can use a token.
    #[error("tokens are not accepted: AUDIENCE is not configured")]
    NotAccepted,
    /// Above [`MAX_TOKEN_BYTES`](super::token::MAX_TOKEN_BYTES).
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
    /// `typ` is present and not `JWT`.
    #[error("typ is not JWT")]
    Type,
    /// A member of the header names a key or requires an extension.
    #[error("the header has a member that the gateway never accepts")]
    ForbiddenHeader,
    /// `kid` is missing, empty, too long or not a string.
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
    /// The issuer's latest key set has no key with that `kid`. The next response may list the key, because a response
    /// of the issuer can be outdated during a key rollover.
    #[error("kid is not one of the issuer's keys")]
    UnknownKey {
        /// Seconds until the issuer may be called again.
        retry_after: u32,
    },
    /// The issuer's keys could not be fetched.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// The signature does not match the key.
    #[error("the signature does not verify")]
    Signature,
    /// `exp` is missing or not a `NumericDate`.
    #[error("exp is missing or malformed")]
    ExpiryMalformed,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is present and not a `NumericDate`.
    #[error("nbf is malformed")]
    NotBeforeMalformed,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `tid` is not the configured tenant.
    #[error("tid is not the configured tenant")]
    Tenant,
    /// `aud` is Graph: the client requested the wrong scope.
    #[error(
        "aud is Microsoft Graph: the client must ask for a token for the gateway's audience, such as <audience>/.default"
    )]
    GraphAudience,
    /// `aud` is not one of `AUDIENCE`.
    #[error("aud is not in AUDIENCE")]
    Audience,
    /// The client's ID is missing: each access token has one, and no ID token does.
    #[error("appid (version 1.0) or azp (version 2.0) is missing or malformed: not an access token")]
    Client,
    /// `oid` is missing or not a GUID.
    #[error("oid is missing or malformed")]
    ObjectId,
    /// `cnf` is present: the token is bound to a key (RFC 7800), so it is not a bearer token.
    #[error("cnf binds the token to a key: not a bearer token")]
    Bound,
    /// `scp`, `roles` or `idtyp` is present and malformed.
    #[error("scp, roles or idtyp is malformed")]
    MalformedGrants,
    /// `idtyp` names an application, and `scp` a user.
    #[error("idtyp is app, but the token has scp")]
    Contradictory,
}
