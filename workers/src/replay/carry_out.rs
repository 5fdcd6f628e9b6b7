//! Carries out one replay, step by step, until it is finished. What people wish meanwhile counts at
//! once.

use std::time::Duration;

use spice_backoff::Seeded;
use spice_core::{
    error::StoreError,
    id::StreamId,
    port::{
        StoreResult,
        clock::Clock,
        hints::{Hints, Listener, Topic},
    },
    replay::{Replay, ReplayFault, ReplayId, ReplayState},
};
use tokio::time::timeout;

use super::steps::Steps;
use crate::verify::Sources;

/// Carries out replays. The workers of the log must be running.
pub struct Replayer<'a> {
    /// The stores.
    pub sources: Sources<'a>,
    /// The hints.
    pub hints: &'a dyn Hints,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The waits while a store is unavailable.
    pub backoff: Seeded,
    /// A hint may get lost: after this long it looks anyway whether a person wishes something.
    pub look_again: Duration,
    /// Gets the replay at each step, as this process has written it.
    pub report: &'a (dyn Fn(&Replay) + Sync),
}

impl Replayer<'_> {
    /// Carries out a replay until it is finished. Returns it; none if it is gone. It may be stopped
    /// anywhere and called again.
    pub async fn carry_out(&self, stream: &StreamId, id: ReplayId) -> StoreResult<Option<Replay>> {
        let mut wishes = Listener::new(self.hints, Topic::Request(stream.clone()));
        let mut failures = 0;
        loop {
            match Box::pin(self.advance(id, &mut wishes)).await {
                Ok(Some(replay)) if !replay.state.is_finished() => failures = 0,
                Ok(ended) => return Ok(ended),
                Err(error) if error.is_transient() => {
                    failures += 1;
                    tracing::warn!(%error, replay = %id, "a replay waits for a store");
                    tokio::time::sleep(self.backoff.delay(failures)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does the next step, unless a person wishes something else first. Returns the replay, which
    /// may have changed since.
    async fn advance(
        &self,
        id: ReplayId,
        wishes: &mut Listener<&dyn Hints>,
    ) -> StoreResult<Option<Replay>> {
        let Some(replay) = self.sources.registry.replay(id).await? else {
            return Ok(None);
        };
        if replay.state.is_finished() {
            return Ok(Some(replay));
        }
        if replay.is_suspended && !replay.state.is_decided() {
            self.await_change(&replay, wishes).await?;
            return Ok(Some(replay));
        }
        let steps = Steps {
            sources: self.sources,
            hints: self.hints,
            clock: self.clock,
        };
        let next = tokio::select! {
            biased;
            changed = self.await_change(&replay, wishes) => {
                changed?;
                return Ok(Some(replay));
            }
            next = Box::pin(steps.take(&replay)) => next,
        };
        let next = match next {
            Ok(next) => next,
            Err(error) => fail(&replay, error)?,
        };
        if self.sources.registry.change_replay(&next).await? {
            tracing::info!(replay = %id, stream = %next.stream, state = %next.state, "replay");
            (self.report)(&next);
            self.hints.give(&Topic::Progress(next.stream.clone()));
        }
        Ok(Some(next))
    }

    /// Returns when somebody else has changed the record, or when it is gone.
    async fn await_change(
        &self,
        replay: &Replay,
        wishes: &mut Listener<&dyn Hints>,
    ) -> StoreResult<()> {
        loop {
            // A hint may get lost: it looks by itself from time to time.
            let _ = timeout(self.look_again, wishes.wait()).await;
            let found = self.sources.registry.replay(replay.id).await?;
            if found.is_none_or(|found| found.revision != replay.revision) {
                return Ok(());
            }
        }
    }
}

/// What a failed step makes of a replay. A store that is away is asked again; so is one from which
/// the shadow cannot be dropped.
fn fail(replay: &Replay, error: StoreError) -> StoreResult<Replay> {
    match ReplayFault::of(&error) {
        Some(fault) if replay.state != ReplayState::Dropping => {
            let mut next = replay.clone();
            next.fail(fault, error.to_string());
            Ok(next)
        }
        _ => Err(error),
    }
}
