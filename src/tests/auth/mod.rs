//! Credentials, tokens, keys and permissions.

#[expect(clippy::string_slice, reason = "a test may fail by panicking")]
mod corpus;
#[expect(clippy::string_slice, clippy::unchecked_time_subtraction, reason = "a test may fail by panicking")]
mod keys;
mod permissions;
#[expect(clippy::unchecked_time_subtraction, reason = "a test may fail by panicking")]
mod token_cache;
mod traffic;
