//! The status of a worker, for people and for the api.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use spice_core::{id::LogPosition, port::clock::Clock, time::Timestamp};
use tokio::sync::watch;

/// What a worker is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerState {
    /// Finding its position.
    Starting,
    /// Working, or waiting for work.
    Running,
    /// Nothing is left to do; no task runs until there is work.
    Resting,
    /// A store is unavailable; the worker continues by itself.
    Paused {
        /// The last failure.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// The number of retries.
        retries: u32,
    },
    /// Something is damaged and waiting does not fix it; nothing was skipped.
    Damaged {
        /// What was found, and where.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
    /// The log is sealed and all of it is processed, or the worker was stopped. A person may still
    /// request something.
    Ended,
}

impl WorkerState {
    /// Returns a stable label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Resting => "resting",
            Self::Paused { .. } => "paused",
            Self::Damaged { .. } => "damaged",
            Self::Ended => "ended",
        }
    }
}

/// A worker's state and position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its state.
    pub state: WorkerState,
    /// Every position below this one is processed.
    pub position: LogPosition,
}

impl Default for WorkerStatus {
    fn default() -> Self {
        Self {
            state: WorkerState::Starting,
            position: LogPosition::ZERO,
        }
    }
}

/// What a worker has done since its task began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) batches: u64,
    pub(crate) retries: u64,
}

/// The sender of a status.
#[derive(Clone)]
pub(crate) struct Reporter {
    sender: Arc<watch::Sender<WorkerStatus>>,
    batches: Arc<AtomicU64>,
    retries: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl Reporter {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            sender: Arc::new(watch::Sender::new(WorkerStatus::default())),
            batches: Arc::default(),
            retries: Arc::default(),
            clock,
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<WorkerStatus> {
        self.sender.subscribe()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            batches: self.batches.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn count_batch(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, state: WorkerState) {
        self.sender.send_if_modified(|status| {
            let changed = status.state != state;
            status.state = state;
            changed
        });
    }

    pub(crate) fn report_running(&self, position: LogPosition) {
        self.at(WorkerState::Running, position);
    }

    /// Reports that there is nothing to do: for good if the log is finished.
    pub(crate) fn report_rest(&self, position: LogPosition, is_finished: bool) {
        let state = if is_finished {
            WorkerState::Ended
        } else {
            WorkerState::Resting
        };
        self.at(state, position);
    }

    fn at(&self, state: WorkerState, position: LogPosition) {
        let status = WorkerStatus { state, position };
        self.sender.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }

    pub(crate) fn report_pause(&self, reason: String, retries: u32) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        self.sender.send_modify(|status| {
            let since = match &status.state {
                WorkerState::Paused { since, .. } => *since,
                _ => now,
            };
            status.state = WorkerState::Paused {
                reason,
                since,
                retries,
            };
        });
    }

    pub(crate) fn report_damage(&self, reason: String) {
        let since = self.clock.now();
        self.set(WorkerState::Damaged { reason, since });
    }
}
