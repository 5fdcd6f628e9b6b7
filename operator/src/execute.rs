//! Third step: executes the plan. The only step that writes to the api.

use crate::{
    client::{Accepted, Api, ApiError},
    decide::{Plan, Step},
};

/// The result of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Receipt {
    /// Nothing had to be sent.
    Nothing,
    /// The api accepted the command.
    Accepted(Accepted),
    /// The api did not accept it.
    Failed(ApiError),
}

/// Executes a plan. If a command fails, those after it are not sent.
pub async fn execute<A: Api>(api: &A, plan: &Plan) -> Result<Receipt, ApiError> {
    let Step::Send { database, commands } = &plan.step else {
        return Ok(Receipt::Nothing);
    };
    let mut receipt = Receipt::Nothing;
    for command in commands {
        let accepted = api.send(database, command).await?;
        if let Some(command_id) = &accepted.command {
            let changes = accepted.changes.len();
            tracing::info!(database, command_id, changes, "command accepted");
        }
        receipt = Receipt::Accepted(accepted);
    }
    Ok(receipt)
}
