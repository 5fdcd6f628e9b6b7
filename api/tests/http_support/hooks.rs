//! Counters of the services' calls to their stores, and stores that become unavailable.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use spice_core::{
    error::StoreError,
    port::{Store, StoreResult, log::Record},
};
use spice_testing::double::{Call, Hook, Port, unavailable};

/// Counts the calls to log and write model; the write model can become unavailable.
#[derive(Default)]
pub(crate) struct Watch {
    /// Records that the log returned.
    pub(crate) records: AtomicUsize,
    /// Entries that were requested from the write model.
    pub(crate) lookups: AtomicUsize,
    away_after_append: AtomicBool,
    away: AtomicBool,
}

impl Watch {
    /// Makes the write model unavailable from the next append on: the first call that fails is the
    /// one that follows the log.
    pub(crate) fn go_away_after_append(&self) {
        self.away_after_append.store(true, Ordering::SeqCst);
    }

    /// Makes the write model available again.
    pub(crate) fn come_back(&self) {
        self.away_after_append.store(false, Ordering::SeqCst);
        self.away.store(false, Ordering::SeqCst);
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }
}

impl Hook for Watch {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.port != Port::Model {
            return Ok(());
        }
        if call.method == "advance" && self.away_after_append.load(Ordering::SeqCst) {
            self.away.store(true, Ordering::SeqCst);
        }
        if self.is_away() {
            return Err(unavailable(Store::Registry));
        }
        if call.method == "get" {
            self.lookups.fetch_add(call.count, Ordering::SeqCst);
        }
        Ok(())
    }

    async fn after(
        &self,
        _: Call<'_>,
        answer: &(dyn std::any::Any + Send + Sync),
    ) -> StoreResult<()> {
        if let Some(records) = answer.downcast_ref::<Vec<Record>>() {
            self.records.fetch_add(records.len(), Ordering::SeqCst);
        }
        Ok(())
    }
}

/// How often dead letters are read, and the position whose outcome cannot be read (none at zero).
#[derive(Default)]
pub(crate) struct Looks {
    pub(crate) letters: AtomicUsize,
    pub(crate) unreadable: AtomicU64,
}

impl Hook for Looks {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method == "dead_letters" {
            self.letters.fetch_add(1, Ordering::SeqCst);
        }
        let unreadable = self.unreadable.load(Ordering::SeqCst);
        let position = call.position.map_or(0, |position| position.0);
        if call.method == "outcomes_at" && position != 0 && position == unreadable {
            return Err(StoreError::Damaged {
                store: Store::Registry,
                reason: "one row".to_owned(),
            });
        }
        Ok(())
    }
}

/// Counts the reads of a graph's position.
pub(crate) fn count_looks(looks: Arc<AtomicUsize>) -> impl Hook {
    move |call: Call<'_>| {
        looks.fetch_add(usize::from(call.method == "sinks"), Ordering::Relaxed);
        Ok(())
    }
}

/// Counts the versions that are requested from a graph.
pub(crate) fn count_reads(reads: Arc<AtomicUsize>) -> impl Hook {
    move |call: Call<'_>| {
        if matches!(call.method, "get" | "scan") {
            reads.fetch_add(call.count, Ordering::Relaxed);
        }
        Ok(())
    }
}
