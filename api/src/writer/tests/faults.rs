//! A registry that goes away at a chosen call.

use std::sync::atomic::{AtomicUsize, Ordering};

use spice_core::{
    chain::Anchor,
    error::StoreError,
    lineage::{Lineage, Span},
    model::{CommandEntry, ModelEntry, ModelKey},
    port::registry::{Advance, Anchors, Lookup},
};

use super::*;

/// A registry that answers so many calls more and is away then.
pub(super) struct Leaving {
    pub(super) inner: Arc<SqliteRegistry>,
    left: AtomicUsize,
}

impl Leaving {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: registry(),
            left: AtomicUsize::new(usize::MAX),
        })
    }

    pub(super) fn leave_after(&self, calls: usize) {
        self.left.store(calls, Ordering::SeqCst);
    }

    pub(super) fn come_back(&self) {
        self.leave_after(usize::MAX);
    }

    fn call(&self) -> StoreResult<&SqliteRegistry> {
        let count = |left: usize| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count);
        match left {
            Ok(_) => Ok(&self.inner),
            Err(_) => Err(StoreError::Unavailable {
                store: "registry",
                reason: "connection refused".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl Anchors for Leaving {
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
        self.call()?.anchor(stream).await
    }

    async fn anchored(&self) -> StoreResult<Vec<StreamId>> {
        self.call()?.anchored().await
    }
}

#[async_trait]
impl WriteModel for Leaving {
    async fn reflected(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        self.call()?.reflected(stream).await
    }

    async fn get(
        &self,
        stream: &StreamId,
        lookups: &[Lookup],
    ) -> StoreResult<Vec<Option<ModelEntry>>> {
        self.call()?.get(stream, lookups).await
    }

    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>> {
        let registry = self.call()?;
        registry.scan(stream, lineage, prefix, after, limit).await
    }

    async fn changed(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>> {
        self.call()?.changed(stream, spans, after, limit).await
    }

    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance> {
        let registry = self.call()?;
        registry.advance(stream, from, to, entries, commands).await
    }

    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>> {
        self.call()?.commands(ids).await
    }

    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>> {
        self.call()?.recent_commands(stream, before, limit).await
    }

    async fn forget(&self, stream: &StreamId) -> StoreResult<()> {
        self.call()?.forget(stream).await
    }
}
