//! Third step: sends what was decided to the api.

use super::{
    api::{ReplayApi, Started},
    decide::Plan,
    gather::Known,
};
use crate::reconcile::{WRITE, within};

/// Sends a plan, and returns what is known after it. `known` is what was known before.
pub(crate) async fn execute<A: ReplayApi>(api: &A, plan: &Plan, known: Known) -> Known {
    let answer = match plan {
        Plan::Start {
            database,
            request,
            key,
        } => match within(WRITE, api.start(database, request, key)).await {
            Ok(Started::Replay(replay)) => return Known::Replay(replay),
            Ok(Started::Busy(other)) => return Known::Busy(other),
            Err(error) => Err(error),
        },
        Plan::Instruct {
            database,
            replay,
            instruction,
        } => within(WRITE, api.instruct(database, replay, *instruction)).await,
        Plan::Rest | Plan::Observe | Plan::Hold | Plan::Release | Plan::Expire => return known,
    };
    match answer {
        Ok(replay) => Known::Replay(Box::new(replay)),
        Err(error) => Known::Failed(error),
    }
}
