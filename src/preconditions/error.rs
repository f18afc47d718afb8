//! Errors in the query and in the headers.

/// Error in the query, or in a header that changes the remediation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// `validateOnly` is neither `true` nor `false`.
    #[error("validateOnly is neither true nor false")]
    Value,
    /// `validateOnly` more than once.
    #[error("validateOnly more than once")]
    Repeated,
    /// A parameter whose name is not UTF-8, so its meaning is unknown.
    #[error("a parameter whose name is not UTF-8")]
    Undecodable,
    /// A parameter whose name or value could have meant `validateOnly`. If the gateway ignored the parameter, it would
    /// send a remediation that the caller only wanted to validate.
    #[error("a parameter that resembles validateOnly")]
    Misspelt,
    /// `Idempotency-Key` is given more than once, or contains a comma and a space.
    #[error("Idempotency-Key is given more than once")]
    RepeatedIdempotencyKey,
    /// `Idempotency-Key` is not 1 to 255 visible ASCII characters.
    #[error("a malformed Idempotency-Key")]
    IdempotencyKey,
}
