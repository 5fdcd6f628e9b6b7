//! Sinks: stores derived from a log. A log may have several sinks in one store at once; each has an
//! identity and a position of its own.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    chain::Anchor,
    error::StoreError,
    handler::Projection,
    id::{LogPosition, StreamId},
};

/// What a sink is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SinkRole {
    /// Reads go here. A log has exactly one.
    Live,
    /// It is being filled, to take the place of the live one.
    Shadow,
    /// It was live before. It is kept up until it is dropped.
    Old,
}

/// A sink's identity and place: they are what it says, whatever the registry believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Given when the sink is made; another after a wipe or a restore.
    pub generation: String,
    /// What it is for.
    pub role: SinkRole,
    /// The next position that has not been applied.
    pub position: LogPosition,
    /// The next position that reads do not show yet; at most `position`. A store that shows a write
    /// only after a refresh keeps the two apart.
    pub visible: LogPosition,
    /// The chain of the log at `position`, or at the last position before it where the chain was
    /// known. A log that does not match it is not the log that the sink was filled from.
    pub anchor: Option<Anchor>,
}

/// The position that a batch moves a sink to, with the log's chain there if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkPosition {
    /// The next position that the sink does not reflect after the batch.
    pub position: LogPosition,
    /// What the worker has seen of the log; not beyond `position`.
    pub anchor: Option<Anchor>,
}

impl From<Anchor> for SinkPosition {
    fn from(anchor: Anchor) -> Self {
        Self {
            position: anchor.position,
            anchor: Some(anchor),
        }
    }
}

impl From<LogPosition> for SinkPosition {
    fn from(position: LogPosition) -> Self {
        Self {
            position,
            anchor: None,
        }
    }
}

/// The result of applying a batch, item by item.
#[derive(Debug, Default)]
pub struct Applied {
    /// Whether the sink was the live one then.
    pub live: bool,
    /// Index of each item that the sink refuses for good, and why. All others are in.
    pub refused: Vec<(usize, StoreError)>,
    /// Index of each item that the sink had already, or that was stale.
    pub stale: Vec<usize>,
}

/// The sinks of each log in one store.
#[async_trait]
pub trait Sinks: Send + Sync {
    /// The projection that they hold.
    fn projection(&self) -> Projection;

    /// The sinks of a log, the live one first. A live one is made when there is none.
    async fn sinks(&self, stream: &StreamId) -> StoreResult<Vec<Sink>>;

    /// The live sink of a log.
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        let sinks = self.sinks(stream).await?;
        let live = sinks.into_iter().find(|sink| sink.role == SinkRole::Live);
        live.ok_or_else(|| StoreError::Damaged {
            store: self.projection().as_str(),
            reason: format!("{stream} has no live sink"),
        })
    }

    /// The shadow of a log, made at position zero when there is none.
    async fn create_shadow(&self, stream: &StreamId) -> StoreResult<Sink>;

    /// Makes the shadow of this generation the live sink, and the live one an old one, in one
    /// commit. False when it is behind the live one: reads would go back. True as well when it is
    /// live already; [`StoreError::Fenced`] when it is gone.
    async fn swap(&self, stream: &StreamId, shadow: &str) -> StoreResult<bool>;

    /// Drops a sink with all that it holds, if it still has this role; does nothing when it is
    /// gone. [`StoreError::Fenced`] when its role is another by now.
    async fn drop_sink(
        &self,
        stream: &StreamId,
        generation: &str,
        role: SinkRole,
    ) -> StoreResult<()>;
}
