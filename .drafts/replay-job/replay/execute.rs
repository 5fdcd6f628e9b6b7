//! Third step: sends what was decided to the api.

use spice_client::{Error, Replay};

use super::{api::ReplayApi, decide::Plan};

/// Sends a plan. Returns the replay as the api answered it; none if nothing was sent.
pub(crate) async fn execute<A: ReplayApi>(api: &A, plan: &Plan) -> Result<Option<Replay>, Error> {
    match plan {
        Plan::Start {
            database,
            request,
            key,
        } => api.start(database, request, key).await.map(Some),
        Plan::Ask {
            database,
            task,
            wish,
        } => api.ask(database, task, *wish).await.map(Some),
        Plan::Observe | Plan::AwaitDatabase | Plan::Hold | Plan::Release | Plan::Expire => Ok(None),
    }
}
