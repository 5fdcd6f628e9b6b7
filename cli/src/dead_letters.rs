//! `spice dead-letters`: see to events that a sink has refused.

use std::process::ExitCode;

use spice_client::{Client, Write};

use crate::{
    failure::Hint,
    get::show_dead_letters,
    output,
    settings::{DeadLetter, DeadLetters},
};

pub(crate) async fn run(command: DeadLetters) -> anyhow::Result<ExitCode> {
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

async fn see_to(command: DeadLetters) -> anyhow::Result<()> {
    match command {
        DeadLetters::List {
            server,
            database,
            output,
        } => {
            let client = Client::new(&server.server)?;
            let list = client.dead_letters(database.as_deref()).await?;
            show_dead_letters(output.output, &list.dead_letters)
        }
        DeadLetters::Show { letter, output } => {
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
        DeadLetters::Retry(letter) => {
            let client = Client::new(&letter.server.server)?;
            client
                .retry_dead_letter(&letter.database, &letter.handler, letter.position)
                .await?;
            Ok(output::line(
                "the aggregate is being tried again, in order",
            )?)
        }
        DeadLetters::Discard { letter, reason } => {
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
