//! The sandbox as a program.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

use crate::client::request;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command.env_remove("SANDBOX_CLIENT_SECRET").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn program_prints_its_address_logs_no_secret_and_exits_on_a_signal() {
    let mut child =
        program().env("SANDBOX_CLIENT_SECRET", "from-env").args(["--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    let address = ready.trim_end().strip_prefix("sandbox listening on http://").expect("the ready line first");
    let path = format!("/{}/oauth2/v2.0/token?hidden=1", sandbox::TENANT_ID);
    let form = format!(
        "grant_type=client_credentials&client_id={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default\
         &client_secret=from-env",
        sandbox::CLIENT_ID
    );
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&request("POST", &path, &headers, form.as_bytes())).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    lines.read_to_string(&mut log).unwrap();
    assert_eq!(log, format!("POST /{}/oauth2/v2.0/token 200\n", sandbox::TENANT_ID));
}

#[test]
fn unknown_and_invalid_arguments_are_rejected() {
    for arguments in [&["--port", "1"][..], &["--listen", "nowhere"], &["--client-secret", ""], &["--listen"], &["x"]] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stderr.starts_with(b"sandbox: "), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
