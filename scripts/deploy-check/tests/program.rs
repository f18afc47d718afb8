//! The program, as `make` sees it.

mod filled;

use std::process::{Command, Output};
use std::{env, fs, io, process};

use filled::filled_but;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wrangler.toml");

fn run(arguments: &[&str]) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_deploy-check")).args(arguments).output()
}

#[test]
fn committed_file_fails_and_each_variable_is_named() {
    let output = run(&[FILE, "production"]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8(output.stderr).unwrap();
    for line in [
        "TENANT_ID: still has its placeholder <tenant id>",
        "CLIENT_ID: still has its placeholder <client id of the gateway>",
        "AUDIENCE[0]: still has its placeholder <client id of the API>",
        "CALLERS[0].object_id: still has its placeholder <object id of the playbook's managed identity>",
    ] {
        assert!(told.contains(&format!("\n  {line}\n")), "{told}");
    }
}

#[test]
fn filled_file_passes_and_the_missing_secret_is_named() {
    let path = env::temp_dir().join(format!("deploy-check-{}.toml", process::id()));
    fs::write(&path, filled_but(None)).unwrap();
    let output = run(&[path.to_str().unwrap(), "production"]);
    fs::remove_file(&path).unwrap();
    let output = output.unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    assert!(String::from_utf8(output.stdout).unwrap().contains("The value of CLIENT_SECRET is not in it"));
}

#[test]
fn without_a_file_and_an_environment_it_fails() {
    for arguments in [&[][..], &[FILE], &["no-such-file.toml", "production"], &[FILE, "staging"], &[FILE, ""]] {
        assert_eq!(run(arguments).unwrap().status.code(), Some(1), "{arguments:?}");
    }
}
