//! Command statuses as answers.

use serde::Serialize;
use spice_core::{decide::Receipt, json::Json, time::Timestamp};

use crate::{
    http::{
        answer::{self, Answer, CommandResult},
        call::Call,
        failure::Failure,
        parameters::path,
        render::command_type,
    },
    read::status::{CommandStatus, State, Step},
};

pub(crate) async fn status(call: Call) -> Answer {
    let receipt = find_receipt(&call).await?;
    let status = call.api.reads.command_status(&receipt).await?;
    let result = describe_result(&receipt, &status)?;
    answer::ok(&show(&receipt, &status, &result))
}

/// The receipt of the command in the path after `commands`.
pub(crate) async fn find_receipt(call: &Call) -> Result<Receipt, Failure> {
    let command = call.get(&path::COMMAND)?;
    let receipt = call.api.engine.writer.receipt(command).await;
    let receipt = receipt.map_err(|refusal| {
        if call.caller.sees_all() {
            return refusal.into();
        }
        // The refusal names the log that cannot be read, which may be one that the caller does not
        // see.
        Failure::new(refusal.code, "not every log can be read now")
    })?;
    let seen = receipt.filter(|receipt| call.caller.sees(&receipt.stream.database));
    seen.ok_or_else(|| {
        Failure::not_found(format!("there is no command {command}"))
            .with("command_id", command.to_string())
    })
}

/// The JSON text of a status as `CommandResult`.
pub(crate) fn write(
    receipt: &Receipt,
    status: &CommandStatus,
) -> Result<String, serde_json::Error> {
    let result = describe_result(receipt, status)?;
    serde_json::to_string(&show(receipt, status, &result))
}

fn show<'a>(receipt: &Receipt, status: &'a CommandStatus, result: &'a Json) -> CommandResult<'a> {
    let parked = (status.state == State::Retrying).then(|| status.parked.clone());
    CommandResult {
        command_id: receipt.command_id,
        status: status.state.as_str(),
        result: Some(result),
        error: status.error.clone(),
        completed_at: status.completed_at,
        retry_count: status.retry_count,
        parked,
        history: Some(&status.history),
    }
}

/// The progress of an incomplete command.
#[derive(Serialize)]
struct UnderWay<'a> {
    message: Option<&'a str>,
    status: &'static str,
    command_type: &'static str,
    aggregate_id: String,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    progress: u8,
    error: Option<&'a str>,
    history: &'a [Step],
}

/// The result of a complete command, otherwise its progress.
fn describe_result(receipt: &Receipt, status: &CommandStatus) -> Result<Json, serde_json::Error> {
    if status.state == State::Completed {
        return Ok(receipt.result.clone());
    }
    Json::of(&UnderWay {
        message: status.history.last().map(|step| step.message.as_str()),
        status: status.state.as_str(),
        command_type: command_type(receipt),
        aggregate_id: receipt.aggregate.to_string(),
        created_at: receipt.occurred_at,
        updated_at: status.history.iter().filter_map(|step| step.at).max(),
        progress: status.state.progress(),
        error: status.error.as_deref(),
        history: &status.history,
    })
}
