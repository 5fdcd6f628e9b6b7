//! Every setting: flag, environment, config file, default.

pub(crate) mod file;
mod place;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::FalseyValueParser};

pub(crate) use self::{file::ConfigFile, place::Place};

/// SPICE Harvester: a knowledge graph as an append-only log, projected safely.
#[derive(Debug, Parser)]
#[command(
    name = "spice",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Write the process's own log as JSON lines (level: `SPICE_LOG_LEVEL`, e.g. `info`).
    #[arg(long, global = true, env = "SPICE_LOG_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) log_json: bool,
    /// No colours; also with `NO_COLOR`, and wherever the output is no terminal.
    #[arg(long, global = true, env = "NO_COLOR", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) no_color: bool,
    /// The config file; `$XDG_CONFIG_HOME/spice/config.toml` when left out (or `SPICE_CONFIG`).
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process on one data directory.
    Dev(Dev),
    /// Show the main job on real data: declare, load, branch, query.
    Demo(Demo),
    /// Import a CSV file as instances of a class.
    Import(Box<crate::import::Options>),
    /// Make what is declared in YAML so, as `kubectl apply` would.
    Apply(crate::apply::Options),
    /// Show what there is, as rows.
    Get(crate::get::Options),
    /// Show everything about one thing.
    Describe(crate::describe::Options),
    /// Walk through the graph.
    Query(crate::query::Options),
    /// Make and delete branches.
    #[command(subcommand)]
    Branch(crate::branch::Branch),
    /// Show what a branch changed.
    Diff(crate::diff::Options),
    /// Merge a branch into another.
    Merge(crate::merge::MergeOptions),
    /// Move a branch to the end of the one that it stands on.
    Rebase(crate::merge::RebaseOptions),
    /// Make a branch again what it was.
    Rollback(crate::merge::RollbackOptions),
    /// Show who changed what of an instance, when, and what it was before.
    History(crate::history::Options),
    /// Watch a command, or what happens in a database.
    Watch(crate::watch::Options),
    /// Export instances as NDJSON or CSV, or the ontology.
    Export(crate::export::Options),
    /// Show every setting in force, and where it came from.
    Config(Box<crate::config::Options>),
    /// Write what a shell needs to complete this command line.
    Completion(crate::completion::Options),
    /// Run the Kubernetes operator.
    Operator(Operator),
    /// Read a log from its directory.
    #[command(subcommand)]
    Log(LogCommand),
    /// Check that a log was not changed, cut or exchanged.
    #[command(subcommand)]
    Audit(crate::audit::Audit),
    /// Compare graph and documents with the fold of the log.
    Verify(Verify),
    /// Rebuild graph and documents from the log.
    Replay(Replay),
    /// See to events that a sink has refused.
    #[command(subcommand, name = "dead-letters")]
    DeadLetters(DeadLetters),
}

/// Where the data is.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataDir {
    /// The data directory; all in it but `log/` can be rebuilt.
    #[arg(
        long,
        env = "SPICE_DATA_DIR",
        default_value = "./data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
}

/// Where the listeners are, and how long they keep a connection.
#[allow(clippy::struct_field_names)] // the flags' names
#[derive(Debug, Clone, Args)]
pub(crate) struct Listen {
    /// Gateway, the api for clients; port 0 takes a free one.
    #[arg(
        long,
        env = "SPICE_GATEWAY_LISTEN",
        default_value = "127.0.0.1:8002",
        value_name = "ADDR"
    )]
    pub(crate) gateway_listen: SocketAddr,
    /// Ontology management service.
    #[arg(
        long,
        env = "SPICE_OMS_LISTEN",
        default_value = "127.0.0.1:8000",
        value_name = "ADDR"
    )]
    pub(crate) oms_listen: SocketAddr,
    /// Funnel (health only for now).
    #[arg(
        long,
        env = "SPICE_FUNNEL_LISTEN",
        default_value = "127.0.0.1:8003",
        value_name = "ADDR"
    )]
    pub(crate) funnel_listen: SocketAddr,
    /// Seconds for which a connection without a request stays open; more than those of a load
    /// balancer before it, which are often 60.
    #[arg(
        long,
        env = "SPICE_KEEP_ALIVE_SECONDS",
        default_value_t = 90,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        value_name = "SECONDS"
    )]
    pub(crate) keep_alive_seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) data: DataDir,
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// YAML files or folders to keep applied, as `kubectl apply` would take them.
    #[arg(long, value_name = "PATH")]
    pub(crate) apply: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) knobs: Knobs,
}

/// Settings by the names that the earlier system had.
#[derive(Debug, Clone, Args)]
pub(crate) struct Knobs {
    /// Whether writes answer 202 at once; false: they wait for the projections by default.
    #[arg(long, env = "ENABLE_EVENT_SOURCING", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) enable_event_sourcing: bool,
    /// What to do about a command id that comes again with another payload.
    #[arg(
        long,
        env = "EVENT_STORE_IDEMPOTENCY_MISMATCH_MODE",
        default_value = "error"
    )]
    pub(crate) idempotency_mismatch: Mismatch,
    /// Seconds after which another worker may take a lease that is not renewed.
    #[arg(
        long,
        env = "PROCESSED_EVENT_LEASE_TIMEOUT_SECONDS",
        default_value_t = 900
    )]
    pub(crate) lease_timeout_seconds: u64,
    /// Seconds between two renewals of a lease.
    #[arg(
        long,
        env = "PROCESSED_EVENT_HEARTBEAT_INTERVAL_SECONDS",
        default_value_t = 30
    )]
    pub(crate) heartbeat_seconds: u64,
    /// Attempts before an event that a projection refuses is parked.
    #[arg(long, env = "PROJECTION_WORKER_MAX_RETRIES", default_value_t = 5)]
    pub(crate) max_retries: u32,
}

/// See [`Knobs::idempotency_mismatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mismatch {
    /// Refuse it.
    Error,
    /// Keep the first and log.
    Warn,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to keep the data; a folder of its own for the time of the demo when left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) listen: Listen,
    #[command(flatten)]
    pub(crate) knobs: Knobs,
    /// End after the last step, in place of serving until Ctrl-C.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Operator {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) settings: OperatorSettings,
    /// The kubeconfig to use; the usual places when left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// How the operator works.
#[derive(Debug, Clone, Args)]
pub(crate) struct OperatorSettings {
    /// Watch this namespace only.
    #[arg(long, env = "SPICE_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Seconds after which every resource is looked at again.
    #[arg(long, env = "SPICE_RESYNC_SECONDS", default_value_t = 30)]
    pub(crate) resync_seconds: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Write envelopes to standard output, one JSON a line.
    Cat(LogCat),
    /// Check every segment; exit code 1 when anything is damaged.
    Verify(LogVerify),
}

#[derive(Debug, Args)]
pub(crate) struct LogCat {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// The database; of one that was made again the newest log, `demo.g1` names the first.
    pub(crate) database: String,
    /// The first position.
    #[arg(long, default_value_t = 0)]
    pub(crate) from: u64,
    /// How many envelopes at most.
    #[arg(long)]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct LogVerify {
    #[command(flatten)]
    pub(crate) data: DataDir,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How to write the answer.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// How to write the answer.
    #[arg(short, long, env = "SPICE_OUTPUT", default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For both.
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// One database; all when left out.
    #[arg(long)]
    pub(crate) database: Option<String>,
    /// Rewrite what differs, from the log.
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) data: DataDir,
    /// One database; all when left out.
    #[arg(long)]
    pub(crate) database: Option<String>,
    /// What to rebuild.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["graph", "documents"])]
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    Graph,
    Documents,
}

/// Where the api is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The gateway's URL.
    #[arg(
        long,
        visible_alias = "api",
        env = "SPICE_SERVER",
        default_value = "http://127.0.0.1:8002",
        value_name = "URL"
    )]
    pub(crate) server: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List what is parked.
    List {
        #[command(flatten)]
        server: Server,
        /// One database; all when left out.
        #[arg(long)]
        database: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show one, with its envelope.
    Show {
        #[command(flatten)]
        letter: DeadLetter,
        /// How to write it.
        #[command(flatten)]
        output: Output,
    },
    /// Try its aggregate again, in order.
    Retry(DeadLetter),
    /// Give the event up, for this handler only; the log records it.
    Discard {
        #[command(flatten)]
        letter: DeadLetter,
        /// Why; stands in the log.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetter {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The database that the event belongs to.
    pub(crate) database: String,
    /// The handler that parked it, as `list` shows it.
    pub(crate) handler: String,
    /// Where the event stands in the log.
    pub(crate) position: u64,
}

/// Two at least, so that a long computation on one does not hold up the other.
pub(crate) fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8))
}
