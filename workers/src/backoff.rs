//! How long to wait before the next attempt: exponential, with full jitter from a seed, so that a
//! simulation repeats itself.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The bounds of the waits between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The longest first wait; it doubles with each attempt.
    pub base: Duration,
    /// The longest wait of all.
    pub max: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(50),
            max: Duration::from_secs(30),
        }
    }
}

/// Waits, drawn from a seed.
#[derive(Debug)]
pub(crate) struct Backoff {
    config: BackoffConfig,
    state: AtomicU64,
}

impl Backoff {
    /// Waits within `config`; `salt` tells apart those who share a seed.
    pub(crate) fn new(config: BackoffConfig, seed: u64, salt: &str) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325 ^ seed;
        for byte in salt.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self {
            config,
            state: AtomicU64::new(state | 1),
        }
    }

    /// The wait after the n-th failure in a row: anything from a millisecond to the bound.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let bound = self
            .config
            .base
            .saturating_mul(1_u32 << failures.saturating_sub(1).min(20))
            .min(self.config.max);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(1).max(Duration::from_micros(self.random() % micros))
    }

    fn random(&self) -> u64 {
        let mut value = self.state.load(Ordering::Relaxed);
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
        self.state.store(value, Ordering::Relaxed);
        value.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }
}
