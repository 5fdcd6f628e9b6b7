//! A registry that goes away at a chosen call.

use spice_core::port::Store;
use std::sync::atomic::{AtomicUsize, Ordering};

use spice_testing::double::{Call, unavailable};

use super::*;

/// How many calls the registry answers before it is away.
pub(super) struct Leaving(AtomicUsize);

impl Leaving {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }

    pub(super) fn leave_after(&self, calls: usize) {
        self.0.store(calls, Ordering::SeqCst);
    }

    pub(super) fn come_back(&self) {
        self.leave_after(usize::MAX);
    }
}

impl Hook for Leaving {
    async fn before(&self, _: Call<'_>) -> StoreResult<()> {
        let count = |left: usize| left.checked_sub(1);
        let left = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count);
        left.map(drop).map_err(|_| unavailable(Store::Registry))
    }
}
