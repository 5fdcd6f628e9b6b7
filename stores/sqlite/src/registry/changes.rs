//! Wakes tasks that wait for a change in the work on a log.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use spice_core::id::StreamId;
use tokio::{sync::watch, time::Instant};

/// How often to check for changes by another process.
pub(crate) const FOREIGN_CHECK: Duration = Duration::from_secs(1);

/// A counter for each log, incremented at each change.
#[derive(Default)]
pub(crate) struct Changes {
    numbers: Mutex<HashMap<StreamId, watch::Sender<u64>>>,
    look: Mutex<Look>,
}

/// The last check of the file.
#[derive(Default)]
struct Look {
    at: Option<Instant>,
    fingerprint: Option<i64>,
}

impl Changes {
    /// Reports a change.
    pub(crate) fn tell(&self, stream: &StreamId) {
        self.with(stream, |sender| sender.send_modify(|number| *number += 1));
    }

    /// Returns the current number.
    pub(crate) fn current(&self, stream: &StreamId) -> u64 {
        self.with(stream, |sender| *sender.borrow())
    }

    /// Waits until the number differs from `seen`, and returns it.
    pub(crate) async fn wait(&self, stream: &StreamId, seen: u64) -> u64 {
        let mut receiver = self.with(stream, watch::Sender::subscribe);
        match receiver.wait_for(|number| *number != seen).await {
            Ok(number) => *number,
            Err(_) => seen,
        }
    }

    /// Returns whether the file should be checked again; true for only one of many waiting tasks.
    pub(crate) fn is_due(&self) -> bool {
        let mut look = self.look();
        let now = Instant::now();
        let is_due = look.at.is_none_or(|at| now >= at + FOREIGN_CHECK);
        if is_due {
            look.at = Some(now);
        }
        is_due
    }

    /// Notes the fingerprint of the file; wakes everyone if it has changed.
    pub(crate) fn note(&self, fingerprint: Option<i64>) {
        let before = std::mem::replace(&mut self.look().fingerprint, fingerprint);
        if before.is_some() && before != fingerprint {
            let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
            for sender in numbers.values() {
                sender.send_modify(|number| *number += 1);
            }
        }
    }

    fn look(&self) -> MutexGuard<'_, Look> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, stream: &StreamId, work: impl FnOnce(&watch::Sender<u64>) -> T) -> T {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = numbers.get(stream) {
            return work(sender);
        }
        work(numbers.entry(stream.clone()).or_default())
    }
}
