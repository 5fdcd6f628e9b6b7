//! Replays: the record of each, and how far its sinks are now.

use spice_core::{
    error::{Refusal, StoreError},
    handler::Projection,
    id::{LogPosition, StreamId},
    name::DatabaseName,
    port::sink::Sinks,
    replay::{Replay, ReplayId, Strategy},
    time::Timestamp,
};

use super::reads::Reads;

/// How far a replay is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The events to replay, for all projections together.
    pub(crate) total: u64,
    /// Those that are replayed.
    pub(crate) replayed: u64,
    /// How many were replayed in a second.
    pub(crate) per_second: u64,
}

impl Reads {
    /// The log of a live database.
    pub(crate) async fn stream(&self, database: &DatabaseName) -> Result<StreamId, Refusal> {
        let snapshot = self.engine.writer.snapshot(database).await?;
        Ok(snapshot.stream.clone())
    }

    /// One replay.
    pub(crate) async fn replay(&self, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        self.engine.work.replay(id).await
    }

    /// The replays of one log or of all, the newest first.
    pub(crate) async fn replays(
        &self,
        stream: Option<&StreamId>,
    ) -> Result<Vec<Replay>, StoreError> {
        self.engine.work.replays(stream).await
    }

    /// How far a replay is, by the positions of its sinks.
    pub(crate) async fn replay_progress(&self, replay: &Replay) -> Result<Progress, StoreError> {
        let mut progress = Progress::default();
        for target in &replay.targets {
            let until = target.until.unwrap_or_default();
            let reached = match &target.sink {
                Some(sink) if !replay.state.is_finished() => {
                    self.reached(replay, target.projection, sink).await?
                }
                _ => target.reached,
            };
            progress.total += until.0;
            progress.replayed += reached.min(until).0;
        }
        let now = self.engine.clock.now();
        progress.per_second = rate(replay, progress.replayed, now);
        Ok(progress)
    }

    async fn reached(
        &self,
        replay: &Replay,
        projection: Projection,
        generation: &str,
    ) -> Result<LogPosition, StoreError> {
        let sinks: &dyn Sinks = match projection {
            Projection::Graph => &*self.engine.graph,
            Projection::Documents => &*self.engine.documents,
        };
        let sinks = sinks.sinks(&replay.stream).await?;
        let found = sinks.iter().find(|sink| sink.generation == generation);
        Ok(found.map_or(LogPosition::ZERO, |sink| sink.position))
    }
}

/// Events in a second, while the sinks were filled. What is rewritten in place was there before.
fn rate(replay: &Replay, replayed: u64, now: Timestamp) -> u64 {
    let Some(started) = replay.started_at else {
        return 0;
    };
    if replay.request.strategy == Strategy::InPlace {
        return 0;
    }
    let until = replay.filled_at.or(replay.ended_at).unwrap_or(now);
    let micros = until.as_micros().saturating_sub(started.as_micros());
    let micros = u64::try_from(micros).unwrap_or_default().max(1);
    replayed.saturating_mul(1_000_000) / micros
}
