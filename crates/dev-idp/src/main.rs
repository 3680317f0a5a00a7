//! `vestibule-dev-idp [--port PORT] [--state FILE]`: the development IdP in the foreground.

use std::io::Write;
use std::process::ExitCode;

use vestibule_dev_idp::{DevIdp, Settings};

const USAGE: &str = "usage: vestibule-dev-idp [--port PORT] [--state FILE]

  --port PORT   serve on 127.0.0.1:PORT (default: the port in the state file, else a free one)
  --state FILE  keep users, sessions, keys and the port in FILE (default: in memory, forgotten at the end)

The tenant's name chooses the kind of realm: acme is recoverable with rotation off; plain, plain-reuse1, reuse0, dated,
stock, endless, nodpop, missing are others. Ctrl-C ends it.";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = match settings_of(std::env::args().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => return say(&mut std::io::stdout(), USAGE, 0),
        Err(message) => return say(&mut std::io::stderr(), &message, 2),
    };
    let idp = match DevIdp::start(settings).await {
        Ok(idp) => idp,
        Err(error) => return say(&mut std::io::stderr(), &error.to_string(), 1),
    };
    let greeting = format!("serving {} (any tenant name is a realm)", idp.issuer_template());
    say(&mut std::io::stdout(), &greeting, 0);
    let ended = wait_for_end().await;
    idp.shutdown().await;
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say(&mut std::io::stderr(), &error.to_string(), 1),
    }
}

/// None: only help was asked for.
fn settings_of(arguments: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
    let mut arguments = arguments;
    let (mut port, mut state) = (None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value\n\n{USAGE}"))
        };
        match argument.as_str() {
            "--port" => {
                let text = value()?;
                port = Some(
                    text.parse::<u16>()
                        .map_err(|_| format!("{text} is no port\n\n{USAGE}"))?,
                );
            }
            "--state" => state = Some(value()?),
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("{argument} is not known\n\n{USAGE}")),
        }
    }
    let settings = state.map_or_else(Settings::in_memory, Settings::kept_in);
    Ok(Some(match port {
        Some(port) => settings.port(port),
        None => settings,
    }))
}

async fn wait_for_end() -> std::io::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

/// Says a line and gives the exit code on. A closed pipe is no reason to fail.
fn say(to: &mut impl Write, text: &str, code: u8) -> ExitCode {
    writeln!(to, "{text}").and_then(|()| to.flush()).ok();
    ExitCode::from(code)
}
