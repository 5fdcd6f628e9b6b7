//! `spice dead-letters`: lists, retries and discards events that a sink has refused.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use spice_client::Write;

use crate::{
    failure::Hint,
    get::show_dead_letters,
    output,
    settings::{Output, Server},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List parked events.
    List {
        #[command(flatten)]
        server: Server,
        /// Only this database; by default all.
        #[arg(long)]
        database: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show one parked event, with its envelope.
    Show {
        #[command(flatten)]
        letter: DeadLetter,
        /// The output format.
        #[command(flatten)]
        output: Output,
    },
    /// Apply the parked events of its aggregate again, in order.
    Retry(DeadLetter),
    /// Discard the event for this handler only; the log records it.
    Discard {
        #[command(flatten)]
        letter: DeadLetter,
        /// The reason; it is recorded in the log.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetter {
    #[command(flatten)]
    server: Server,
    /// The database of the event.
    database: String,
    /// The handler that parked the event, as shown by `list`.
    handler: String,
    /// The position of the event in the log.
    position: u64,
}

pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let outcome = Box::pin(execute(command)).await;
    outcome.map_err(|error| {
        let failure = error.downcast_ref::<spice_client::Error>();
        match failure.and_then(spice_client::Error::status) {
            Some(404) => error.context(Hint(
                "`spice dead-letters list` lists the parked events".to_owned(),
            )),
            _ => error,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List {
            server,
            database,
            output,
        } => {
            let client = server.client()?;
            let list = client.dead_letters(database.as_deref()).await?;
            show_dead_letters(output.output, &list.dead_letters)
        }
        Command::Show { letter, output } => {
            let client = letter.server.client()?;
            let (database, handler) = (&letter.database, &letter.handler);
            let found = client
                .dead_letter(database, handler, letter.position)
                .await?;
            output::document(output.output, &found)
        }
        Command::Retry(letter) => {
            let client = letter.server.client()?;
            client
                .retry_dead_letter(&letter.database, &letter.handler, letter.position)
                .await?;
            let done = "applying the parked events of the aggregate again, in order";
            Ok(output::line(done)?)
        }
        Command::Discard { letter, reason } => {
            let client = letter.server.client()?;
            let (database, handler) = (&letter.database, &letter.handler);
            let write = Write::default();
            client
                .discard_dead_letter(database, handler, letter.position, &reason, &write)
                .await?;
            let done = "discarded for this handler; the log records it";
            Ok(output::line(done)?)
        }
    }
}
