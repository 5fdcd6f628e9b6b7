//! How current a database's snapshot is. Other processes append too, so a snapshot is compared with
//! the log's end before it is used, unless that was done within [`WriterSettings::behind`]. A
//! request that names a position after the snapshot is compared immediately. A log that nobody asks
//! about costs nothing.
//!
//! [`WriterSettings::behind`]: super::WriterSettings::behind

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use spice_core::{error::StoreError, id::LogPosition};
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout},
};

use super::{Ports, Scribe, Standing};

/// How long a read waits for the log before it is answered from the known state.
const PATIENCE: Duration = Duration::from_secs(1);

/// When a log was last known to end where the snapshot does, and when it was last used.
pub(super) struct Freshness {
    base: Instant,
    /// The number of started checks of the log's end.
    begun: AtomicU64,
    /// The newest check that the published snapshot covers, and its start.
    covered: AtomicU64,
    covered_at: AtomicU64,
    used_at: AtomicU64,
    /// One comparison at a time; the others share its result.
    looking: Mutex<()>,
    /// Asks the database's task to read the tail.
    asked: Notify,
}

/// A started check of a log's end.
pub(super) struct Look {
    number: u64,
    at: Instant,
}

impl Freshness {
    pub(super) fn new() -> Self {
        let freshness = Self {
            base: Instant::now(),
            begun: AtomicU64::new(0),
            covered: AtomicU64::new(0),
            covered_at: AtomicU64::new(0),
            used_at: AtomicU64::new(0),
            looking: Mutex::new(()),
            asked: Notify::new(),
        };
        freshness.touch();
        freshness
    }

    /// Starts a check of the log's end.
    pub(super) fn begin(&self) -> Look {
        Look {
            number: self.begun.fetch_add(1, Ordering::AcqRel) + 1,
            at: Instant::now(),
        }
    }

    /// Records that the published snapshot covers everything that was in the log when `look`
    /// started.
    pub(super) fn cover(&self, look: &Look) {
        self.covered_at
            .fetch_max(self.nanos(look.at), Ordering::AcqRel);
        self.covered.fetch_max(look.number, Ordering::AcqRel);
    }

    /// Whether the snapshot covers a check that started within this time.
    fn is_within(&self, behind: Duration) -> bool {
        let covered_at = self.base + Duration::from_nanos(self.covered_at.load(Ordering::Acquire));
        self.covered.load(Ordering::Acquire) > 0 && covered_at.elapsed() < behind
    }

    /// Whether the snapshot covers a check with a higher number.
    fn is_after(&self, begun: u64) -> bool {
        self.covered.load(Ordering::Acquire) > begun
    }

    /// Records a use of the database.
    pub(super) fn touch(&self) {
        self.used_at
            .fetch_max(self.nanos(Instant::now()), Ordering::AcqRel);
    }

    pub(super) fn last_used(&self) -> Instant {
        self.base + Duration::from_nanos(self.used_at.load(Ordering::Acquire))
    }

    /// Returns when the tail should be read.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.base).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

impl Scribe {
    /// Makes the snapshot cover everything that was in the log `behind` ago. While the log cannot
    /// be read, the snapshot stays unchanged.
    pub(super) async fn refresh(&mut self, ports: &Ports, behind: Duration) {
        if self.freshness.is_within(behind) {
            return;
        }
        match timeout(PATIENCE, self.compare(ports)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot read the log; using the last known state of the database");
            }
            Err(_) => {
                tracing::warn!(
                    "no answer from the log in time; using the last known state of the database"
                );
            }
        }
    }

    async fn compare(&mut self, ports: &Ports) -> Result<(), StoreError> {
        let freshness = self.freshness.clone();
        let begun = freshness.begun.load(Ordering::Acquire);
        let _one_at_a_time = freshness.looking.lock().await;
        if freshness.is_after(begun) {
            return Ok(());
        }
        let look = freshness.begin();
        let standing = self.state.borrow().clone();
        let mut end = LogPosition::MAX;
        match standing {
            // Both read the log's end when they are done, or return why they cannot.
            Standing::Opening | Standing::Failed(_) => return Ok(()),
            Standing::Absent => {}
            Standing::Live(snapshot) => match ports.end(&snapshot.stream).await {
                Ok(found) if found == snapshot.end => {
                    freshness.cover(&look);
                    return Ok(());
                }
                Ok(found) if found > snapshot.end => end = found,
                Err(error) if error.is_transient() => return Err(error),
                // The log became shorter or is damaged: the task will detect and report it.
                Ok(_) | Err(_) => {}
            },
        }
        freshness.asked.notify_one();
        let is_current = |standing: &Standing| match standing {
            Standing::Live(snapshot) if snapshot.end >= end => true,
            Standing::Failed(_) => true,
            _ => freshness.is_after(look.number),
        };
        // Fails if the task has ended; the caller detects it.
        drop(self.state.wait_for(is_current).await);
        Ok(())
    }
}
