//! The sandbox as a program, for `make start` and for requests with curl.

use std::{env, error::Error, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lexopt::{Arg, ValueExt as _};
use sandbox::{ClientCertificate, Outcome, Recorded, Sandbox, Settings};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Entra ID and Microsoft Graph on loopback.

sandbox [--listen 127.0.0.1:8788] [--client-secret SECRET] [--client-certificate FILE] [--tenant-id GUID]
        [--client-id GUID] [--audience URI] [--application-id GUID]

--client-certificate names a PEM file without a key, and may be repeated.
The client secret is --client-secret, or else SANDBOX_CLIENT_SECRET, or else a random secret, which is printed.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&format!("sandbox: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(settings) = read_settings()? else {
        print(USAGE);
        return Ok(());
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = Sandbox::start(settings).await?;
    print(&format!("sandbox listening on {}", sandbox.base_url()));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sandbox.shutdown().await;
    Ok(())
}

/// Reads the command line and the environment. Returns `None` if only help was requested.
fn read_settings() -> Result<Option<Settings>, Box<dyn Error>> {
    let mut settings = Settings::new("");
    settings.listen = "127.0.0.1:8788".parse()?;
    settings.on_exchange = log;
    let mut secret = env::var("SANDBOX_CLIENT_SECRET").ok();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("listen") => settings.listen = arguments.value()?.parse()?,
            Arg::Long("client-secret") => secret = Some(arguments.value()?.string()?),
            Arg::Long("client-certificate") => {
                let pem = std::fs::read_to_string(arguments.value()?)?;
                settings.client_certificates.push(ClientCertificate::from_pem(&pem)?);
            }
            Arg::Long("tenant-id") => settings.tenant_id = arguments.value()?.string()?,
            Arg::Long("client-id") => settings.client_id = arguments.value()?.string()?,
            Arg::Long("audience") => settings.audience = arguments.value()?.string()?,
            Arg::Long("application-id") => settings.application_id = arguments.value()?.string()?,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    settings.client_secret = match secret {
        Some(secret) if secret.is_empty() => return Err("the client secret is empty".into()),
        Some(secret) => secret,
        None => {
            let generated = random_secret()?;
            // The secret works only with this process, so printing it is safe.
            print(&format!("client secret: {generated}"));
            generated
        }
    };
    Ok(Some(settings))
}

fn random_secret() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 30];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Prints method, path and status. Query, headers and body are omitted, since they can contain secrets, tokens and
/// addresses.
fn log(exchange: &Recorded) {
    let outcome = match &exchange.outcome {
        Outcome::Answered(response) => response.status.to_string(),
        Outcome::Cut(response) => format!("{} cut", response.status),
        Outcome::Closed => "closed".to_owned(),
        Outcome::Hung => "hung".to_owned(),
        Outcome::Pending => "pending".to_owned(),
    };
    print(&format!("{} {} {outcome}", exchange.method, exchange.path));
}

#[expect(clippy::print_stdout, reason = "the program's own output")]
fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "the program's error message")]
fn print_error(line: &str) {
    eprintln!("{line}");
}
