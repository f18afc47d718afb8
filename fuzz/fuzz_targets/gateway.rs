//! Feeds [`remediation_gateway_fuzz::gateway`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = remediation_gateway_fuzz::gateway(bytes);
});

#[cfg(not(fuzzing))]
fn main() {}
