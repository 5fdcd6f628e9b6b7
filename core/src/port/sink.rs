//! Sinks: stores derived from a log. A log may have several sinks in one store at the same time;
//! each has an identity and a position of its own.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    chain::Anchor,
    error::StoreError,
    handler::Projection,
    id::{LogPosition, StreamId},
};

/// The role of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SinkRole {
    /// Reads use it. A log has exactly one.
    Live,
    /// It is being filled to replace the live one.
    Shadow,
    /// It was live before. It is kept up to date until it is dropped.
    Old,
}

impl SinkRole {
    /// The role's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Old => "old",
        }
    }
}

/// A sink's identity and position. They are authoritative over the registry's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Assigned when the sink is created; changes after a wipe or a restore.
    pub generation: String,
    /// Its role.
    pub role: SinkRole,
    /// The next position that has not been applied.
    pub position: LogPosition,
    /// The next position that reads do not show yet; at most `position`. It is smaller in a store
    /// that shows a write only after a refresh.
    pub visible: LogPosition,
    /// The chain of the log at `position`, or at the last earlier position where the chain was
    /// known. A log that does not match it is not the one that filled the sink.
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
    /// Whether the sink was the live one at that time.
    pub live: bool,
    /// The index of each item that the sink refuses permanently, with the reason. All others are
    /// applied.
    pub refused: Vec<(usize, StoreError)>,
    /// The index of each item that the sink already had, or that was stale.
    pub stale: Vec<usize>,
}

/// The sinks of each log in one store.
#[async_trait]
pub trait Sinks: Send + Sync {
    /// The projection of these sinks.
    fn projection(&self) -> Projection;

    /// The sinks of a log, the live one first. A live one is created if there is none.
    async fn sinks(&self, stream: &StreamId) -> StoreResult<Vec<Sink>>;

    /// The live sink of a log.
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        let sinks = self.sinks(stream).await?;
        let live = sinks.into_iter().find(|sink| sink.role == SinkRole::Live);
        live.ok_or_else(|| StoreError::Damaged {
            store: self.projection().into(),
            reason: format!("{stream} has no live sink"),
        })
    }

    /// The shadow of a log; created at position zero if there is none.
    async fn create_shadow(&self, stream: &StreamId) -> StoreResult<Sink>;

    /// Makes the shadow of this generation the live sink, and the live one an old one, in one
    /// commit. Returns false if the shadow is behind the live sink, because reads would go back;
    /// true if it is live already. Returns [`StoreError::Fenced`] if it is gone.
    async fn swap(&self, stream: &StreamId, shadow: &str) -> StoreResult<bool>;

    /// Drops a sink with everything it holds, if it still has this role; does nothing if it is
    /// gone. Returns [`StoreError::Fenced`] if it has another role by now.
    async fn drop_sink(
        &self,
        stream: &StreamId,
        generation: &str,
        role: SinkRole,
    ) -> StoreResult<()>;
}
