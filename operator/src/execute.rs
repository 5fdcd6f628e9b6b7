//! Third step: the plan is carried out. The only one that writes to the api.

use crate::{
    client::{Accepted, Api, ApiError},
    decide::{Plan, Step},
};

/// What became of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Receipt {
    /// There was nothing to send.
    Nothing,
    /// The api took the command.
    Accepted(Accepted),
    /// It did not.
    Failed(ApiError),
}

/// Carries a plan out.
pub async fn execute<A: Api>(api: &A, plan: &Plan) -> Receipt {
    let Step::Send(command) = &plan.step else {
        return Receipt::Nothing;
    };
    match api.send(command).await {
        Ok(accepted) => {
            tracing::info!(
                verb = command.verb.as_str(),
                path = command.path.join("/"),
                command_id = accepted.command.as_deref(),
                "command accepted"
            );
            Receipt::Accepted(accepted)
        }
        Err(error) => Receipt::Failed(error),
    }
}
