//! What the gateway's parsers promise of any bytes whatever: one function per target, which panics where its promise is broken.
//!
//! libFuzzer feeds them by way of `fuzz_targets/`; `tests/corpus.rs` feeds them every file of `corpus/`, and needs no fuzzer for it.
//! Where an oracle is at hand that shares no code with the gateway, they are held against it: `serde_json`, `fluent-uri`, `x509-cert`.

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

/// A function that takes any bytes, and panics where what it looks after is not what it ought to be.
pub type Target = fn(&[u8]);

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
