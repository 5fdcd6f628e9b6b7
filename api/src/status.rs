//! What became of a command. Derived from the log, the sinks' positions and the dead letters
//! whenever it is asked for; never stored, so nothing can write PENDING over COMPLETED.
//!
//! A wiped sink starts again at zero, and a status must not go back for that: the farthest
//! position that was ever seen of a log's sinks is remembered here, and so are the commands that
//! were told as completed. Both live in memory: after a restart during a rebuild, a command reads
//! as PROCESSING until the sinks have caught up.

mod steps;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use spice_core::{
    decide::Receipt,
    error::StoreError,
    event::EventDiscarded,
    id::{CommandId, LogPosition, StreamId},
    lineage::Lineage,
    model::ModelKey,
    port::{
        graph::Sink,
        registry::{DeadLetter, Outcome, WorkKey},
    },
    time::Timestamp,
};

use self::steps::{completed, failed, retrying, under_way};
use crate::http::Api;

/// How many completed commands are remembered.
const REMEMBERED: usize = 50_000;
/// How many events of one command are looked up one by one for a discard that the write model
/// does not show yet.
const LOOKED_UP: u64 = 64;
/// Whose positions count, and how many handlers an event can be discarded from.
const GRAPH_WORKER: &str = "graph_worker";
const PROJECTION_WORKER: &str = "projection_worker";
const WORKERS: u64 = 2;

/// Where a command is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is in the log.
    Pending,
    /// A sink has it.
    Processing,
    /// A sink has parked it.
    Retrying,
    /// Graph and documents have it.
    Completed,
    /// A person discarded it from the graph.
    Failed,
}

impl State {
    /// The text in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Processing => "PROCESSING",
            Self::Retrying => "RETRYING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    /// Its place on the way, which is gone forward only.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Processing => 1,
            Self::Retrying => 2,
            Self::Completed | Self::Failed => 3,
        }
    }

    /// How far along it is, in percent, for those who draw bars.
    pub fn progress(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Processing | Self::Retrying => 50,
            Self::Completed | Self::Failed => 100,
        }
    }
}

/// One step of a command's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state that it reached.
    pub state: State,
    /// When; none when no record of it is left.
    pub at: Option<Timestamp>,
    /// In words.
    pub message: String,
}

/// A command's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandStatus {
    /// Where it is.
    pub state: State,
    /// The handlers that have parked it.
    pub parked: Vec<String>,
    /// What the first of them said.
    pub error: Option<String>,
    /// How often it was tried beyond the first time.
    pub retry_count: u32,
    /// When graph and documents had it, as far as a record of it is left.
    pub completed_at: Option<Timestamp>,
    /// The way so far, oldest first.
    pub history: Vec<Step>,
}

/// What statuses rest on beside the stores; see the module's words.
#[derive(Default)]
pub(crate) struct StatusMemory {
    farthest: Mutex<HashMap<StreamId, Farthest>>,
    completed: Mutex<Completed>,
}

/// The farthest positions that were seen.
#[derive(Debug, Clone, Copy, Default)]
struct Farthest {
    graph: LogPosition,
    documents: LogPosition,
}

/// How far a log's sinks are and what they have parked: what the statuses of all its commands
/// follow from.
pub(crate) struct Progress {
    farthest: Farthest,
    letters: Vec<DeadLetter>,
}

#[derive(Default)]
struct Completed {
    commands: HashMap<CommandId, Completion>,
    order: VecDeque<CommandId>,
}

/// When a command was complete, as far as a record of it was left.
#[derive(Debug, Clone, Copy)]
struct Completion {
    at: Option<Timestamp>,
}

impl StatusMemory {
    fn pass(&self, stream: &StreamId, seen: Farthest) -> Farthest {
        let mut farthest = self.farthest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = farthest.entry(stream.clone()).or_default();
        known.graph = known.graph.max(seen.graph);
        known.documents = known.documents.max(seen.documents);
        *known
    }

    fn completed(&self, command: CommandId) -> Option<Completion> {
        let completed = self
            .completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        completed.commands.get(&command).copied()
    }

    fn complete(&self, command: CommandId, at: Option<Timestamp>) {
        let mut completed = self
            .completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if completed
            .commands
            .insert(command, Completion { at })
            .is_some()
        {
            return;
        }
        completed.order.push_back(command);
        if completed.order.len() > REMEMBERED
            && let Some(oldest) = completed.order.pop_front()
        {
            completed.commands.remove(&oldest);
        }
    }
}

impl Api {
    /// The status of a command that is in the log.
    pub async fn command_status(&self, receipt: &Receipt) -> Result<CommandStatus, StoreError> {
        if let Some(known) = self.memory.completed(receipt.command_id) {
            return Ok(completed(receipt, known.at));
        }
        let progress = self.progress(&receipt.stream).await?;
        self.status_at(receipt, &progress).await
    }

    /// What the statuses of a log's commands follow from. The positions come before the dead
    /// letters: what is below them has its letters by then.
    pub(crate) async fn progress(&self, stream: &StreamId) -> Result<Progress, StoreError> {
        let (graph, documents) =
            futures::try_join!(self.graph_passed(stream), self.documents_passed(stream))?;
        Ok(Progress {
            farthest: self.memory.pass(stream, Farthest { graph, documents }),
            letters: self.engine.work.dead_letters(Some(stream)).await?,
        })
    }

    /// The status of a command, as it follows from its log's progress.
    pub(crate) async fn status_at(
        &self,
        receipt: &Receipt,
        progress: &Progress,
    ) -> Result<CommandStatus, StoreError> {
        let events = receipt.position..=receipt.last;
        let own = |letter: &&DeadLetter| events.contains(&letter.position);
        let letters: Vec<&DeadLetter> = progress.letters.iter().filter(own).collect();
        if !letters.is_empty() {
            return Ok(retrying(receipt, &letters));
        }
        let Farthest { graph, documents } = progress.farthest;
        let last = receipt.last;
        if graph > last && documents > last {
            return self.outcome(receipt).await;
        }
        let state = if graph > last || documents > last {
            State::Processing
        } else {
            State::Pending
        };
        Ok(under_way(receipt, state))
    }

    /// The next position that the graph does not show yet, or whose parking is not recorded yet:
    /// a sink moves past what it refuses before the dead letter is there.
    pub(crate) async fn graph_passed(&self, stream: &StreamId) -> Result<LogPosition, StoreError> {
        let sink = self.engine.graph.sink(stream).await?;
        self.recorded(GRAPH_WORKER, stream, sink).await
    }

    /// [`Api::graph_passed`] of the documents.
    pub(crate) async fn documents_passed(
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
            return Ok(failed(receipt, &handler, when));
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
                    return Ok(failed(receipt, &handler, Some(when)));
                }
                at = at.max(Some(when));
            }
        }
        if settled {
            self.memory.complete(receipt.command_id, at);
        }
        Ok(completed(receipt, at))
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
            let event: EventDiscarded =
                entry.value.read().map_err(|error| StoreError::Damaged {
                    store: "registry",
                    reason: format!("{}: {error}", entry.key),
                })?;
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
