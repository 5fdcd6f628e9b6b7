//! Hints that something may have changed. A hint only saves waiting time: it may be lost, late,
//! repeated or wrong. A waiter also checks by itself from time to time.

use async_trait::async_trait;

use crate::id::StreamId;

/// The subject of a hint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// There may be a new log.
    Logs,
    /// A log may be longer.
    Log(StreamId),
    /// The workers' records of a log may have changed: positions, dead letters, retries.
    Work(StreamId),
}

/// Carries hints from those who change something to those who wait for it.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Gives a hint. Returns immediately, with the number of this hint; the caller may wait for the
    /// next one from there.
    fn give(&self, topic: &Topic) -> u64;

    /// Waits for a hint after the hint `seen` (0 at first), and returns the number of the newest
    /// one. Several hints may count as one. It may never return.
    async fn wait(&self, topic: &Topic, seen: u64) -> u64;
}
