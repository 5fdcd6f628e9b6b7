//! Faults that a test injects into the steps of a write.

use std::io;
#[cfg(test)]
use std::{
    io::ErrorKind,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

#[cfg(test)]
use super::mutex::lock_mutex;

/// The steps of a write, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Write,
    SyncFile,
    Publish,
    Published,
    SyncDirectory,
}

/// Lets a test make a step fail; empty otherwise.
#[derive(Default)]
pub(super) struct Faults {
    #[cfg(test)]
    pub(super) next: Mutex<Option<(Step, ErrorKind)>>,
    /// The number of steps of that kind that succeed first.
    #[cfg(test)]
    pub(super) spared: AtomicU64,
}

impl Faults {
    #[cfg(test)]
    pub(super) fn fail_at(&self, step: Step) -> io::Result<()> {
        let mut next = lock_mutex(&self.next);
        let is_spared = || {
            let less = |spared: u64| spared.checked_sub(1);
            let order = Ordering::Relaxed;
            self.spared.fetch_update(order, order, less).is_ok()
        };
        match next.take_if(|(chosen, _)| *chosen == step && !is_spared()) {
            Some((_, kind)) => Err(kind.into()),
            None => Ok(()),
        }
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    pub(super) fn fail_at(&self, _step: Step) -> io::Result<()> {
        Ok(())
    }
}
