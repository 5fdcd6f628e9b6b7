//! Compares this host's clock with the registry's. Times in the log come from the registry, so a
//! wrong clock here does no harm to them; but the operator of the host should know.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

use spice_core::time::Timestamp;

/// Microseconds within which two clocks agree.
const TOLERANCE: i64 = 5_000_000;

/// How far this host's clock is off.
#[derive(Default)]
pub(super) struct Skew {
    micros: AtomicI64,
    is_off: AtomicBool,
}

impl Skew {
    /// Compares the registry's time with this host's just before the registry was asked and just
    /// after it answered: a slow answer is no skew. Logs a warning when the clocks begin to differ
    /// by more than 5 s.
    pub(super) fn note(&self, here: &RangeInclusive<Timestamp>, registry: Timestamp) {
        let nearest = registry.max(*here.start()).min(*here.end());
        let ahead = nearest.as_micros().saturating_sub(registry.as_micros());
        self.micros.store(ahead, Ordering::Relaxed);
        let is_off = is_beyond_tolerance(ahead);
        let was_off = self.is_off.swap(is_off, Ordering::Relaxed);
        if is_off && !was_off {
            let seconds_ahead = ahead / 1_000_000;
            tracing::warn!(
                seconds_ahead,
                "this host's clock differs from the registry's by more than 5 s"
            );
        }
    }

    /// Microseconds by which this host's clock was ahead when it was compared last.
    pub(super) fn micros(&self) -> i64 {
        self.micros.load(Ordering::Relaxed)
    }
}

pub(super) fn is_beyond_tolerance(micros: i64) -> bool {
    micros.saturating_abs() > TOLERANCE
}
