//! A graph that counts how often it is asked for its place, and what is read from it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

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

pub(crate) struct Counting {
    inner: Arc<dyn Graph>,
    looks: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn Graph>, looks: Arc<AtomicUsize>) -> Self {
        let reads = Arc::default();
        Self {
            inner,
            looks,
            reads,
        }
    }

    /// Counts the versions that are asked for.
    pub(crate) fn of_reads(inner: Arc<dyn Graph>, reads: Arc<AtomicUsize>) -> Self {
        let looks = Arc::default();
        Self {
            inner,
            looks,
            reads,
        }
    }
}

#[async_trait]
impl Graph for Counting {
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.sink(stream).await
    }

    async fn apply(
        &self,
        _: &StreamId,
        _: &str,
        _: LogPosition,
        _: LogPosition,
        _: &[Version],
    ) -> StoreResult<Applied> {
        unimplemented!()
    }

    async fn get(&self, view: &View, entities: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        self.reads.fetch_add(entities.len(), Ordering::Relaxed);
        self.inner.get(view, entities).await
    }

    async fn scan(
        &self,
        view: &View,
        class: &ClassName,
        filters: &[Filter],
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page> {
        self.reads.fetch_add(limit, Ordering::Relaxed);
        self.inner.scan(view, class, filters, after, limit).await
    }

    async fn classes(&self, _: &View) -> StoreResult<Vec<Version>> {
        unimplemented!()
    }

    async fn referrers(
        &self,
        _: &View,
        _: &ClassName,
        _: &PropertyName,
        _: &[InstanceRef],
        _: Option<&str>,
        _: usize,
    ) -> StoreResult<Page> {
        unimplemented!()
    }

    async fn history_before(
        &self,
        _: &View,
        _: &Entity,
        _: LogPosition,
        _: usize,
    ) -> StoreResult<Vec<Version>> {
        unimplemented!()
    }

    async fn latest(
        &self,
        _: &StreamId,
        _: BranchGeneration,
        _: Option<&Entity>,
        _: usize,
    ) -> StoreResult<Vec<Version>> {
        unimplemented!()
    }

    async fn remove(&self, _: &StreamId, _: BranchGeneration, _: &[Entity]) -> StoreResult<()> {
        unimplemented!()
    }

    async fn reset(&self, _: &StreamId) -> StoreResult<Sink> {
        unimplemented!()
    }
}
