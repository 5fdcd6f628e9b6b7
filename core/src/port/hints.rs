//! Hints: "there may be something new". A hint saves waiting time and nothing else: it may be lost,
//! come late, come twice, or come for nothing. Whoever waits for one looks again after a while.

use async_trait::async_trait;

use crate::id::StreamId;

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// There may be another log.
    Logs,
    /// A log may be longer.
    Log(StreamId),
    /// What the workers recorded of a log may be different: positions, dead letters, retries.
    Work(StreamId),
}

/// Carries hints between those who change something and those who wait for it.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Says that there may be something new. Returns at once, and the number of this hint: whoever
    /// gave it may wait for the next one from there.
    fn give(&self, topic: &Topic) -> u64;

    /// Waits until there may be something new since the hint `seen`, 0 to begin with, and returns
    /// the number of the newest. Hints that come together count as one. It may never return.
    async fn wait(&self, topic: &Topic, seen: u64) -> u64;
}
