//! `spice`, the one binary: reads the command line and runs one command.
mod apply;
mod audit;
mod branch;
mod classes;
mod command;
mod completion;
mod config;
mod dead_letters;
mod demo;
mod describe;
mod dev;
mod diff;
mod export;
mod failure;
mod filter;
mod get;
mod history;
mod import;
mod kubectl;
mod log;
mod merge;
mod merged;
mod operator;
mod output;
mod query;
mod rebase;
mod replay;
mod rollback;
mod session;
mod settings;
mod signals;
mod token;
mod verify;
mod watch;

use std::{ffi::OsString, process::ExitCode};

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use spice_telemetry::{Settings, StartError, Telemetry};
use tracing_subscriber::EnvFilter;

use self::{
    command::{Cli, Command},
    settings::ConfigFile,
};

/// Returns memory after a load, and is faster (docs/decisions).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    start().unwrap_or_else(|error| failure::report(&error))
}

/// Reads the command line, and runs the command on a runtime with telemetry. Exits if the command
/// line asks for help or is invalid.
fn start() -> anyhow::Result<ExitCode> {
    let arguments: Vec<OsString> = kubectl::expand_plugin(std::env::args_os().collect());
    let file = ConfigFile::find(&arguments)?;
    let matches = file.apply(Cli::command())?.get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches)?;
    let telemetry = start_telemetry(&cli)?;
    if cli.no_color {
        output::disable_colours();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads())
        .max_blocking_threads(16)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .enable_all()
        .build()?;
    let result = runtime.block_on(Box::pin(run(cli.command, &matches, &file)));
    telemetry.end();
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// Runs the command. Most commands end at Ctrl-C, even if a shell started them in the background
/// with the signal ignored.
async fn run(
    command: Command,
    matches: &ArgMatches,
    file: &ConfigFile,
) -> anyhow::Result<ExitCode> {
    let ends_itself = command.handles_interrupt();
    let done = command.run(matches, file);
    if ends_itself {
        return done.await;
    }
    let ending = signals::end_on_signal()?;
    tokio::select! {
        done = done => done,
        () = ending.cancelled() => Ok(ExitCode::from(signals::INTERRUPTED)),
    }
}

/// At least two, so that a long computation on one does not block the other.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8))
}

/// A service logs what it does and exports spans; any other command logs only failures.
fn start_telemetry(cli: &Cli) -> Result<Telemetry, StartError> {
    let usual = if cli.command.is_service() {
        "warn,spice=info"
    } else {
        // The command itself reports a certificate that is not trusted.
        "warn,rustls_platform_verifier=off"
    };
    let filter = EnvFilter::try_from_env("SPICE_LOG_LEVEL");
    spice_telemetry::start(Settings {
        filter: filter.unwrap_or_else(|_| EnvFilter::new(usual)),
        json: cli.log_json,
        colours: output::stderr_is_terminal(),
        collector: cli.command.collector(),
    })
}
