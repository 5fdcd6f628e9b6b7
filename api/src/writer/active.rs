//! Tells other processes that a log is being written: by a mark in the registry, for lookups of
//! what the registry does not reflect yet, and by a hint after each append.

use std::time::Duration;

use spice_core::{decide::WriteState, error::StoreError, id::LogPosition, port::hints::Topic};
use tokio::time::Instant;

use super::scribe::Task;

/// The time without an append after which a log counts as idle.
const REST: Duration = Duration::from_secs(5);
/// How often the mark of an active log is renewed.
const MARK_AGAIN: Duration = Duration::from_mins(1);

impl Task {
    /// When the log becomes idle here.
    pub(super) fn rests_at(&self) -> Instant {
        self.written_at + REST
    }

    /// Marks the log as active before the first append after a pause, so that lookups of unknown
    /// commands check its tail.
    pub(super) async fn mark_active(&mut self) -> Result<(), StoreError> {
        self.written_at = Instant::now();
        if self.marked_at.is_some_and(|at| at.elapsed() < MARK_AGAIN) {
            return Ok(());
        }
        let (model, owner) = (&self.ports.model, &self.ports.owner);
        model.mark_active(&self.stream, owner).await?;
        self.marked_at = Some(self.written_at);
        Ok(())
    }

    /// Removes the mark once the registry reflects what was appended; otherwise retries later.
    pub(super) async fn rest(&mut self) {
        self.written_at = Instant::now();
        let end = self.state.as_ref().map(WriteState::end);
        if self.marked_at.is_none() || end.is_none_or(|end| self.reflector.reflected() < end) {
            return;
        }
        let (model, owner) = (&self.ports.model, &self.ports.owner);
        match model.clear_active(&self.stream, owner).await {
            Ok(()) => self.marked_at = None,
            Err(error) => {
                tracing::warn!(stream = %self.stream, %error, "cannot mark the log as idle");
            }
        }
    }

    /// Hints to other processes that the log is longer. The own hint is ignored.
    pub(super) fn give_hint(&mut self, from: LogPosition) {
        if from == LogPosition::ZERO {
            self.ports.hints.give(&Topic::Logs);
        }
        self.appends.give();
    }
}
