//! `spice`, the one binary: reads settings, names adapters, starts roles.
mod apply;
mod client;
mod dead_letters;
mod demo;
mod dev;
mod failure;
mod log;
mod operator;
mod output;
mod platform;
mod replay;
mod settings;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use settings::{Cli, Command};

/// Gives memory back after a load, and is quicker at it (docs/decisions).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.log_json);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings::worker_threads())
        .max_blocking_threads(16)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&anyhow::Error::from(error)),
    };
    let result = runtime.block_on(run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match result {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Dev(options) => dev::run(options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Operator(options) => operator::run(options).await,
        Command::Log(command) => log::run(command).await,
        Command::Verify(options) => verify::run(options).await,
        Command::Replay(options) => replay::run(options).await,
        Command::DeadLetters(command) => dead_letters::run(command).await,
    }
}

fn start_logging(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SPICE_LOG_LEVEL")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,spice=info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::stderr_is_terminal());
    if json {
        lines.json().init();
    } else {
        lines.init();
    }
}
