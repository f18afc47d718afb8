//! Runs every corpus file through its target, without libFuzzer, so that fixed findings stay fixed.

use std::fs;
use std::path::Path;

use remediation_gateway_fuzz::TARGETS;

#[test]
fn every_file_of_every_corpus_keeps_what_its_target_promises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, target) in TARGETS {
        let corpus = root.join("corpus").join(name);
        let files: Vec<_> = fs::read_dir(&corpus).expect("a corpus").map(|file| file.expect("a file").path()).collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).expect("it can be read");
            let kept = std::panic::catch_unwind(|| target(&bytes)).is_ok();
            assert!(kept, "{name} violates its property for {}", file.display());
        }
    }
}

#[test]
fn every_target_is_one_of_libfuzzer_and_the_other_way_round() {
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
fn seeds_of_whole_jobs_are_read_as_jobs() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/job");
    for name in ["plain", "keyed", "graphs-path", "many-emails", "quarantine", "tenant", "workflow", "messages"] {
        let bytes = fs::read(corpus.join(name)).expect("a seed");
        let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let job = serde_json::from_slice::<remediation_gateway::gateway::job::RemediationJob>(head);
        assert!(job.is_ok(), "{name}: {job:?}");
    }
}
