//! Wakes those who wait for a change of a log's work.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use spice_core::id::StreamId;
use tokio::{sync::watch, time::Instant};

/// How often to look for what another process changed.
pub(crate) const FOREIGN_CHECK: Duration = Duration::from_secs(1);

/// One number a log, one more at each change.
#[derive(Default)]
pub(crate) struct Changes {
    numbers: Mutex<HashMap<StreamId, watch::Sender<u64>>>,
    look: Mutex<Look>,
}

/// The last look at the file.
#[derive(Default)]
struct Look {
    at: Option<Instant>,
    fingerprint: Option<i64>,
}

impl Changes {
    /// Says that something changed.
    pub(crate) fn tell(&self, stream: &StreamId) {
        self.with(stream, |sender| sender.send_modify(|number| *number += 1));
    }

    /// The number as it is.
    pub(crate) fn current(&self, stream: &StreamId) -> u64 {
        self.with(stream, |sender| *sender.borrow())
    }

    /// Waits until the number is another than `seen`, and answers it.
    pub(crate) async fn wait(&self, stream: &StreamId, seen: u64) -> u64 {
        let mut receiver = self.with(stream, watch::Sender::subscribe);
        match receiver.wait_for(|number| *number != seen).await {
            Ok(number) => *number,
            Err(_) => seen,
        }
    }

    /// Whether it is time to look at the file again; one of many that wait is told so.
    pub(crate) fn is_due(&self) -> bool {
        let mut look = self.look();
        let now = Instant::now();
        let is_due = look.at.is_none_or(|at| now >= at + FOREIGN_CHECK);
        if is_due {
            look.at = Some(now);
        }
        is_due
    }

    /// Notes what the file looks like; wakes everyone when it is not what it was.
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
