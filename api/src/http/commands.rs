//! Status of commands, as answers.

use axum::http::StatusCode;
use serde_json::{Value, json};
use spice_core::{decide::Receipt, json::Json};

use crate::{
    http::{
        answer::{self, Answer, CommandResult},
        call::Call,
        failure::Failure,
        parameters::path,
        render::command_type,
    },
    status::{CommandStatus, State},
};

pub(crate) async fn status(call: Call) -> Answer {
    let receipt = receipt(&call).await?;
    let status = call.api.command_status(&receipt).await?;
    let result = result(&receipt, &status);
    answer::json(StatusCode::OK, &shape(&receipt, &status, &result))
}

/// The receipt of the command that the path names after `commands`.
pub(crate) async fn receipt(call: &Call) -> Result<Receipt, Failure> {
    let command = call.get(&path::COMMAND)?;
    let receipt = call.api.engine.writer.receipt(command).await?;
    receipt.ok_or_else(|| {
        Failure::not_found(format!("there is no command {command}"))
            .with("command_id", command.to_string())
    })
}

/// A status as the text of a `CommandResult`.
pub(crate) fn text(receipt: &Receipt, status: &CommandStatus) -> Result<String, serde_json::Error> {
    let result = result(receipt, status);
    serde_json::to_string(&shape(receipt, status, &result))
}

fn shape<'a>(receipt: &Receipt, status: &CommandStatus, result: &'a Json) -> CommandResult<'a> {
    let parked = (status.state == State::Retrying).then(|| status.parked.clone());
    CommandResult {
        command_id: receipt.command_id,
        status: status.state.as_str(),
        result: Some(result),
        error: status.error.clone(),
        completed_at: status.completed_at,
        retry_count: status.retry_count,
        parked,
        history: Some(history(status)),
    }
}

fn history(status: &CommandStatus) -> Value {
    status
        .history
        .iter()
        .map(|step| {
            json!({
                "status": step.state.as_str(),
                "timestamp": step.at,
                "message": step.message,
            })
        })
        .collect()
}

/// What the command made, once it is complete; how far it is, before.
fn result(receipt: &Receipt, status: &CommandStatus) -> Json {
    if status.state == State::Completed {
        return receipt.result.clone();
    }
    let updated_at = status.history.iter().filter_map(|step| step.at).max();
    Json::from(json!({
        "message": status.history.last().map(|step| &step.message),
        "status": status.state.as_str(),
        "command_type": command_type(receipt),
        "aggregate_id": receipt.aggregate.to_string(),
        "created_at": receipt.occurred_at,
        "updated_at": updated_at,
        "progress": status.state.progress(),
        "error": status.error,
        "history": history(status),
    }))
}
