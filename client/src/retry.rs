//! How often, and after which pause, a request is sent again.

use std::time::Duration;

use uuid::Uuid;

/// The longest `Retry-After` that is heeded; a longer one is the caller's to wait for.
const LONGEST_TOLD: Duration = Duration::from_secs(30);

/// When a request that is safe to repeat is repeated: a `GET`, or a write with an
/// `Idempotency-Key`, after a failure that passes (429, 502, 503, no connection, a broken one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often it is sent at most; 1: never again.
    pub attempts: u32,
    /// The pause after the first failure; it doubles.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for Retries {
    /// Five attempts within about two seconds.
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(5),
        }
    }
}

impl Retries {
    /// Every request is sent once.
    pub const NONE: Self = Self {
        attempts: 1,
        first: Duration::ZERO,
        longest: Duration::ZERO,
    };

    /// The pause after the `failed`-th failure, counted from 1; none: give up. `told` is what the
    /// server wants; `jitter`, from 0 to 1, spreads those that failed together.
    pub(crate) fn pause(
        &self,
        failed: u32,
        told: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        if failed >= self.attempts || told.is_some_and(|told| told > LONGEST_TOLD) {
            return None;
        }
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)));
        let own = doubled.min(self.longest);
        let spread = own.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        Some(match told {
            Some(told) => told + spread.min(self.first),
            None => spread,
        })
    }
}

/// A number from 0 to 1.
pub(crate) fn jitter() -> f64 {
    let (bits, _) = Uuid::new_v4().as_u64_pair();
    // The first half of the bits: what a version is written over stands behind it.
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    //! Pauses grow, are bounded, and are as long as the server wants.
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let retries = Retries {
            attempts: 8,
            ..Retries::default()
        };
        let pauses: Vec<_> = (1..=8)
            .map(|failed| retries.pause(failed, None, 1.0))
            .collect();
        let millis = |n| Some(Duration::from_millis(n));
        assert_eq!(
            pauses,
            [
                millis(100),
                millis(200),
                millis(400),
                millis(800),
                millis(1_600),
                millis(3_200),
                millis(5_000),
                None
            ]
        );
        assert_eq!(retries.pause(1, None, 0.0), millis(50));
        assert_eq!(Retries::NONE.pause(1, None, 0.5), None);
    }

    #[test]
    fn the_server_is_heeded_within_reason() {
        let retries = Retries::default();
        let told = Duration::from_secs(2);
        let pause = retries.pause(1, Some(told), 0.5).unwrap();
        assert!(pause >= told && pause < told * 2, "{pause:?}");
        assert_eq!(retries.pause(1, Some(Duration::from_mins(5)), 0.5), None);
        assert_eq!(retries.pause(5, Some(told), 0.5), None);
    }
}
