//! The wait before an object is reconciled again. It depends on the outcome of the last pass, and
//! on the number of equal outcomes in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::runtime::utils;
use spice_backoff::{Backoff as Bounds, random};
use tokio::time::Instant;

use crate::observe::Next;

const SOON: Bounds = Bounds::new(Duration::from_millis(250), Duration::from_secs(10));
const WATCH: Bounds = Bounds::new(Duration::from_millis(200), Duration::from_secs(10));
const RETRY: Bounds = Bounds::new(Duration::from_secs(1), Duration::from_mins(5));

/// The number of objects after which those are forgotten that are not due soon.
const MOST: usize = 20_000;

/// The unsettled passes in a row of an object at a generation.
#[derive(Debug)]
struct Attempts {
    generation: i64,
    count: u32,
    /// The end of the current wait.
    due: Instant,
}

/// The number of unsettled passes in a row, by object and generation.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: Mutex<HashMap<String, Attempts>>,
}

impl Backoff {
    /// When to reconcile the object again after a pass with the outcome `next`; none: only after it
    /// changes. A pass before the end of the last wait, triggered by something else, does not
    /// count: the rest of the wait remains.
    pub fn after(
        &self,
        uid: &str,
        generation: i64,
        next: Next,
        resync: Duration,
    ) -> Option<Duration> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(next, Next::Resync | Next::Release) {
            attempts.remove(uid);
        }
        match next {
            Next::Release => None,
            Next::Resync => Some(delay(next, 0, resync, random())),
            Next::Soon | Next::Retry => {
                let now = Instant::now();
                if attempts.len() >= MOST {
                    attempts.retain(|_, attempts| attempts.due > now);
                }
                let known = attempts
                    .get(uid)
                    .filter(|known| known.generation == generation);
                let count = match known {
                    None => 1,
                    Some(known) if known.due > now => return Some(known.due - now),
                    Some(known) => known.count.saturating_add(1),
                };
                let wait = delay(next, count - 1, resync, random());
                let attempt = Attempts {
                    generation,
                    count,
                    due: now + wait,
                };
                attempts.insert(uid.to_owned(), attempt);
                Some(wait)
            }
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.remove(uid);
    }
}

/// The waits of one failing watch. Each watch has its own, so that it does not slow the others.
#[derive(Debug, Default)]
pub(crate) struct WatchBackoff {
    attempts: u32,
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.attempts = self.attempts.saturating_add(1);
        Some(WATCH.spread(self.attempts, random()))
    }
}

impl utils::Backoff for WatchBackoff {
    fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// The controller's wait for all of its watches together: none, because each watch has its own.
#[derive(Debug)]
pub(crate) struct NoPause;

impl Iterator for NoPause {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl utils::Backoff for NoPause {
    fn reset(&mut self) {}
}

/// The delay after `attempts` earlier attempts; `random` is between 0 and 1.
pub fn delay(next: Next, attempts: u32, resync: Duration, random: f64) -> Duration {
    let failures = attempts.saturating_add(1);
    match next {
        Next::Resync | Next::Release => resync.mul_f64(0.8 + 0.4 * random),
        Next::Soon => SOON.spread(failures, random),
        Next::Retry => RETRY.wait(failures).mul_f64(random).max(SOON.first),
    }
}

#[cfg(test)]
mod tests;
