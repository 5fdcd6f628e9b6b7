//! First step: reads what the api knows about the replay of an object. Decides nothing.

use spice_client::Replay;
use spice_crds::ReplayJob;

use super::api::ReplayApi;
use crate::{
    client::ApiError,
    gather::Reference,
    reconcile::{READS, within},
};

/// What is known about an object before the api is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The database that the object refers to.
    pub(crate) database: Reference,
    /// Whether the namespace of the object is being deleted.
    pub(crate) namespace_ends: bool,
    /// Whether the deletion of the object takes longer than allowed.
    pub(crate) is_overdue: bool,
    /// Whether the object must be deleted now, because its job has ended long enough ago.
    pub(crate) has_expired: bool,
}

/// The replay of an object, as the api knows it.
#[derive(Debug)]
pub(crate) enum Known {
    /// Nothing was asked.
    Nothing,
    /// The replay.
    Replay(Box<Replay>),
    /// The replay was requested, and the api does not have it any more.
    Gone,
    /// It was not recorded: this other replay must end first.
    Busy(String),
    /// The api did not answer, or refused.
    Failed(ApiError),
}

/// What a pass knows.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) around: Surroundings,
    pub(crate) replay: Known,
}

/// Reads the replay, if one was requested and is not known to have ended.
pub(crate) async fn gather<A: ReplayApi>(api: &A, job: &ReplayJob, around: Surroundings) -> World {
    let id = job.status.as_ref().and_then(|it| it.external_id.as_deref());
    let replay = match (&around.database, id) {
        (Reference::Found(database), Some(id)) if !job.is_finished() => {
            match within(READS, api.find(database, id)).await {
                Ok(Some(replay)) => Known::Replay(Box::new(replay)),
                Ok(None) => Known::Gone,
                Err(error) => Known::Failed(error),
            }
        }
        _ => Known::Nothing,
    };
    World { around, replay }
}
