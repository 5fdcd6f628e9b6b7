//! The graph: every version of every instance and class, by position, with snapshot reads.

use async_trait::async_trait;

pub use super::entity::{Entity, State};
use super::{
    StoreResult,
    sink::{Applied, SinkPosition, Sinks},
};
use crate::{
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{ClassName, PropertyName},
    query::Filter,
};

/// One version of an entity on one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The branch where it was written.
    pub branch: BranchGeneration,
    /// Its state.
    pub state: State,
    /// The references of an instance: predicate and target, for relationships that the class
    /// declares. The graph worker fills them in.
    pub references: Vec<(PropertyName, InstanceRef)>,
}

/// A page of instances of a class.
#[derive(Debug, Clone)]
pub struct Page {
    /// Live versions, ordered by instance id.
    pub versions: Vec<Version>,
    /// Whether there may be more after the last.
    pub more: bool,
}

/// The graph sinks and their reads. Reads that name no sink use the live one.
#[async_trait]
pub trait Graph: Sinks {
    /// Applies versions to a sink and moves its position and anchor from `from` to `through`, in one
    /// commit. They never go back. Without an anchor the sink keeps its own. Safe to repeat. Returns
    /// [`crate::error::StoreError::Fenced`] if the sink is gone, or if `from` is after its
    /// position (something is missing in between).
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        versions: &[Version],
    ) -> StoreResult<Applied>;

    /// Versions that a view shows, in the requested order, including tombstones (`data: None`).
    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>>;

    /// Live instances of a class that match the filters, by id, after `after`, at most `limit`.
    async fn scan(
        &self,
        view: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page>;

    /// The live classes that a view shows, by name.
    async fn classes(&self, view: &View) -> StoreResult<Vec<Version>>;

    /// Live instances of `source` that refer to any of `targets` through `predicate`, by id, after
    /// `after`, at most `limit`. It keeps only that many in memory, however many refer.
    async fn referrers(
        &self,
        view: &View,
        source: &ClassName,
        predicate: &PropertyName,
        targets: &[InstanceRef],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page>;

    /// The versions of an entity that a view shows, newest first, before a position, at most
    /// `limit`.
    async fn history_before(
        &self,
        view: &View,
        entity: &Entity,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Version>>;

    /// Every version of an entity that a view shows, oldest first.
    async fn history(&self, view: &View, entity: &Entity) -> StoreResult<Vec<Version>> {
        let every = usize::MAX;
        let mut versions = self
            .history_before(view, entity, LogPosition::MAX, every)
            .await?;
        versions.reverse();
        Ok(versions)
    }

    /// For verification: the newest version of every entity *written on* `branch`, in a sink,
    /// ordered by entity, after `after`, at most `limit`, including tombstones.
    async fn latest(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Version>>;

    /// For repair: removes every version of an entity on a branch, so that the correct ones can be
    /// written.
    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()>;
}
