//! Properties of the gateway's parsers for arbitrary bytes, with one function per target. A function panics if its
//! property is violated.
//!
//! libFuzzer calls the functions through `fuzz_targets/`. `tests/corpus.rs` calls them with every file of `corpus/` and
//! needs no fuzzer.
//!
//! The properties compare the parsers with independent oracles where possible: `serde_json`, `fluent-uri`, `x509-cert`.

mod answers;
mod certificate;
mod configuration;
mod gateway;
mod headers;
mod job;
mod json;
mod keys;
mod message;
mod payload;
#[path = "../../src/tests/support/storage.rs"]
mod storage;
mod token;
mod world;

pub use answers::answers;
pub use certificate::certificate;
pub use configuration::configuration;
pub use gateway::gateway;
pub use headers::headers;
pub use job::job;
pub use keys::keys;
pub use payload::payload;
pub use token::token;

/// Function that takes any bytes, panics if its property is violated, and returns whether the gateway accepts the
/// bytes.
pub type Target = fn(&[u8]) -> bool;

/// All targets, by their names in `fuzz_targets/` and `corpus/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("answers", answers),
    ("certificate", certificate),
    ("configuration", configuration),
    ("gateway", gateway),
    ("headers", headers),
    ("job", job),
    ("keys", keys),
    ("payload", payload),
    ("token", token),
];
