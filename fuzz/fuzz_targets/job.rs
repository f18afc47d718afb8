//! Feeds [`remediation_gateway_fuzz::job`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = remediation_gateway_fuzz::job(bytes);
});

#[cfg(not(fuzzing))]
fn main() {}
