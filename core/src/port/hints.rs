//! Hints that something may have changed. A hint only saves waiting time: it may be lost, late,
//! repeated or wrong. A waiter also checks by itself from time to time.

use std::{
    fmt::{self, Display, Formatter},
    ops::Deref,
    str::FromStr,
    time::Duration,
};

use async_trait::async_trait;
use thiserror::Error;

use crate::id::StreamId;

/// The subject of a hint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// There may be a new log.
    Logs,
    /// A log may be longer.
    Log(StreamId),
    /// The workers may have got further with a log: positions, dead letters, retries carried out.
    Progress(StreamId),
    /// The workers may have something else to do for a log: a retry, another sink.
    Request(StreamId),
}

impl Display for Topic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logs => f.write_str("logs"),
            Self::Log(stream) => write!(f, "log {stream}"),
            Self::Progress(stream) => write!(f, "progress {stream}"),
            Self::Request(stream) => write!(f, "request {stream}"),
        }
    }
}

/// A text that names no topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no topic of hints: {0:?}")]
pub struct UnknownTopic(String);

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        if text == "logs" {
            return Ok(Self::Logs);
        }
        let unknown = || UnknownTopic(text.to_owned());
        let (kind, stream) = text.split_once(' ').ok_or_else(unknown)?;
        let stream: StreamId = stream.parse().map_err(|_| unknown())?;
        match kind {
            "log" => Ok(Self::Log(stream)),
            "progress" => Ok(Self::Progress(stream)),
            "request" => Ok(Self::Request(stream)),
            _ => Err(unknown()),
        }
    }
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

/// A hint may get lost: after this long a waiter looks anyway.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Listens to one topic. The first wait returns at once if there was a hint before.
pub struct Listener<H> {
    hints: H,
    topic: Topic,
    /// The newest hint that was followed.
    seen: u64,
}

impl<T: Hints + ?Sized, H: Deref<Target = T>> Listener<H> {
    /// Starts to listen.
    pub fn new(hints: H, topic: Topic) -> Self {
        Self {
            hints,
            topic,
            seen: 0,
        }
    }

    /// Waits for the next hint. It may never return; safe to drop.
    pub async fn wait(&mut self) {
        self.seen = self.hints.wait(&self.topic, self.seen).await;
    }

    /// Gives a hint to the others. It does not wake this listener, unless it has missed another.
    pub fn give(&mut self) {
        let given = self.hints.give(&self.topic);
        if given == self.seen + 1 {
            self.seen = given;
        }
    }
}
