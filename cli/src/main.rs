//! `spice`, the one binary: reads settings, names adapters, starts roles.
mod apply;
mod audit;
mod branch;
mod classes;
mod completion;
mod config;
mod dead_letters;
mod demo;
mod describe;
mod dev;
mod diff;
mod export;
mod failure;
mod get;
mod history;
mod import;
mod log;
mod merge;
mod operator;
mod output;
mod platform;
mod query;
mod replay;
mod session;
mod settings;
mod verify;
mod watch;

use std::{ffi::OsString, process::ExitCode};

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use settings::{Cli, Command, ConfigFile};

/// Gives memory back after a load, and is quicker at it (docs/decisions).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line, read.
struct Invocation {
    cli: Cli,
    matches: ArgMatches,
    file: ConfigFile,
}

impl Invocation {
    /// Ends the program where the command line asks for help, or cannot be read.
    fn read() -> anyhow::Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let file = ConfigFile::find(&arguments)?;
        let command = file.apply(Cli::command())?;
        let matches = command.get_matches_from(arguments);
        let cli = Cli::from_arg_matches(&matches)?;
        Ok(Self { cli, matches, file })
    }
}

/// What a shell expects of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let invocation = match Invocation::read() {
        Ok(invocation) => invocation,
        Err(error) => return failure::report(&error),
    };
    start_logging(&invocation.cli);
    if invocation.cli.no_color {
        output::without_colours();
    }
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
    let result = runtime.block_on(Box::pin(run(invocation)));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match result {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}

/// Commands that see to their own end run to it; any other ends at Ctrl-C, also where the shell
/// has it ignored in the background.
async fn run(invocation: Invocation) -> anyhow::Result<ExitCode> {
    let ends_itself = matches!(
        invocation.cli.command,
        Command::Dev(_)
            | Command::Demo(_)
            | Command::Import(_)
            | Command::Export(_)
            | Command::Operator(_)
    );
    if ends_itself {
        return carry_out(invocation).await;
    }
    let ending = dev::end_on_signal()?;
    tokio::select! {
        done = carry_out(invocation) => done,
        () = ending.cancelled() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn carry_out(invocation: Invocation) -> anyhow::Result<ExitCode> {
    let Invocation { cli, matches, file } = invocation;
    match cli.command {
        Command::Dev(options) => dev::run(options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Import(options) => import::run(*options).await,
        Command::Apply(options) => apply::run(options).await,
        Command::Get(options) => get::run(options).await,
        Command::Describe(options) => describe::run(options).await,
        Command::Query(options) => query::run(options).await,
        Command::Branch(command) => branch::run(command).await,
        Command::Diff(options) => diff::run(options).await,
        Command::Merge(options) => merge::merge(options).await,
        Command::Rebase(options) => merge::rebase(options).await,
        Command::Rollback(options) => merge::rollback(options).await,
        Command::History(options) => history::run(options).await,
        Command::Watch(options) => watch::run(options).await,
        Command::Export(options) => export::run(options).await,
        Command::Config(options) => {
            let own = matches.subcommand_matches("config").unwrap_or(&matches);
            config::run(&options, own, &file)
        }
        Command::Completion(options) => Ok(completion::run(options)),
        Command::Operator(options) => operator::run(options).await,
        Command::Log(command) => log::run(command).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Verify(options) => verify::run(options).await,
        Command::Replay(options) => replay::run(options).await,
        Command::DeadLetters(command) => dead_letters::run(command).await,
    }
}

/// A service tells what it does; a command only what is wrong, beside its answer.
fn start_logging(cli: &Cli) {
    let serves = matches!(
        cli.command,
        Command::Dev(_) | Command::Demo(_) | Command::Operator(_)
    );
    let usual = if serves { "warn,spice=info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SPICE_LOG_LEVEL")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::stderr_is_terminal());
    if cli.log_json {
        lines.json().init();
    } else {
        lines.init();
    }
}
