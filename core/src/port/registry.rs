//! The registry: the writer's model of the end of the log, and the progress of the workers. All of
//! it can be deleted and rebuilt from the log.

use std::time::Duration;

use async_trait::async_trait;

use super::{StoreResult, replays::Replays};
use crate::{
    bucket::Bucket,
    chain::Anchor,
    handler::Projection,
    id::{CommandId, EventId, LogPosition, StreamId},
    lineage::{Lineage, Span},
    model::{CommandEntry, DatabaseState, ModelEntry, ModelKey},
    name::DatabaseName,
    time::Timestamp,
};

/// The number of entries in one page of a scan.
const SCAN: usize = 1_000;

/// A question to the write model: the newest entry of `key` that `lineage` shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The visible layers.
    pub lineage: Lineage,
    /// The key.
    pub key: ModelKey,
}

/// The answers to lookups, all from one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The entries, in the requested order.
    pub entries: Vec<Option<ModelEntry>>,
    /// The position up to which the log is reflected.
    pub reflected: LogPosition,
}

/// The result of advancing the write model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// It now reflects the log up to the new position.
    Done,
    /// It was already at this other position.
    Elsewhere(LogPosition),
}

/// What a store has seen of each log: the registry, and every sink.
#[async_trait]
pub trait Anchors: Send + Sync {
    /// The end that was seen of a log, with its chain; none for a log that was never seen.
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>>;

    /// Every log that was seen, ordered by name and generation.
    async fn anchored_logs(&self) -> StoreResult<Vec<StreamId>>;

    /// The logs of one database that were seen, ordered by generation.
    async fn anchored_generations(&self, database: &DatabaseName) -> StoreResult<Vec<StreamId>> {
        let mut streams = self.anchored_logs().await?;
        streams.retain(|stream| stream.database == *database);
        Ok(streams)
    }
}

/// What a writer looks up before it decides, in one snapshot.
#[derive(Debug, Clone)]
pub struct LookedUp {
    /// The places of commands, in the requested order.
    pub commands: Vec<Option<CommandEntry>>,
    /// The position up to which the log is reflected.
    pub reflected: LogPosition,
    /// The owners that have marked the log ([`LogDirectory::mark_active`]).
    pub marked_by: Vec<String>,
    /// The registry's time: the same for every process, whatever its own clock.
    pub now: Timestamp,
}

/// A live database, as the registry reflects its log.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedDatabase {
    /// Its log.
    pub stream: StreamId,
    /// The position up to which the log is reflected.
    pub end: LogPosition,
    /// The database itself.
    pub database: DatabaseState,
}

/// The list of databases, and the logs that may have more than the registry reflects. So nobody has
/// to read every log.
#[async_trait]
pub trait LogDirectory: Send + Sync {
    /// The live databases by name, as far as their logs are reflected.
    async fn databases(&self) -> StoreResult<Vec<ListedDatabase>>;

    /// Records that `owner` appends to a log. A writer marks the log before the first append after
    /// a pause, and again every minute.
    async fn mark_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()>;

    /// Removes an owner's mark, once the registry reflects what it appended. Also removes marks of
    /// processes that are gone.
    async fn clear_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()>;

    /// The marked logs; every other log is reflected to its end.
    async fn active_logs(&self) -> StoreResult<Vec<StreamId>>;

    /// A token for reading every log into this registry; none if that was done. A lost registry
    /// comes back empty and must be swept again.
    async fn sweep_due(&self) -> StoreResult<Option<String>>;

    /// Records that the sweep of this token is done. No effect on a registry that was replaced in
    /// the meantime.
    async fn end_sweep(&self, token: &str) -> StoreResult<()>;
}

/// The write model: per log, the entries that [`crate::model::fold`] makes from its envelopes,
/// every version by position, and the position up to which they are reflected.
#[async_trait]
pub trait WriteModel: Anchors + LogDirectory {
    /// The next position that the write model does not reflect yet.
    async fn reflected_position(&self, stream: &StreamId) -> StoreResult<LogPosition>;

    /// Answers many lookups in one round trip.
    async fn get(&self, stream: &StreamId, lookups: &[Lookup]) -> StoreResult<Found>;

    /// The newest entries that `lineage` shows for keys that start with `prefix`, ordered by key,
    /// after `after`, at most `limit`.
    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>>;

    /// [`WriteModel::scan`] of all keys that start with `prefix`, page by page.
    async fn scan_all(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
    ) -> StoreResult<Vec<ModelEntry>> {
        let mut entries: Vec<ModelEntry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.key.clone());
            let page = self
                .scan(stream, lineage, prefix, after.as_ref(), SCAN)
                .await?;
            let is_last = page.len() < SCAN;
            entries.extend(page);
            if is_last {
                return Ok(entries);
            }
        }
    }

    /// The keys of classes and instances with a version within any of the spans, ordered by key and
    /// each once, after `after`, at most `limit`. The cost depends on what was written there, not
    /// on the size of the database.
    async fn changed_keys(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>>;

    /// The versions of classes and instances within a span: position and key, ordered by position,
    /// at most `limit`. An event writes at most one, so the next page starts after the last position.
    async fn writes(
        &self,
        stream: &StreamId,
        span: &Span,
        limit: usize,
    ) -> StoreResult<Vec<(LogPosition, ModelKey)>>;

    /// Advances from exactly `from` to the position of `to`, in one transaction; `to` becomes the
    /// log's anchor.
    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance>;

    /// The places of commands, by id, over all logs, in the requested order.
    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>>;

    /// [`WriteModel::commands`], plus other facts that a writer needs, in one snapshot.
    async fn look_up(&self, stream: &StreamId, ids: &[CommandId]) -> StoreResult<LookedUp>;

    /// The newest commands of a log, newest first, before a position.
    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>>;

    /// Forgets everything about a log, including its anchor, for a rebuild.
    async fn forget(&self, stream: &StreamId) -> StoreResult<()>;
}

/// A worker process's right to work on the logs of one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The logs that it covers.
    pub bucket: Bucket,
    /// Increases each time the lease is taken by a new owner; recording with an older fence fails.
    pub fence: u64,
    /// The owner.
    pub owner: String,
}

/// Key of the workers' records: a worker's progress on one log into one generation of its sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkKey {
    /// The worker: `graph_worker`, `projection_worker`.
    pub worker: String,
    /// The log.
    pub stream: StreamId,
    /// The sink's generation ([`super::sink::Sink`]).
    pub sink: String,
}

impl WorkKey {
    /// The key of a projection's worker.
    pub fn new(projection: Projection, stream: &StreamId, sink: &str) -> Self {
        Self {
            worker: projection.worker().to_owned(),
            stream: stream.clone(),
            sink: sink.to_owned(),
        }
    }
}

/// The outcome of an event that did not simply take effect with its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It took effect: with its batch, or later by a retry.
    Done,
    /// It is in the dead letters, alone or behind an earlier event of its aggregate.
    Parked,
    /// A person discarded it for this handler.
    Discarded,
}

/// The outcome of one event, if the position alone does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processed {
    /// The handler: `instance_worker`, `projection_worker:instance_events`, …
    pub handler: &'static str,
    /// The position of the event.
    pub position: LogPosition,
    /// The outcome.
    pub outcome: Outcome,
}

/// The record of a position in one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processing {
    /// The worker.
    pub worker: String,
    /// The sink's generation.
    pub sink: String,
    /// The handler, for an event with an outcome of its own; none when its batch took effect.
    pub handler: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// An event that a sink refuses permanently, or that waits behind such an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The handler that parked it.
    pub handler: String,
    /// The log.
    pub stream: StreamId,
    /// The generation of the sink that refuses it.
    pub sink: String,
    /// The position of the event; its envelope is read from the log.
    pub position: LogPosition,
    /// The event.
    pub event_id: EventId,
    /// The aggregate that is parked, as text.
    pub aggregate_id: String,
    /// The error of the sink; for a follower, the position that it waits behind.
    pub error: String,
    /// `permanent` for the event itself, `behind` for a follower.
    pub class: String,
    /// The number of attempts.
    pub attempts: u32,
    /// When it was first tried.
    pub first_at: Timestamp,
    /// When it was last tried.
    pub last_at: Timestamp,
}

/// How many events a handler has parked in a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterCount {
    /// The handler.
    pub handler: String,
    /// The log.
    pub stream: StreamId,
    /// The generation of the sink.
    pub sink: String,
    /// How many.
    pub count: u64,
}

/// One batch's record: written completely or not at all, and only while `lease` is valid.
#[derive(Debug, Clone)]
pub struct WorkRecord {
    /// The work key.
    pub key: WorkKey,
    /// The lease that covers the log.
    pub lease: Lease,
    /// The position of the worker's record before the batch.
    pub from: LogPosition,
    /// Every position below this one is done after the batch.
    pub through: LogPosition,
    /// Whether the sink was the live one: then the worker's farthest position moves with it.
    pub live: bool,
    /// The events with an outcome of their own.
    pub processed: Vec<Processed>,
    /// Events to park.
    pub parked: Vec<DeadLetter>,
    /// The time.
    pub at: Timestamp,
}

/// The workers' state: leases, fences, positions, processed events, dead letters, replays.
#[async_trait]
pub trait WorkerRegistry: Anchors + Replays {
    /// Announces that `owner` works as `worker`, for `ttl` from now. Returns all announced owners,
    /// in order.
    async fn join(&self, worker: &str, owner: &str, ttl: Duration) -> StoreResult<Vec<String>>;

    /// Takes or renews the leases on `buckets` for `ttl` from now, in one transaction. Returns the
    /// leases that `owner` now has; buckets of other owners are left out. A lease ends when `ttl`
    /// has passed on the registry's own clock; no caller's clock decides it.
    async fn acquire(
        &self,
        worker: &str,
        buckets: &[Bucket],
        owner: &str,
        ttl: Duration,
    ) -> StoreResult<Vec<Lease>>;

    /// Releases a lease, so that another owner can take it immediately. No effect if the lease
    /// already belongs to another owner.
    async fn release(&self, worker: &str, lease: &Lease) -> StoreResult<()>;

    /// Withdraws an owner: its announcement and all its leases as `worker`.
    async fn leave(&self, worker: &str, owner: &str) -> StoreResult<()>;

    /// The next position that the worker's record does not cover; zero for a new sink.
    async fn recorded_position(&self, key: &WorkKey) -> StoreResult<LogPosition>;

    /// Records a batch in one transaction. Returns [`crate::error::StoreError::Fenced`] if the
    /// lease is gone, or if the record is not at `record.from`.
    async fn record(&self, record: WorkRecord) -> StoreResult<()>;

    /// The farthest position that each worker has recorded for a live sink of a log. It never goes
    /// back, whatever happens to the sink. A worker that has recorded nothing is left out.
    async fn farthest_positions(
        &self,
        stream: &StreamId,
    ) -> StoreResult<Vec<(String, LogPosition)>>;

    /// The records of a position, in every sink. Outcomes of single events are kept; of batches that
    /// took effect only the newest few thousand of each sink are.
    async fn outcomes_at(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<Processing>>;

    /// Dead letters of every sink, ordered by handler, log, position and sink; for one log or for
    /// all.
    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>>;

    /// How many dead letters there are, in order of handler, log and sink.
    async fn count_dead_letters(&self) -> StoreResult<Vec<DeadLetterCount>>;

    /// Removes dead letters of a sink that took effect after all or were discarded.
    async fn clear_dead_letters(
        &self,
        key: &WorkKey,
        handler: &str,
        positions: &[LogPosition],
    ) -> StoreResult<()>;

    /// Forgets the records of a dropped sink, including its dead letters.
    async fn forget_sink(&self, key: &WorkKey) -> StoreResult<()>;

    /// Requests a retry of a parked aggregate.
    async fn request_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()>;

    /// The aggregates of a log with a requested retry.
    async fn retries(&self, stream: &StreamId) -> StoreResult<Vec<(String, String)>>;

    /// Records that a retry was carried out, whatever its result.
    async fn clear_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()>;

    /// Forgets everything that the workers recorded about a log: positions, outcomes, dead letters,
    /// retries, replays.
    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()>;
}
