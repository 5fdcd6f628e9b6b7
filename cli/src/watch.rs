//! `spice watch`: shows events as they happen.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use serde_json::Value;
use spice_client::{CommandState, Event, Retries};
use spice_crds::Exact;

use crate::{
    failure::usage,
    output::{self, Format, cell},
    session::Session,
    settings::OfDatabase,
};

/// About half a minute: the time of a server restart.
const RETRIES: Retries = Retries {
    attempts: 12,
    first: Duration::from_millis(100),
    longest: Duration::from_secs(5),
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice watch -d flights
  spice watch -d flights --branch main --from 0 -o json | jq .event_type
  spice watch 0197f0c2-5b7a-7cc3-b2a1-3f9f4d0c1e77

Watching a command ends with its final status; the exit code is 1 if it failed. Watching a database
ends at Ctrl-C.")]
pub(crate) struct Options {
    /// A command id; without one, the events of the database.
    command: Option<String>,
    #[command(flatten)]
    of: OfDatabase,
    /// Only events of this branch, and of the database as a whole; by default all branches.
    #[arg(short, long, value_name = "NAME")]
    branch: Option<String>,
    /// The first position to show; by default only new events.
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let branch = options.branch.as_deref().unwrap_or("main");
    let mut session = Session::new(&options.of.on_branch(branch))?;
    session.client = session.client.with_retries(RETRIES);
    let outcome = match &options.command {
        Some(id) => command(&session, id).await,
        None => database(&session, &options).await,
    };
    session.advise(outcome).await
}

async fn command(session: &Session, id: &str) -> anyhow::Result<ExitCode> {
    let mut events = session.client.command_events(id);
    loop {
        let Some(event) = events.next().await? else {
            // The service stopped, not the command. Its events continue after a reconnect.
            continue;
        };
        let Some(status) = event.command() else {
            continue;
        };
        if session.is_table() {
            let error = status.error.as_deref().unwrap_or_default();
            output::line(format!("{} {error}", status.status).trim_end())?;
        } else {
            write_document(session.format, &event)?;
        }
        if status.status.is_final() {
            return Ok(match status.status {
                CommandState::Completed => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            });
        }
    }
}

async fn database(session: &Session, options: &Options) -> anyhow::Result<ExitCode> {
    let Some(database) = session.maybe_database() else {
        return Err(usage("name a command, or a database with --database"));
    };
    let branch = options.branch.as_deref();
    let mut events = session
        .client
        .database_events(database, branch, options.from);
    loop {
        // After the server has ended the stream, it is opened again.
        let Some(event) = events.next().await? else {
            continue;
        };
        if session.is_table() {
            output::line(render_row(&event))?;
        } else {
            write_document(session.format, &event)?;
        }
    }
}

/// One event per line, or one YAML document.
fn write_document(format: Format, event: &Event) -> anyhow::Result<()> {
    match (format, event.read::<Exact>()) {
        (Format::Yaml, Some(value)) => {
            output::line("---")?;
            output::document(format, &value)?;
        }
        _ => output::line(event.data.replace('\n', " "))?,
    }
    Ok(())
}

fn render_row(event: &Event) -> String {
    let envelope: Value = event.read().unwrap_or_default();
    let text = |key: &str| output::clean(&cell(&envelope[key]));
    format!(
        "{:>8}  {}  {:<24}  {}",
        text("position"),
        text("occurred_at"),
        text("event_type"),
        text("aggregate_id")
    )
    .trim_end()
    .to_owned()
}
