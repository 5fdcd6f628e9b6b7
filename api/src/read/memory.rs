//! What keeps a status from going back: the farthest position that was ever seen of a log's
//! sinks, and the commands that were reported as completed. A sink that is wiped starts again at
//! zero. Both live in memory: after a restart during a rebuild, a command reads as PROCESSING
//! until the sinks have caught up.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use spice_core::{
    id::{CommandId, LogPosition, StreamId},
    time::Timestamp,
};

/// How many completed commands are remembered.
const REMEMBERED: usize = 50_000;

/// What statuses rest on beside the stores.
#[derive(Default)]
pub(super) struct StatusMemory {
    farthest: Mutex<HashMap<StreamId, Farthest>>,
    completed: Mutex<Completed>,
}

/// The farthest positions that were seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Farthest {
    pub(super) graph: LogPosition,
    pub(super) documents: LogPosition,
}

#[derive(Default)]
struct Completed {
    commands: HashMap<CommandId, Completion>,
    order: VecDeque<CommandId>,
}

/// When a command was complete, if a record of it was left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Completion {
    pub(super) at: Option<Timestamp>,
}

impl StatusMemory {
    /// The farthest positions of a log's sinks, these included.
    pub(super) fn pass(&self, stream: &StreamId, seen: Farthest) -> Farthest {
        let mut farthest = self.farthest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = farthest.entry(stream.clone()).or_default();
        known.graph = known.graph.max(seen.graph);
        known.documents = known.documents.max(seen.documents);
        *known
    }

    /// Whether a command was reported as completed, and when it was.
    pub(super) fn completed(&self, command: CommandId) -> Option<Completion> {
        let completed = self
            .completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        completed.commands.get(&command).copied()
    }

    /// Remembers that a command is complete.
    pub(super) fn complete(&self, command: CommandId, at: Option<Timestamp>) {
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
