//! Clocks that tests control.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use spice_core::{port::clock::Clock, time::Timestamp};
use tokio::time::Instant;

/// The start time of the clocks: 2 January 2026, midnight.
const START: i64 = 1_767_312_000_000_000;

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(micros(by), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START + self.0.load(Ordering::SeqCst))
    }
}

/// A clock that advances by a millisecond at each read.
#[derive(Debug, Default)]
pub struct TickingClock(AtomicI64);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START + self.0.fetch_add(1_000, Ordering::SeqCst))
    }
}

/// A clock that follows the time of tokio, which a paused runtime advances, and that can jump.
#[derive(Debug)]
pub struct SimClock {
    origin: Instant,
    jumped: AtomicI64,
}

impl SimClock {
    /// Jumps by this number of microseconds, forward or back.
    pub fn jump(&self, micros: i64) {
        self.jumped.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            jumped: AtomicI64::new(0),
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let jumped = self.jumped.load(Ordering::SeqCst);
        Timestamp::from_micros(START + micros(self.origin.elapsed()) + jumped)
    }
}
