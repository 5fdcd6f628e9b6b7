//! The replays of the logs: what was requested, and how far it is.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    error::Refusal,
    id::StreamId,
    replay::{Replay, ReplayId},
};

/// How many finished replays of a log are kept.
pub const KEPT: usize = 100;

/// The result of a request for a replay.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// It is recorded.
    Started,
    /// There is one with this id already.
    Exists(Box<Replay>),
    /// An unfinished one changes the same projection.
    Running(Box<Replay>),
}

/// The replays. Each is one row, changed by compare-and-set on its revision.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Records a new replay, unless its id is taken or an unfinished one of its log has one of its
    /// projections. Only the newest [`KEPT`] finished ones of its log are kept.
    async fn start_replay(&self, replay: &Replay) -> StoreResult<Start>;

    /// Replaces a replay that is still at this revision, and moves it to the next one. Returns
    /// false if it has another revision or is gone.
    async fn change_replay(&self, replay: &Replay) -> StoreResult<bool>;

    /// One replay.
    async fn replay(&self, id: ReplayId) -> StoreResult<Option<Replay>>;

    /// The replays of one log or of all, the newest first.
    async fn replays(&self, stream: Option<&StreamId>) -> StoreResult<Vec<Replay>>;

    /// The unfinished replays of a log, the oldest first.
    async fn open_replays(&self, stream: &StreamId) -> StoreResult<Vec<Replay>>;
}

/// Applies what a person wishes to the newest state of a replay. `wish` says whether it changes
/// anything. Returns the replay afterwards; none if there is none with this id.
pub async fn change(
    replays: &dyn Replays,
    id: ReplayId,
    wish: impl Fn(&mut Replay) -> Result<bool, Refusal>,
) -> Result<Option<Replay>, Refusal> {
    loop {
        let Some(mut replay) = replays.replay(id).await? else {
            return Ok(None);
        };
        if !wish(&mut replay)? || replays.change_replay(&replay).await? {
            return Ok(Some(replay));
        }
    }
}
