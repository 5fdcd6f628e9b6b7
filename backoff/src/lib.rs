//! The waits before retries: waits that double up to a limit, and random numbers that spread
//! clients that failed together.
#![warn(missing_docs)]

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The bounds of the waits between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure; it doubles with each further failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Backoff {
    /// Bounds from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after the n-th failure in a row, counted from 1.
    pub fn wait(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        self.first
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.longest)
    }

    /// The wait after the n-th failure, reduced by up to a half according to `random` (0 to 1).
    pub fn spread(self, failures: u32, random: f64) -> Duration {
        let kept = 0.5 + random.clamp(0.0, 1.0) / 2.0;
        self.wait(failures).mul_f64(kept)
    }
}

/// A random number from 0 to 1.
pub fn random() -> f64 {
    let bits = RandomState::new().hash_one(()) >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Waits that are drawn from a seed, so that a simulation is repeatable.
#[derive(Debug)]
pub struct Seeded {
    bounds: Backoff,
    state: AtomicU64,
}

impl Seeded {
    /// Waits within `bounds`; `salt` distinguishes users of the same seed.
    pub fn new(bounds: Backoff, seed: u64, salt: &str) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325 ^ seed;
        for byte in salt.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self {
            bounds,
            state: AtomicU64::new(state | 1),
        }
    }

    /// The wait after the n-th failure in a row: between one millisecond and the bound.
    pub fn delay(&self, failures: u32) -> Duration {
        let bound = self.bounds.wait(failures).as_micros();
        let micros = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(1).max(Duration::from_micros(self.next() % micros))
    }

    fn next(&self) -> u64 {
        let mut value = self.state.load(Ordering::Relaxed);
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
        self.state.store(value, Ordering::Relaxed);
        value.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }
}

#[cfg(test)]
mod tests {
    //! Waits grow, are bounded, and are repeatable from a seed.
    use super::*;

    const BOUNDS: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = [0, 1, 2, 3, 6, 7, 40, u32::MAX].map(|failures| BOUNDS.wait(failures));
        let expected = [100, 100, 200, 400, 3_200, 5_000, 5_000, 5_000];
        assert_eq!(waits, expected.map(Duration::from_millis));
        assert_eq!(BOUNDS.spread(2, 0.0), Duration::from_millis(100));
        assert_eq!(BOUNDS.spread(2, 1.0), Duration::from_millis(200));
        assert_eq!(BOUNDS.spread(2, 7.0), Duration::from_millis(200));
    }

    #[test]
    fn random_numbers_differ_and_are_in_range() {
        let numbers: Vec<f64> = (0..50).map(|_| random()).collect();
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
        assert!(
            numbers
                .iter()
                .any(|number| (number - numbers[0]).abs() > 0.01)
        );
    }

    #[test]
    fn a_seed_is_repeatable_and_a_salt_distinguishes_users() {
        let draw = |seed, salt| {
            let seeded = Seeded::new(BOUNDS, seed, salt);
            (1..20)
                .map(|failures| seeded.delay(failures))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(7, "b"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
        let waits = (1..).zip(draw(7, "a"));
        for (failures, wait) in waits {
            assert!(wait >= Duration::from_millis(1) && wait <= BOUNDS.wait(failures));
        }
    }
}
