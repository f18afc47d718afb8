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
fn it_fails_on_the_committed_file_and_names_each_variable() {
    let output = run(&[FILE]).unwrap();
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
fn it_passes_the_filled_file_and_names_the_secret_to_come() {
    let path = env::temp_dir().join(format!("deploy-check-{}.toml", process::id()));
    fs::write(&path, filled_but(None)).unwrap();
    let output = run(&[path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    let output = output.unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
    assert!(String::from_utf8(output.stdout).unwrap().contains("The value of CLIENT_SECRET is not in it"));
}

#[test]
fn it_fails_where_there_is_no_file_to_check() {
    for arguments in [&[][..], &["no-such-file.toml"], &[FILE, FILE]] {
        assert_eq!(run(arguments).unwrap().status.code(), Some(1), "{arguments:?}");
    }
}
