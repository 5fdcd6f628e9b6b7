//! How often, and after which wait, a request is repeated.

use std::time::Duration;

use spice_backoff::Backoff;

/// The longest `Retry-After` that the client waits for; longer ones are left to the caller.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// When a safe request is repeated: a `GET`, or a write with an `Idempotency-Key`, after a
/// temporary failure (429, 502, 503, no connection, a broken connection).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// The maximum number of attempts; 1 means no retry.
    pub attempts: u32,
    /// The wait after the first failure; it doubles.
    pub first: Duration,
    /// The longest wait.
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

    /// The wait after the `failed`-th failure, counted from 1; none to give up. The server may ask
    /// for a wait in `retry_after`; `jitter`, from 0 to 1, spreads clients that failed together.
    pub(crate) fn pause(
        &self,
        failed: u32,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        if failed >= self.attempts
            || retry_after.is_some_and(|retry_after| retry_after > LONGEST_RETRY_AFTER)
        {
            return None;
        }
        let spread = Backoff::new(self.first, self.longest).spread(failed, jitter);
        Some(match retry_after {
            Some(retry_after) => retry_after + spread.min(self.first),
            None => spread,
        })
    }
}

#[cfg(test)]
mod tests {
    //! Waits grow, are bounded, and respect the server.
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
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
    fn the_servers_retry_after_is_respected_up_to_a_limit() {
        let retries = Retries::default();
        let retry_after = Duration::from_secs(2);
        let pause = retries.pause(1, Some(retry_after), 0.5).unwrap();
        assert!(pause >= retry_after && pause < retry_after * 2, "{pause:?}");
        assert_eq!(retries.pause(1, Some(Duration::from_mins(5)), 0.5), None);
        assert_eq!(retries.pause(5, Some(retry_after), 0.5), None);
    }
}
