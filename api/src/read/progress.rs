//! Command status: computed on each request from the log, the farthest positions that the workers
//! recorded and the dead letters, and never stored, so nothing can write PENDING over COMPLETED.
//! Every api process gives the same answer, and a status does not go back when a sink is filled
//! again.

use std::collections::BTreeSet;

use spice_core::{
    decide::Receipt,
    error::StoreError,
    event::EventDiscarded,
    handler::Projection,
    id::{LogPosition, StreamId},
    lineage::Lineage,
    model::ModelKey,
    port::{
        registry::{DeadLetter, Outcome, Processing, WorkKey},
        sink::{SinkRole, Sinks},
    },
    time::Timestamp,
};

use super::{reads::Reads, status::CommandStatus};

/// The maximum number of events of a command that are checked one by one for a discard that the
/// write model does not show yet.
const LOOKED_UP: u64 = 64;
/// The number of discards per read.
const PAGE: usize = 1_000;

/// The progress of a log's workers and their parked events: the basis for the statuses of all its
/// commands.
pub(super) struct Progress {
    /// The farthest position of each projection.
    farthest: [LogPosition; Projection::ALL.len()],
    letters: Vec<DeadLetter>,
    unseen: Unseen,
}

/// The generations of sinks that no read sees: shadows, and former live sinks.
pub(super) struct Unseen(BTreeSet<String>);

impl Unseen {
    pub(super) fn shows(&self, sink: &str) -> bool {
        !self.0.contains(sink)
    }
}

impl Reads {
    /// The status of a command in the log.
    pub(crate) async fn command_status(
        &self,
        receipt: &Receipt,
    ) -> Result<CommandStatus, StoreError> {
        let progress = self.progress(&receipt.stream).await?;
        self.status_at(receipt, &progress).await
    }

    /// The basis for the statuses of a log's commands. Positions are read before dead letters:
    /// everything below them then has its letters.
    pub(super) async fn progress(&self, stream: &StreamId) -> Result<Progress, StoreError> {
        let recorded = self.engine.work.farthest_positions(stream).await?;
        let farthest = Projection::ALL.map(|projection| {
            let found = recorded
                .iter()
                .find(|(worker, _)| worker == projection.worker());
            found.map_or(LogPosition::ZERO, |(_, position)| *position)
        });
        let unseen = self.unseen(stream).await?;
        let mut letters = self.engine.work.dead_letters(Some(stream)).await?;
        letters.retain(|letter| {
            unseen.shows(&letter.sink) && Projection::of(&letter.handler).is_some()
        });
        Ok(Progress {
            farthest,
            letters,
            unseen,
        })
    }

    /// Returns the sinks of a log that no read sees.
    pub(super) async fn unseen(&self, stream: &StreamId) -> Result<Unseen, StoreError> {
        let mut unseen = BTreeSet::new();
        for projection in Projection::ALL {
            let sinks = self.sinks(projection).sinks(stream).await?;
            let others = sinks.into_iter().filter(|sink| sink.role != SinkRole::Live);
            unseen.extend(others.map(|sink| sink.generation));
        }
        Ok(Unseen(unseen))
    }

    fn sinks(&self, projection: Projection) -> &dyn Sinks {
        match projection {
            Projection::Graph => &*self.engine.graph,
            Projection::Documents => &*self.engine.documents,
        }
    }

    /// The status of a command, from its log's progress.
    pub(super) async fn status_at(
        &self,
        receipt: &Receipt,
        progress: &Progress,
    ) -> Result<CommandStatus, StoreError> {
        let events = receipt.position..=receipt.last;
        let own = |letter: &&DeadLetter| events.contains(&letter.position);
        let letters: Vec<&DeadLetter> = progress.letters.iter().filter(own).collect();
        if !letters.is_empty() {
            return Ok(CommandStatus::retrying(receipt, &letters));
        }
        let passed = |place: &&LogPosition| **place > receipt.last;
        Ok(match progress.farthest.iter().filter(passed).count() {
            0 => CommandStatus::pending(receipt),
            all if all == Projection::ALL.len() => {
                self.find_outcome(receipt, &progress.unseen).await?
            }
            _ => CommandStatus::processing(receipt),
        })
    }

    /// The next position that the live sink of a projection does not show yet, or whose parking is
    /// not recorded yet: a sink moves past a refused event before the dead letter is written.
    pub(super) async fn read_position(
        &self,
        projection: Projection,
        stream: &StreamId,
    ) -> Result<LogPosition, StoreError> {
        let sink = self.sinks(projection).sink(stream).await?;
        let key = WorkKey::new(projection, stream, &sink.generation);
        let recorded = self.engine.work.recorded_position(&key).await?;
        Ok(recorded.min(sink.visible))
    }

    /// The records of a position in the projections, as far as reads see them.
    async fn list_outcomes(
        &self,
        stream: &StreamId,
        position: LogPosition,
        unseen: &Unseen,
    ) -> Result<Vec<Processing>, StoreError> {
        let mut rows = self.engine.work.outcomes_at(stream, position).await?;
        let counts = |name: &str| {
            let mut all = Projection::ALL.iter();
            all.any(|projection| projection.worker() == name)
        };
        rows.retain(|row| counts(&row.worker) && unseen.shows(&row.sink));
        Ok(rows)
    }

    /// Every projection has passed it and none has parked it: it took effect, or was discarded.
    async fn find_outcome(
        &self,
        receipt: &Receipt,
        unseen: &Unseen,
    ) -> Result<CommandStatus, StoreError> {
        let end = self.engine.log.end(&receipt.stream).await?;
        let model = &self.engine.model;
        let settled = model.reflected_position(&receipt.stream).await? >= end;
        if let Some((handler, when)) = self.find_discard(receipt, unseen).await? {
            return Ok(CommandStatus::failed(receipt, &handler, when));
        }
        // The last row has the time. A discard that the write model does not show yet is so new
        // that its row exists.
        let events = receipt.position.next().min(receipt.last);
        let first = if settled {
            receipt.last.0
        } else {
            events.0.max(receipt.last.0.saturating_sub(LOOKED_UP))
        };
        let mut at = None;
        for position in first..=receipt.last.0 {
            let position = LogPosition(position);
            for row in self
                .list_outcomes(&receipt.stream, position, unseen)
                .await?
            {
                let handler = row.handler.unwrap_or_default();
                if row.outcome == Outcome::Discarded && is_graph(&handler) {
                    return Ok(CommandStatus::failed(receipt, &handler, Some(row.at)));
                }
                at = at.max(Some(row.at));
            }
        }
        Ok(CommandStatus::completed(receipt, at))
    }

    /// The discard of any of a command's events from the graph, from the write model. A row that
    /// says that the event had taken effect wins, because a retry may have come before the discard.
    async fn find_discard(
        &self,
        receipt: &Receipt,
        unseen: &Unseen,
    ) -> Result<Option<(String, Option<Timestamp>)>, StoreError> {
        let (lineage, prefix) = (Lineage::main(), ModelKey::DISCARDS);
        let (model, stream) = (&self.engine.model, &receipt.stream);
        let mut after = ModelKey::discards_from(receipt.position);
        loop {
            let found = model
                .scan(stream, &lineage, prefix, Some(&after), PAGE)
                .await?;
            let is_last = found.len() < PAGE;
            for entry in found {
                let event: EventDiscarded = entry.read()?;
                if event.event_position > receipt.last {
                    return Ok(None);
                }
                if is_graph(&event.handler) {
                    let rows = self
                        .list_outcomes(stream, event.event_position, unseen)
                        .await?;
                    let of_handler =
                        |row: &&Processing| row.handler.as_deref() == Some(&*event.handler);
                    let newest = rows.iter().filter(of_handler).max_by_key(|row| row.at);
                    match newest {
                        Some(row) if row.outcome == Outcome::Done => {}
                        row => return Ok(Some((event.handler.clone(), row.map(|row| row.at)))),
                    }
                }
                after = entry.key;
            }
            if is_last {
                return Ok(None);
            }
        }
    }
}

/// Returns whether a handler writes the graph: a command fails when it is discarded there.
fn is_graph(handler: &str) -> bool {
    Projection::of(handler) == Some(Projection::Graph)
}
