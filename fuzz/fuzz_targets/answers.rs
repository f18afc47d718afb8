//! Feeds [`remediation_gateway_fuzz::answers`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = remediation_gateway_fuzz::answers(bytes);
});

#[cfg(not(fuzzing))]
fn main() {}
