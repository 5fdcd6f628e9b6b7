//! The command tree: the commands and the file that runs each.

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgMatches, CommandFactory, Parser, Subcommand, builder::FalseyValueParser};

use crate::{
    apply, audit, branch, completion, config, dead_letters, demo, describe, dev, diff, export, get,
    history, import, kubectl, log, merge, operator, query, rebase, replay, rollback,
    settings::ConfigFile, token, verify, watch,
};

/// SPICE Harvester: a knowledge graph on an append-only log.
#[derive(Debug, Parser)]
#[command(
    name = "spice",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Write the messages of this process on standard error as JSON lines (level: `SPICE_LOG_LEVEL`, e.g.
    /// `info`). Not the log of the databases: that is `--log`.
    #[arg(long, global = true, env = "SPICE_LOG_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) log_json: bool,
    /// Do not use colours; also set by `NO_COLOR`, and the default if the output is not a terminal.
    #[arg(long, global = true, env = "NO_COLOR", hide_env = true, value_parser = FalseyValueParser::new())]
    pub(crate) no_color: bool,
    /// The config file; by default `$SPICE_CONFIG` or `$XDG_CONFIG_HOME/spice/config.toml`.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run all roles in one process on one data directory.
    Dev(Box<dev::Options>),
    /// Show the main steps on real data: declare, load, branch, query.
    Demo(demo::Options),
    /// Import a CSV or NDJSON file as instances.
    Import(Box<import::Options>),
    /// Apply YAML declarations.
    Apply(apply::Options),
    /// List databases, classes, branches, instances and more.
    Get(get::Options),
    /// Show the details of one thing.
    Describe(describe::Options),
    /// Query the graph.
    Query(query::Options),
    /// Create and delete branches.
    #[command(subcommand)]
    Branch(branch::Branch),
    /// Show what a branch changed.
    Diff(diff::Options),
    /// Merge a branch into another.
    Merge(merge::Options),
    /// Rebase a branch onto its parent's current position.
    Rebase(rebase::Options),
    /// Restore a branch to an earlier position.
    Rollback(rollback::Options),
    /// Show the changes of an instance: who, when, and the previous values.
    History(history::Options),
    /// Watch a command or the events of a database.
    Watch(watch::Options),
    /// Export instances as NDJSON or CSV, or the ontology as JSON.
    Export(export::Options),
    /// Show all settings, their values and their sources.
    Config(Box<config::Options>),
    /// Make tokens for principals.
    #[command(subcommand)]
    Token(token::Token),
    /// Print the completion script for a shell.
    Completion(completion::Options),
    /// Look after the resources of a Kubernetes cluster (also as `kubectl spice`).
    #[command(subcommand)]
    Kubectl(kubectl::Kubectl),
    /// Run the Kubernetes operator.
    Operator(operator::Options),
    /// Read a log from its directory.
    #[command(subcommand)]
    Log(log::Command),
    /// Check that a log was not changed, cut or replaced.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Compare graph and documents with the fold of the log.
    Verify(verify::Options),
    /// Rebuild graph and documents from the log.
    Replay(replay::Options),
    /// List, retry or discard events that a sink has refused.
    #[command(subcommand, name = "dead-letters")]
    DeadLetters(dead_letters::Command),
}

impl Command {
    /// Whether the command handles Ctrl-C itself. Ctrl-C ends every other command.
    pub(crate) fn handles_interrupt(&self) -> bool {
        matches!(self, Self::Import(_) | Self::Export(_)) || self.is_service()
    }

    /// Whether the command is a service. A service logs what it does; other commands log only
    /// failures.
    pub(crate) fn is_service(&self) -> bool {
        matches!(self, Self::Dev(_) | Self::Demo(_) | Self::Operator(_))
    }

    /// The collector of its spans, if the command has any.
    pub(crate) fn collector(&self) -> Option<String> {
        match self {
            Self::Dev(options) => options.traces.collector(),
            Self::Demo(options) => options.traces.collector(),
            _ => None,
        }
    }

    /// Runs the command. `matches` and `file` contain the source of each setting.
    pub(crate) async fn run(
        self,
        matches: &ArgMatches,
        file: &ConfigFile,
    ) -> anyhow::Result<ExitCode> {
        match self {
            Self::Dev(options) => dev::run(*options).await,
            Self::Demo(options) => demo::run(options).await,
            Self::Import(options) => import::run(*options).await,
            Self::Apply(options) => apply::run(options).await,
            Self::Get(options) => get::run(options).await,
            Self::Describe(options) => describe::run(options).await,
            Self::Query(options) => query::run(options).await,
            Self::Branch(command) => branch::run(command).await,
            Self::Diff(options) => diff::run(options).await,
            Self::Merge(options) => merge::run(options).await,
            Self::Rebase(options) => rebase::run(options).await,
            Self::Rollback(options) => rollback::run(options).await,
            Self::History(options) => history::run(options).await,
            Self::Watch(options) => watch::run(options).await,
            Self::Export(options) => export::run(options).await,
            Self::Config(options) => config::run(&options, matches, file, Cli::command()),
            Self::Token(command) => token::run(command),
            Self::Completion(options) => completion::run(options, Cli::command()),
            Self::Kubectl(command) => kubectl::run(command).await,
            Self::Operator(options) => operator::run(options).await,
            Self::Log(command) => log::run(command).await,
            Self::Audit(command) => audit::run(command).await,
            Self::Verify(options) => verify::run(options).await,
            Self::Replay(options) => replay::run(options).await,
            Self::DeadLetters(command) => dead_letters::run(command).await,
        }
    }
}
