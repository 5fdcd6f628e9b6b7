//! Command status: derived from the log, the sinks' positions and the dead letters whenever it is
//! asked for, and never stored, so nothing can write PENDING over COMPLETED.

use spice_core::{
    decide::Receipt,
    error::StoreError,
    event::EventDiscarded,
    id::{LogPosition, StreamId},
    lineage::Lineage,
    model::ModelKey,
    port::{
        graph::Sink,
        registry::{DeadLetter, Outcome, WorkKey},
    },
    time::Timestamp,
};

use super::{memory::Farthest, reads::Reads, status::CommandStatus};

/// How many events of one command are looked up one by one for a discard that the write model
/// does not show yet.
const LOOKED_UP: u64 = 64;
/// Whose positions count, and how many handlers an event can be discarded from.
const GRAPH_WORKER: &str = "graph_worker";
const PROJECTION_WORKER: &str = "projection_worker";
const WORKERS: u64 = 2;

/// How far a log's sinks are and what they have parked: what the statuses of all its commands
/// follow from.
pub(super) struct Progress {
    farthest: Farthest,
    letters: Vec<DeadLetter>,
}

impl Reads {
    /// The status of a command that is in the log.
    pub(crate) async fn command_status(
        &self,
        receipt: &Receipt,
    ) -> Result<CommandStatus, StoreError> {
        if let Some(known) = self.memory.completed(receipt.command_id) {
            return Ok(CommandStatus::completed(receipt, known.at));
        }
        let progress = self.progress(&receipt.stream).await?;
        self.status_at(receipt, &progress).await
    }

    /// What the statuses of a log's commands follow from. The positions come before the dead
    /// letters: what is below them has its letters by then.
    pub(super) async fn progress(&self, stream: &StreamId) -> Result<Progress, StoreError> {
        let (graph, documents) =
            futures::try_join!(self.graph_passed(stream), self.documents_passed(stream))?;
        Ok(Progress {
            farthest: self.memory.pass(stream, Farthest { graph, documents }),
            letters: self.engine.work.dead_letters(Some(stream)).await?,
        })
    }

    /// The status of a command, as it follows from its log's progress.
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
        let Farthest { graph, documents } = progress.farthest;
        let last = receipt.last;
        if graph > last && documents > last {
            return self.outcome(receipt).await;
        }
        Ok(if graph > last || documents > last {
            CommandStatus::processing(receipt)
        } else {
            CommandStatus::pending(receipt)
        })
    }

    /// The next position that the graph does not show yet, or whose parking is not recorded yet:
    /// a sink moves past what it refuses before the dead letter is there.
    pub(super) async fn graph_passed(&self, stream: &StreamId) -> Result<LogPosition, StoreError> {
        let sink = self.engine.graph.sink(stream).await?;
        self.recorded(GRAPH_WORKER, stream, sink).await
    }

    /// [`Reads::graph_passed`] of the documents.
    pub(super) async fn documents_passed(
        &self,
        stream: &StreamId,
    ) -> Result<LogPosition, StoreError> {
        let sink = self.engine.documents.sink(stream).await?;
        self.recorded(PROJECTION_WORKER, stream, sink).await
    }

    async fn recorded(
        &self,
        worker: &str,
        stream: &StreamId,
        sink: Sink,
    ) -> Result<LogPosition, StoreError> {
        let key = WorkKey {
            worker: worker.to_owned(),
            stream: stream.clone(),
            sink: sink.generation,
        };
        Ok(self.engine.work.worked(&key).await?.min(sink.position))
    }

    /// Both sinks have passed it and none holds it: it took effect, or was given up.
    async fn outcome(&self, receipt: &Receipt) -> Result<CommandStatus, StoreError> {
        let end = self.engine.log.end(&receipt.stream).await?;
        let settled = self.engine.model.reflected(&receipt.stream).await? >= end;
        if let Some((handler, when)) = self.discarded(receipt).await? {
            return Ok(CommandStatus::failed(receipt, &handler, when));
        }
        // The last row tells when. A discard that the write model does not show yet is so new
        // that its row is there.
        let events = receipt.position.next().min(receipt.last);
        let first = if settled {
            receipt.last.0
        } else {
            events.0.max(receipt.last.0.saturating_sub(LOOKED_UP))
        };
        let mut at = None;
        for position in first..=receipt.last.0 {
            let rows = self
                .engine
                .work
                .processed(&receipt.stream, LogPosition(position))
                .await?;
            for (handler, outcome, when) in rows {
                if outcome == Outcome::Discarded && is_graph(&handler) {
                    return Ok(CommandStatus::failed(receipt, &handler, Some(when)));
                }
                at = at.max(Some(when));
            }
        }
        if settled {
            self.memory.complete(receipt.command_id, at);
        }
        Ok(CommandStatus::completed(receipt, at))
    }

    /// The discard from the graph of any of a command's events, by the write model: the processed
    /// rows may be pruned. A row that says otherwise wins, for a retry may have come before the
    /// discard.
    async fn discarded(
        &self,
        receipt: &Receipt,
    ) -> Result<Option<(String, Option<Timestamp>)>, StoreError> {
        let events = receipt.last.0.saturating_sub(receipt.position.0) + 1;
        let limit = usize::try_from(events.saturating_mul(WORKERS)).unwrap_or(usize::MAX);
        let after = ModelKey::discards_from(receipt.position);
        let (lineage, prefix) = (Lineage::main(), ModelKey::DISCARDS);
        let model = &self.engine.model;
        let found = model
            .scan(&receipt.stream, &lineage, prefix, Some(&after), limit)
            .await?;
        for entry in found {
            let event: EventDiscarded = entry.read()?;
            if event.event_position > receipt.last {
                break;
            }
            if !is_graph(&event.handler) {
                continue;
            }
            let work = &self.engine.work;
            let rows = work
                .processed(&receipt.stream, event.event_position)
                .await?;
            match rows.into_iter().find(|row| row.0 == event.handler) {
                Some((_, Outcome::Done | Outcome::SkippedStale, _)) => {}
                Some((_, _, when)) => return Ok(Some((event.handler, Some(when)))),
                None => return Ok(Some((event.handler, None))),
            }
        }
        Ok(None)
    }
}

/// Whether a handler writes the graph.
fn is_graph(handler: &str) -> bool {
    !handler.starts_with(PROJECTION_WORKER)
}
