//! The graph behind a gate.

use async_trait::async_trait;
use spice_core::{
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Applied, Entity, Graph, Page, Sink, Version},
    },
    query::Filter,
};
use spice_store_sqlite::SqliteGraph;

use crate::sim::{faults::Port, gate::Gate, swap::Swap};

/// The graph of one node.
pub struct GatedGraph {
    /// The way to it.
    pub gate: Gate,
    /// The graph.
    pub inner: Swap<SqliteGraph>,
}

macro_rules! gated {
    ($self:ident, $method:ident($($argument:expr),*)) => {{
        let effect = async { $self.inner.get().$method($($argument),*).await };
        $self.gate.call(Port::Graph, stringify!($method), effect).await
    }};
}

#[async_trait]
impl Graph for GatedGraph {
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        gated!(self, sink(stream))
    }

    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: LogPosition,
        versions: &[Version],
    ) -> StoreResult<Applied> {
        gated!(self, apply(stream, generation, from, through, versions))
    }

    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        gated!(self, get(view, entities))
    }

    async fn scan(
        &self,
        view: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        gated!(self, scan(view, class, filters, after, limit))
    }

    async fn classes(&self, view: &View) -> StoreResult<Vec<Version>> {
        gated!(self, classes(view))
    }

    async fn referrers(
        &self,
        view: &View,
        source: &ClassName,
        predicate: &PropertyName,
        targets: &[InstanceRef],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        gated!(
            self,
            referrers(view, source, predicate, targets, after, limit)
        )
    }

    async fn history_before(
        &self,
        view: &View,
        entity: &Entity,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Version>> {
        gated!(self, history_before(view, entity, before, limit))
    }

    async fn latest(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Version>> {
        gated!(self, latest(stream, branch, after, limit))
    }

    async fn remove(
        &self,
        stream: &StreamId,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        gated!(self, remove(stream, branch, entities))
    }

    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink> {
        gated!(self, reset(stream))
    }
}
