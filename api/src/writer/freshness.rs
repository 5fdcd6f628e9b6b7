//! How current a database's snapshot is. Other processes append too, so a snapshot is compared with
//! the log's end before it is used, unless that was done within [`WriterSettings::behind`]. A
//! request that names a position after the snapshot is compared immediately. A log that nobody asks
//! about costs nothing.
//!
//! [`WriterSettings::behind`]: super::settings::WriterSettings::behind

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Mutex, MutexGuard, Notify},
    time::Instant,
};

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
pub(super) struct Check {
    pub(super) number: u64,
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
    pub(super) fn begin(&self) -> Check {
        Check {
            number: self.begun.fetch_add(1, Ordering::AcqRel) + 1,
            at: Instant::now(),
        }
    }

    /// The number of checks that have been started.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Waits until no other check runs.
    pub(super) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.looking.lock().await
    }

    /// Records that the published snapshot covers everything that was in the log when `check`
    /// started.
    pub(super) fn cover(&self, check: &Check) {
        self.covered_at
            .fetch_max(self.nanos(check.at), Ordering::AcqRel);
        self.covered.fetch_max(check.number, Ordering::AcqRel);
    }

    /// Whether the snapshot covers a check that started within this time.
    pub(super) fn is_within(&self, behind: Duration) -> bool {
        let covered_at = self.base + Duration::from_nanos(self.covered_at.load(Ordering::Acquire));
        self.covered.load(Ordering::Acquire) > 0 && covered_at.elapsed() < behind
    }

    /// Whether the snapshot covers a check with a higher number.
    pub(super) fn is_after(&self, begun: u64) -> bool {
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

    /// Asks the database's task to read the tail.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Returns when the tail should be read.
    pub(super) async fn wait_asked(&self) {
        self.asked.notified().await;
    }

    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.base).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}
