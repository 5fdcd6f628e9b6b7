//! Compares this host's clock with the registry's. Times in the log come from the registry, so a
//! wrong clock here does no harm to them; whoever runs the host wants to know all the same.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use spice_core::time::Timestamp;

/// Microseconds within which two clocks agree.
const TOLERANCE: i64 = 5_000_000;

/// How far this host's clock is off.
#[derive(Default)]
pub(super) struct Skew {
    micros: AtomicI64,
    is_reported: AtomicBool,
}

impl Skew {
    /// Notes what both clocks said at the same time; warns once.
    pub(super) fn note(&self, here: Timestamp, registry: Timestamp) {
        let micros = here.as_micros().saturating_sub(registry.as_micros());
        self.micros.store(micros, Ordering::Relaxed);
        if let Some(ahead) = self.beyond_tolerance()
            && !self.is_reported.swap(true, Ordering::Relaxed)
        {
            let seconds = ahead / 1_000_000;
            tracing::warn!(
                seconds_ahead = seconds,
                "this host's clock differs from the registry's by more than 5 s"
            );
        }
    }

    pub(super) fn beyond_tolerance(&self) -> Option<i64> {
        let micros = self.micros.load(Ordering::Relaxed);
        (micros.saturating_abs() > TOLERANCE).then_some(micros)
    }
}
