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

/// Executes a plan.
pub async fn execute<A: Api>(api: &A, plan: &Plan) -> Result<Receipt, ApiError> {
    let Step::Send(command) = &plan.step else {
        return Ok(Receipt::Nothing);
    };
    let accepted = api.send(command).await?;
    tracing::info!(
        verb = command.verb.as_str(),
        path = command.path.join("/"),
        command_id = accepted.command.as_deref(),
        "command accepted"
    );
    Ok(Receipt::Accepted(accepted))
}
