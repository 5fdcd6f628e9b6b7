//! Command status: derived from the log, the sinks' positions and the dead letters whenever it is
//! asked for, and never stored, so nothing can write PENDING over COMPLETED.

use spice_core::{
    decide::Receipt,
    error::StoreError,
    event::EventDiscarded,
    handler::Projection,
    id::{LogPosition, StreamId},
    lineage::Lineage,
    model::ModelKey,
    port::registry::{DeadLetter, Outcome, WorkKey},
    time::Timestamp,
};

use super::{memory::Farthest, reads::Reads, status::CommandStatus};

/// How many events of one command are looked up one by one for a discard that the write model
/// does not show yet.
const LOOKED_UP: u64 = 64;
/// Discards that are read at once.
const PAGE: usize = 1_000;

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
        let (graph, documents) = futures::try_join!(
            self.passed(Projection::Graph, stream),
            self.passed(Projection::Documents, stream)
        )?;
        let mut letters = self.engine.work.dead_letters(Some(stream)).await?;
        letters.retain(|letter| Projection::of(&letter.handler).is_some());
        Ok(Progress {
            farthest: self.memory.pass(stream, Farthest { graph, documents }),
            letters,
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

    /// The next position that a projection does not show yet, or whose parking is not recorded yet:
    /// a sink moves past what it refuses before the dead letter is there.
    pub(super) async fn passed(
        &self,
        projection: Projection,
        stream: &StreamId,
    ) -> Result<LogPosition, StoreError> {
        let sink = match projection {
            Projection::Graph => self.engine.graph.sink(stream).await?,
            Projection::Documents => self.engine.documents.sink(stream).await?,
        };
        let key = WorkKey {
            worker: projection.worker().to_owned(),
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
                if Projection::of(&handler).is_some() {
                    at = at.max(Some(when));
                }
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
                    let work = &self.engine.work;
                    let rows = work.processed(stream, event.event_position).await?;
                    match rows.into_iter().find(|row| row.0 == event.handler) {
                        Some((_, Outcome::Done | Outcome::SkippedStale, _)) => {}
                        Some((_, _, when)) => return Ok(Some((event.handler, Some(when)))),
                        None => return Ok(Some((event.handler, None))),
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

/// Whether a handler writes the graph.
fn is_graph(handler: &str) -> bool {
    Projection::of(handler) == Some(Projection::Graph)
}
