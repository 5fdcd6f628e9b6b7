//! `spice dead-letters`: see to events that a sink has refused.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::{
    client::Client,
    output,
    settings::{DeadLetter, DeadLetters, Format},
};

pub(crate) async fn run(command: DeadLetters) -> anyhow::Result<ExitCode> {
    match command {
        DeadLetters::List {
            server,
            database,
            output,
        } => {
            let query = database
                .map(|name| format!("?database={name}"))
                .unwrap_or_default();
            let answer = Client::new(&server.server)?
                .get(&format!("/dead-letters{query}"))
                .await?;
            list(&answer, output.output)?;
        }
        DeadLetters::Show(letter) => {
            output::json(
                &Client::new(&letter.server.server)?
                    .get(&path(&letter))
                    .await?["data"],
            )?;
        }
        DeadLetters::Retry(letter) => {
            let client = Client::new(&letter.server.server)?;
            client
                .post(&format!("{}/retry", path(&letter)), &json!({}))
                .await?;
            output::line("the aggregate is being tried again, in order")?;
        }
        DeadLetters::Discard { letter, reason } => {
            let client = Client::new(&letter.server.server)?;
            let body = json!({"reason": reason});
            client
                .post(&format!("{}/discard", path(&letter)), &body)
                .await?;
            output::line("discarded for this handler; the log records it")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(letter: &DeadLetter) -> String {
    format!(
        "/dead-letters/{}/{}/{}",
        letter.database, letter.handler, letter.position
    )
}

fn list(answer: &Value, format: Format) -> anyhow::Result<()> {
    let letters = answer["data"]["dead_letters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if format == Format::Json {
        return output::json(&Value::Array(letters));
    }
    if letters.is_empty() {
        output::line("nothing is parked")?;
        return Ok(());
    }
    let text = |letter: &Value, key: &str| match &letter[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let keys = [
        "database",
        "handler",
        "position",
        "aggregate_id",
        "class",
        "attempts",
        "error",
    ];
    let rows: Vec<Vec<String>> = letters
        .iter()
        .map(|letter| keys.iter().map(|key| text(letter, key)).collect())
        .collect();
    let head = [
        "DATABASE",
        "HANDLER",
        "POSITION",
        "AGGREGATE",
        "CLASS",
        "ATTEMPTS",
        "ERROR",
    ];
    output::table(&head, &rows)?;
    Ok(())
}
