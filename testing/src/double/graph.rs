//! The double of a graph.

use async_trait::async_trait;
use spice_core::{
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Entity, Graph, Page, Version},
        sink::{Applied, SinkPosition},
    },
    query::Filter,
};

use super::{Call, Double, Hook, Port, Reach, forward};

fn call<'a>(method: &'static str, stream: &'a StreamId) -> Call<'a> {
    Call::new(Port::Graph, method).of(stream)
}

#[async_trait]
impl<S: Reach<Store: Graph>, H: Hook> Graph for Double<S, H> {
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        versions: &[Version],
    ) -> StoreResult<Applied> {
        let call = call("apply", stream).at(from).count(versions.len());
        forward!(self, call, apply(stream, sink, from, through, versions))
    }

    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        let call = call("get", &view.stream).count(entities.len());
        forward!(self, call, get(view, entities))
    }

    async fn scan(
        &self,
        view: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        let call = call("scan", &view.stream).count(limit);
        forward!(self, call, scan(view, class, filters, after, limit))
    }

    async fn classes(&self, view: &View) -> StoreResult<Vec<Version>> {
        forward!(self, call("classes", &view.stream), classes(view))
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
        let call = call("referrers", &view.stream).count(limit);
        forward!(
            self,
            call,
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
        let call = call("history_before", &view.stream).at(before).count(limit);
        forward!(self, call, history_before(view, entity, before, limit))
    }

    async fn latest(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        after: Option<&Entity>,
        limit: usize,
    ) -> StoreResult<Vec<Version>> {
        let call = call("latest", stream).count(limit);
        forward!(self, call, latest(stream, sink, branch, after, limit))
    }

    async fn remove(
        &self,
        stream: &StreamId,
        sink: &str,
        branch: BranchGeneration,
        entities: &[Entity],
    ) -> StoreResult<()> {
        let call = call("remove", stream).count(entities.len());
        forward!(self, call, remove(stream, sink, branch, entities))
    }
}
