//! A registry of the workers that counts how often its dead letters are read, and that cannot say
//! what became of one event.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use spice_core::{
    bucket::Bucket,
    chain::Anchor,
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        registry::{Anchors, DeadLetter, Lease, Outcome, WorkKey, WorkRecord, WorkerRegistry},
    },
    time::Timestamp,
};

/// What was asked for, and which position nothing is said of (none at zero).
#[derive(Default)]
pub(crate) struct Looks {
    pub(crate) letters: AtomicUsize,
    pub(crate) unreadable: AtomicU64,
}

pub(crate) struct LookedAt {
    pub(crate) inner: Arc<dyn WorkerRegistry>,
    pub(crate) looks: Arc<Looks>,
}

#[async_trait]
impl Anchors for LookedAt {
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
        self.inner.anchor(stream).await
    }

    async fn anchored(&self) -> StoreResult<Vec<StreamId>> {
        self.inner.anchored().await
    }
}

#[async_trait]
impl WorkerRegistry for LookedAt {
    async fn processed(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<(String, Outcome, Timestamp)>> {
        if position != LogPosition::ZERO
            && position.0 == self.looks.unreadable.load(Ordering::SeqCst)
        {
            return Err(StoreError::Damaged {
                store: "registry",
                reason: "one row".to_owned(),
            });
        }
        self.inner.processed(stream, position).await
    }

    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>> {
        self.looks.letters.fetch_add(1, Ordering::SeqCst);
        self.inner.dead_letters(stream).await
    }

    async fn worked(&self, key: &WorkKey) -> StoreResult<LogPosition> {
        self.inner.worked(key).await
    }

    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()> {
        self.inner.forget_work(stream).await
    }

    async fn wait_change(&self, stream: &StreamId, seen: u64) -> u64 {
        self.inner.wait_change(stream, seen).await
    }

    async fn join(&self, _: &str, _: &str, _: Duration) -> StoreResult<Vec<String>> {
        unimplemented!()
    }

    async fn acquire(
        &self,
        _: &str,
        _: &[Bucket],
        _: &str,
        _: Duration,
    ) -> StoreResult<Vec<Lease>> {
        unimplemented!()
    }

    async fn release(&self, _: &str, _: &Lease) -> StoreResult<()> {
        unimplemented!()
    }

    async fn leave(&self, _: &str, _: &str) -> StoreResult<()> {
        unimplemented!()
    }

    async fn record(&self, _: WorkRecord) -> StoreResult<()> {
        unimplemented!()
    }

    async fn prune(&self, _: u64) -> StoreResult<u64> {
        unimplemented!()
    }

    async fn clear_dead_letters(
        &self,
        _: &str,
        _: &StreamId,
        _: &[LogPosition],
    ) -> StoreResult<()> {
        unimplemented!()
    }

    async fn request_retry(&self, _: &str, _: &StreamId, _: &str) -> StoreResult<()> {
        unimplemented!()
    }

    async fn retries(&self, _: &StreamId) -> StoreResult<Vec<(String, String)>> {
        unimplemented!()
    }

    async fn clear_retry(&self, _: &str, _: &StreamId, _: &str) -> StoreResult<()> {
        unimplemented!()
    }
}
