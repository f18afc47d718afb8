//! What is wrong with the query or a header.

/// What is wrong with the query or a header that shapes the remediation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// `validateOnly` is neither `true` nor `false`.
    #[error("validateOnly is neither true nor false")]
    Value,
    /// `validateOnly` more than once.
    #[error("validateOnly more than once")]
    Repeated,
    /// A parameter whose name is not UTF-8, so that nobody knows what it was meant to be.
    #[error("a parameter whose name is not UTF-8")]
    Undecodable,
    /// A parameter that could have meant `validateOnly`, by its name or by what its value holds. To ignore it would
    /// send what was only to be validated.
    #[error("a parameter that resembles validateOnly")]
    Misspelt,
    /// `Idempotency-Key` is given more than once, or holds a comma and a space.
    #[error("Idempotency-Key is given more than once")]
    RepeatedIdempotencyKey,
    /// `Idempotency-Key` is not 1 to 255 visible ASCII characters.
    #[error("a malformed Idempotency-Key")]
    IdempotencyKey,
}
