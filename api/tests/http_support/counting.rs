//! A graph that counts how often it is asked for its place.

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
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn Graph>, looks: Arc<AtomicUsize>) -> Self {
        Self { inner, looks }
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

    async fn get(&self, _: &View, _: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        unimplemented!()
    }

    async fn scan(
        &self,
        _: &View,
        _: &ClassName,
        _: &[Filter],
        _: Option<&str>,
        _: usize,
    ) -> StoreResult<Page> {
        unimplemented!()
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
