//! `spice dead-letters`: see to events that a sink has refused.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use spice_client::{Client, Write};

use crate::{
    failure::Hint,
    get::show_dead_letters,
    output,
    settings::{Output, Server},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
    server: Server,
    /// The database that the event belongs to.
    database: String,
    /// The handler that parked it, as `list` shows it.
    handler: String,
    /// Where the event stands in the log.
    position: u64,
}

pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let outcome = Box::pin(see_to(command)).await;
    outcome.map_err(|error| {
        let failure = error.downcast_ref::<spice_client::Error>();
        match failure.and_then(spice_client::Error::status) {
            Some(404) => error.context(Hint("`spice dead-letters list` shows them".to_owned())),
            _ => error,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn see_to(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List {
            server,
            database,
            output,
        } => {
            let client = Client::new(&server.server)?;
            let list = client.dead_letters(database.as_deref()).await?;
            show_dead_letters(output.output, &list.dead_letters)
        }
        Command::Show { letter, output } => {
            let client = Client::new(&letter.server.server)?;
            let DeadLetter {
                database,
                handler,
                position,
                ..
            } = &letter;
            let found = client.dead_letter(database, handler, *position).await?;
            output::document(output.output, &found)
        }
        Command::Retry(letter) => {
            let client = Client::new(&letter.server.server)?;
            client
                .retry_dead_letter(&letter.database, &letter.handler, letter.position)
                .await?;
            Ok(output::line(
                "the aggregate is being tried again, in order",
            )?)
        }
        Command::Discard { letter, reason } => {
            let client = Client::new(&letter.server.server)?;
            let (database, handler) = (&letter.database, &letter.handler);
            let write = Write::default();
            client
                .discard_dead_letter(database, handler, letter.position, &reason, &write)
                .await?;
            Ok(output::line(
                "discarded for this handler; the log records it",
            )?)
        }
    }
}
