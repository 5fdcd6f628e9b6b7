//! A log and a registry that count what they are asked for; the registry can go away when it is
//! to follow the log, which is right after an append.
//! And a graph that is away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use spice_core::{
    chain::Anchor,
    error::StoreError,
    id::{BranchGeneration, CommandId, InstanceRef, LogPosition, StreamId},
    lineage::{Lineage, Span, View},
    model::{CommandEntry, ModelEntry, ModelKey},
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Applied, Entity, Graph, Page, Sink, Version},
        log::{Append, Batch, Log, Record},
        registry::{Advance, Anchors, Lookup, WriteModel},
    },
    query::Filter,
    time::Timestamp,
};

/// What was asked for, and whether the registry is there.
#[derive(Default)]
pub(crate) struct Watch {
    /// Records that the log was asked for and gave.
    pub(crate) records: AtomicUsize,
    /// Entries that the registry was asked for.
    pub(crate) lookups: AtomicUsize,
    away_after_append: AtomicBool,
    away: AtomicBool,
}

impl Watch {
    /// The registry is away from the next append on.
    pub(crate) fn go_away_after_append(&self) {
        self.away_after_append.store(true, Ordering::SeqCst);
    }

    /// The registry is there again.
    pub(crate) fn come_back(&self) {
        self.away_after_append.store(false, Ordering::SeqCst);
        self.away.store(false, Ordering::SeqCst);
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    fn check(&self) -> StoreResult<()> {
        if self.is_away() {
            return Err(StoreError::Unavailable {
                store: "registry",
                reason: "connection refused".to_owned(),
            });
        }
        Ok(())
    }
}

pub(crate) struct WatchedModel {
    pub(crate) inner: Arc<dyn WriteModel>,
    pub(crate) watch: Arc<Watch>,
}

#[async_trait]
impl Anchors for WatchedModel {
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
        self.watch.check()?;
        self.inner.anchor(stream).await
    }

    async fn anchored(&self) -> StoreResult<Vec<StreamId>> {
        self.watch.check()?;
        self.inner.anchored().await
    }
}

#[async_trait]
impl WriteModel for WatchedModel {
    async fn reflected(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        self.watch.check()?;
        self.inner.reflected(stream).await
    }

    async fn get(
        &self,
        stream: &StreamId,
        lookups: &[Lookup],
    ) -> StoreResult<Vec<Option<ModelEntry>>> {
        self.watch.check()?;
        let count = lookups.len();
        self.watch.lookups.fetch_add(count, Ordering::SeqCst);
        self.inner.get(stream, lookups).await
    }

    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>> {
        self.watch.check()?;
        self.inner.scan(stream, lineage, prefix, after, limit).await
    }

    async fn changed(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>> {
        self.watch.check()?;
        self.inner.changed(stream, spans, after, limit).await
    }

    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance> {
        if self.watch.away_after_append.load(Ordering::SeqCst) {
            self.watch.away.store(true, Ordering::SeqCst);
        }
        self.watch.check()?;
        self.inner
            .advance(stream, from, to, entries, commands)
            .await
    }

    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>> {
        self.watch.check()?;
        self.inner.commands(ids).await
    }

    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>> {
        self.watch.check()?;
        self.inner.recent_commands(stream, before, limit).await
    }

    async fn forget(&self, stream: &StreamId) -> StoreResult<()> {
        self.watch.check()?;
        self.inner.forget(stream).await
    }
}

pub(crate) struct WatchedLog {
    pub(crate) inner: Arc<dyn Log>,
    pub(crate) watch: Arc<Watch>,
}

#[async_trait]
impl Log for WatchedLog {
    async fn streams(&self) -> StoreResult<Vec<StreamId>> {
        self.inner.streams().await
    }

    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        self.inner.end(stream).await
    }

    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append> {
        self.inner.append(stream, batch).await
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let records = self.inner.read(stream, from, limit).await?;
        self.watch
            .records
            .fetch_add(records.len(), Ordering::SeqCst);
        Ok(records)
    }

    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition> {
        self.inner.position_after(stream, time).await
    }

    async fn wait_beyond(&self, stream: &StreamId, end: LogPosition) {
        self.inner.wait_beyond(stream, end).await;
    }

    async fn wait_streams(&self, known: usize) {
        self.inner.wait_streams(known).await;
    }

    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        self.inner.checkpoint(stream).await
    }

    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool> {
        self.inner.move_checkpoint(stream, from, to).await
    }
}

/// A graph that cannot even tell its place.
pub(crate) struct AwayGraph;

#[async_trait]
impl Graph for AwayGraph {
    async fn sink(&self, _: &StreamId) -> StoreResult<Sink> {
        Err(StoreError::Unavailable {
            store: "graph",
            reason: "connection refused".to_owned(),
        })
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
