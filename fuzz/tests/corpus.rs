//! Runs every corpus file through its target, without libFuzzer, so that fixed findings stay fixed.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use remediation_gateway_fuzz::TARGETS;

/// Maximum number of seeds of all targets.
const MAX_SEEDS: usize = 300;
/// Seeds of the target `job` whose first line is no job.
const MALFORMED_JOBS: [&str; 3] = ["found-ignored-member-not-utf8", "short-key", "tenant-missing"];

/// Returns the seeds of a target.
fn seeds(target: &str) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::read_dir(corpus).expect("a corpus").map(|file| file.expect("a file").path()).collect()
}

/// Returns the name of a file.
fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8")
}

#[test]
fn every_seed_keeps_the_property_of_its_target() {
    for (target, run) in TARGETS {
        let (mut accepted, mut rejected) = (0, 0);
        for seed in seeds(target) {
            let bytes = fs::read(&seed).expect("it can be read");
            let result = catch_unwind(|| run(&bytes));
            assert!(result.is_ok(), "{target} violates its property for {}", seed.display());
            if result.is_ok_and(|is_accepted| is_accepted) {
                accepted += 1;
            } else {
                rejected += 1;
            }
        }
        assert!(accepted > 0 && rejected > 0, "{target} has {accepted} accepted and {rejected} rejected seeds");
    }
}

/// A long run of libFuzzer keeps hundreds of inputs under their hashes, which are of no use to a reader.
#[test]
fn seeds_are_at_most_300_and_not_named_by_hash_or_number() {
    let seeds: Vec<_> = TARGETS.iter().flat_map(|(target, _)| seeds(target)).collect();
    assert!(seeds.len() <= MAX_SEEDS, "{} seeds", seeds.len());
    for seed in &seeds {
        let name = name(seed);
        let is_hash = name.len() >= 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let last = name.rsplit('-').next().unwrap_or_default();
        let is_numbered = last.len() <= 2 && last.bytes().all(|byte| byte.is_ascii_digit());
        assert!(!is_hash && !is_numbered, "the name does not describe the seed: {}", seed.display());
    }
}

#[test]
fn fuzz_targets_folder_matches_the_list_of_targets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut binaries: Vec<_> = fs::read_dir(root.join("fuzz_targets"))
        .expect("a folder")
        .map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    binaries.sort();
    assert_eq!(binaries, TARGETS.map(|(name, _)| name));
}

/// A seed that is not a job returns at the first line of its target and tests nothing.
#[test]
fn job_seeds_are_parsed_as_jobs() {
    for seed in seeds("job").iter().filter(|seed| !MALFORMED_JOBS.contains(&name(seed))) {
        let bytes = fs::read(seed).expect("it can be read");
        let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let job = remediation_gateway::json::read::<remediation_gateway::gateway::job::RemediationJob>(head);
        assert!(job.is_some(), "{} is no job", seed.display());
    }
}
