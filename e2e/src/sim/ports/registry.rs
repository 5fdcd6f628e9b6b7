//! The registry behind a gate: the write model and the workers' part.

use std::time::Duration;

use async_trait::async_trait;
use spice_core::{
    bucket::Bucket,
    chain::Anchor,
    id::{CommandId, LogPosition, StreamId},
    lineage::{Lineage, Span},
    model::{CommandEntry, ModelEntry, ModelKey},
    port::{
        StoreResult,
        registry::{
            Advance, Anchors, DeadLetter, Lease, Lookup, Outcome, WorkKey, WorkRecord,
            WorkerRegistry, WriteModel,
        },
    },
    time::Timestamp,
};
use spice_store_sqlite::SqliteRegistry;

use crate::sim::{faults::Port, gate::Gate, swap::Swap};

/// The registry of one node.
pub struct GatedRegistry {
    /// The way to it.
    pub gate: Gate,
    /// The registry.
    pub inner: Swap<SqliteRegistry>,
}

macro_rules! gated {
    ($self:ident, $port:ident, $method:ident($($argument:expr),*)) => {{
        let effect = async { $self.inner.get().$method($($argument),*).await };
        $self.gate.call(Port::$port, stringify!($method), effect).await
    }};
}

#[async_trait]
impl Anchors for GatedRegistry {
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
        gated!(self, Model, anchor(stream))
    }

    async fn anchored(&self) -> StoreResult<Vec<StreamId>> {
        gated!(self, Model, anchored())
    }
}

#[async_trait]
impl WriteModel for GatedRegistry {
    async fn reflected(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        gated!(self, Model, reflected(stream))
    }

    async fn get(
        &self,
        stream: &StreamId,
        lookups: &[Lookup],
    ) -> StoreResult<Vec<Option<ModelEntry>>> {
        gated!(self, Model, get(stream, lookups))
    }

    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>> {
        gated!(self, Model, scan(stream, lineage, prefix, after, limit))
    }

    async fn changed(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>> {
        gated!(self, Model, changed(stream, spans, after, limit))
    }

    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance> {
        gated!(self, Model, advance(stream, from, to, entries, commands))
    }

    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>> {
        gated!(self, Model, commands(ids))
    }

    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>> {
        gated!(self, Model, recent_commands(stream, before, limit))
    }

    async fn forget(&self, stream: &StreamId) -> StoreResult<()> {
        gated!(self, Model, forget(stream))
    }
}

#[async_trait]
impl WorkerRegistry for GatedRegistry {
    async fn join(&self, worker: &str, owner: &str, ttl: Duration) -> StoreResult<Vec<String>> {
        gated!(self, Work, join(worker, owner, ttl))
    }

    async fn acquire(
        &self,
        worker: &str,
        buckets: &[Bucket],
        owner: &str,
        ttl: Duration,
    ) -> StoreResult<Vec<Lease>> {
        gated!(self, Work, acquire(worker, buckets, owner, ttl))
    }

    async fn release(&self, worker: &str, lease: &Lease) -> StoreResult<()> {
        gated!(self, Work, release(worker, lease))
    }

    async fn leave(&self, worker: &str, owner: &str) -> StoreResult<()> {
        gated!(self, Work, leave(worker, owner))
    }

    async fn worked(&self, key: &WorkKey) -> StoreResult<LogPosition> {
        gated!(self, Work, worked(key))
    }

    async fn record(&self, record: WorkRecord) -> StoreResult<()> {
        gated!(self, Work, record(record))
    }

    async fn processed(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<(String, Outcome, Timestamp)>> {
        gated!(self, Work, processed(stream, position))
    }

    async fn prune(&self, keep: u64) -> StoreResult<u64> {
        gated!(self, Work, prune(keep))
    }

    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>> {
        gated!(self, Work, dead_letters(stream))
    }

    async fn clear_dead_letters(
        &self,
        handler: &str,
        stream: &StreamId,
        positions: &[LogPosition],
    ) -> StoreResult<()> {
        gated!(self, Work, clear_dead_letters(handler, stream, positions))
    }

    async fn request_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        gated!(self, Work, request_retry(handler, stream, aggregate_id))
    }

    async fn retries(&self, stream: &StreamId) -> StoreResult<Vec<(String, String)>> {
        gated!(self, Work, retries(stream))
    }

    async fn clear_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        gated!(self, Work, clear_retry(handler, stream, aggregate_id))
    }

    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()> {
        gated!(self, Work, forget_work(stream))
    }

    async fn wait_change(&self, stream: &StreamId, seen: u64) -> u64 {
        self.gate
            .until(|| {
                let inner = self.inner.get();
                async move { inner.wait_change(stream, seen).await }
            })
            .await
    }
}
