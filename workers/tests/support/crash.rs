//! A registry that stops answering at a chosen call, before or after its effect.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use spice_core::{
    bucket::Bucket,
    chain::Anchor,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        registry::{Anchors, DeadLetter, Lease, Outcome, WorkKey, WorkRecord, WorkerRegistry},
    },
    time::Timestamp,
};

/// Counts calls; the one that brings the count to zero never answers.
pub struct CrashingRegistry {
    pub inner: Arc<dyn WorkerRegistry>,
    pub calls_left: AtomicI64,
    pub after_effect: bool,
    pub crashed: tokio::sync::Notify,
}

impl CrashingRegistry {
    async fn around<T>(&self, call: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let is_last = self.calls_left.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last && !self.after_effect {
            self.hang().await;
        }
        let answer = call.await;
        if is_last {
            self.hang().await;
        }
        answer
    }

    async fn hang(&self) {
        self.crashed.notify_one();
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Anchors for CrashingRegistry {
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
        self.inner.anchor(stream).await
    }

    async fn anchored(&self) -> StoreResult<Vec<StreamId>> {
        self.inner.anchored().await
    }
}

#[async_trait]
impl WorkerRegistry for CrashingRegistry {
    async fn join(&self, worker: &str, owner: &str, ttl: Duration) -> StoreResult<Vec<String>> {
        self.around(self.inner.join(worker, owner, ttl)).await
    }

    async fn acquire(
        &self,
        worker: &str,
        buckets: &[Bucket],
        owner: &str,
        ttl: Duration,
    ) -> StoreResult<Vec<Lease>> {
        self.around(self.inner.acquire(worker, buckets, owner, ttl))
            .await
    }

    async fn release(&self, worker: &str, lease: &Lease) -> StoreResult<()> {
        self.around(self.inner.release(worker, lease)).await
    }

    async fn leave(&self, worker: &str, owner: &str) -> StoreResult<()> {
        self.around(self.inner.leave(worker, owner)).await
    }

    async fn worked(&self, key: &WorkKey) -> StoreResult<LogPosition> {
        self.around(self.inner.worked(key)).await
    }

    async fn record(&self, record: WorkRecord) -> StoreResult<()> {
        self.around(self.inner.record(record)).await
    }

    async fn processed(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<(String, Outcome, Timestamp)>> {
        self.inner.processed(stream, position).await
    }

    async fn prune(&self, keep: u64) -> StoreResult<u64> {
        self.inner.prune(keep).await
    }

    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>> {
        self.around(self.inner.dead_letters(stream)).await
    }

    async fn clear_dead_letters(
        &self,
        handler: &str,
        stream: &StreamId,
        positions: &[LogPosition],
    ) -> StoreResult<()> {
        self.around(self.inner.clear_dead_letters(handler, stream, positions))
            .await
    }

    async fn request_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        self.inner
            .request_retry(handler, stream, aggregate_id)
            .await
    }

    async fn retries(&self, stream: &StreamId) -> StoreResult<Vec<(String, String)>> {
        self.around(self.inner.retries(stream)).await
    }

    async fn clear_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        self.around(self.inner.clear_retry(handler, stream, aggregate_id))
            .await
    }

    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()> {
        self.inner.forget_work(stream).await
    }

    async fn wait_change(&self, stream: &StreamId, seen: u64) -> u64 {
        self.inner.wait_change(stream, seen).await
    }
}
