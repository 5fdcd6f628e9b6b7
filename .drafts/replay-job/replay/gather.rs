//! First step: what the api knows of the replay of an object.

use spice_client::{Error, Replay};
use spice_crds::ReplayJob;

use super::api::ReplayApi;

/// What a pass knows.
#[derive(Debug)]
pub(crate) struct World {
    /// The database's name in the api; none while there is no Database object.
    pub(crate) database: Option<String>,
    /// The replay; none if the api knows none, or why that is unknown.
    pub(crate) replay: Result<Option<Replay>, Error>,
    /// Whether the object has existed longer than its deletion may take.
    pub(crate) is_overdue: bool,
    /// Seconds since the job ended.
    pub(crate) finished_for: Option<i64>,
}

/// Reads the replay, if one was requested and is not known to be finished.
pub(crate) async fn gather<A: ReplayApi>(
    api: &A,
    job: &ReplayJob,
    database: Option<String>,
    is_overdue: bool,
    now: jiff::Timestamp,
) -> World {
    let status = job.status.as_ref();
    let task = status.and_then(|status| status.external_id.as_deref());
    let ended = status.and_then(|status| status.completion_time.as_deref());
    let replay = match (&database, task) {
        (Some(database), Some(task)) if ended.is_none() => api.find(database, task).await,
        _ => Ok(None),
    };
    let ended = ended.and_then(|ended| ended.parse::<jiff::Timestamp>().ok());
    World {
        database,
        replay,
        is_overdue,
        finished_for: ended.map(|ended| now.as_second() - ended.as_second()),
    }
}
