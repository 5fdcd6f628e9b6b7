//! The graph: every version of every instance and class, by position; snapshot reads.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    chain::Anchor,
    error::StoreError,
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, Sequence, StreamId},
    json::Json,
    lineage::View,
    name::{ClassName, PropertyName},
    query::Filter,
    time::Timestamp,
};

/// A sink's own identity and place: it is what it says, whatever the registry believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Given when the sink was made for this log; another after a wipe or a restore.
    pub generation: String,
    /// The next position that the sink does not reflect yet.
    pub position: LogPosition,
    /// The chain of the log at this position, or at the last position before it where the chain was
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

impl From<LogPosition> for SinkPosition {
    fn from(position: LogPosition) -> Self {
        Self {
            position,
            anchor: None,
        }
    }
}

/// What a version is a version of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A class.
    Class(ClassName),
    /// An instance.
    Instance(InstanceRef),
}

impl Entity {
    /// The id of an instance, or of a class.
    pub fn id(&self) -> &str {
        match self {
            Self::Class(class) => class.as_str(),
            Self::Instance(instance) => instance.id.as_str(),
        }
    }
}

/// One version of an entity on one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The branch that it was written on.
    pub branch: BranchGeneration,
    /// What it is a version of.
    pub entity: Entity,
    /// Where the event stands.
    pub position: LogPosition,
    /// The aggregate's sequence.
    pub sequence: Sequence,
    /// The event.
    pub event_id: EventId,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// When the entity was created.
    pub created_at: Timestamp,
    /// The whole state; none when the entity was deleted.
    pub data: Option<Json>,
    /// The references that an instance holds: predicate and target, as far as they are known to
    /// the class. Filled in by the graph worker.
    pub references: Vec<(PropertyName, InstanceRef)>,
}

/// What became of a batch, item by item.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// Index of each version that the sink refuses for good, and why. All others are in.
    pub refused: Vec<(usize, StoreError)>,
    /// Index of each version that the sink had already, or that was stale.
    pub stale: Vec<usize>,
}

/// A page of instances of a class.
#[derive(Debug, Clone)]
pub struct Page {
    /// Live versions, ordered by instance id.
    pub versions: Vec<Version>,
    /// Whether there may be more after the last.
    pub more: bool,
}

/// The graph sink and its reads.
#[async_trait]
pub trait Graph: Send + Sync {
    /// The sink's generation and position for a log; made when there is none.
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink>;

    /// Applies versions and moves the sink's position and anchor from `from` to `through`, in one
    /// commit; they never go back. Without an anchor the sink keeps the one it has. Safe to repeat; [`StoreError::Fenced`] when the generation is another, or when `from` lies
    /// beyond the sink's position (something is missing in between).
    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: SinkPosition,
        versions: &[Version],
    ) -> StoreResult<Applied>;

    /// Versions that show in a view, in the order asked; tombstones (`data: None`) included.
    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>>;

    /// Live instances of a class that pass the filters, by id, after `after`, at most `limit`.
    async fn scan(
        &self,
        view: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page>;

    /// The live classes that show in a view, by name.
    async fn classes(&self, view: &View) -> StoreResult<Vec<Version>>;

    /// Live instances of `source` that refer to any of `targets` through `predicate`, by id, after
    /// `after`, at most `limit`. It holds no more than that, however many refer.
    async fn referrers(
        &self,
        view: &View,
        source: &ClassName,
        predicate: &PropertyName,
        targets: &[InstanceRef],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page>;

    /// The versions of an entity that show in a view, newest first, before a position, at most
    /// `limit`.
    async fn history_before(
        &self,
        view: &View,
        entity: &Entity,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Version>>;

    /// Every version of an entity that shows in a view, oldest first.
    async fn history(&self, view: &View, entity: &Entity) -> StoreResult<Vec<Version>> {
        let every = usize::MAX;
        let mut versions = self
            .history_before(view, entity, LogPosition::MAX, every)
            .await?;
        versions.reverse();
        Ok(versions)
    }

    /// For verification: the newest version of every entity *written on* `branch`, ordered by
    /// entity, after `after`, at most `limit`; tombstones included.
    async fn latest(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Version>>;

    /// For repair: removes every version of an entity on a branch, so that the right ones can be
    /// written.
    async fn remove(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()>;

    /// Throws away what is known of a log and starts a new sink generation at position zero.
    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink>;
}
