//! The registry: the writer's model of the log's end, and what the workers have processed.
//! All of it can be thrown away and comes back from the log.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    bucket::Bucket,
    chain::Anchor,
    id::{CommandId, EventId, LogPosition, StreamId},
    lineage::{Lineage, Span},
    model::{CommandEntry, DatabaseState, ModelEntry, ModelKey},
    name::DatabaseName,
    time::Timestamp,
};

/// A question to the write model: the newest entry of `key` that shows through `lineage`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// What shows.
    pub lineage: Lineage,
    /// What is asked for.
    pub key: ModelKey,
}

/// The answers to lookups, all of one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The entries, in the order asked.
    pub entries: Vec<Option<ModelEntry>>,
    /// The position up to which the log is reflected.
    pub reflected: LogPosition,
}

/// The result of moving the write model on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// It reflects the log up to the new position now.
    Done,
    /// It was elsewhere already: at this position.
    Elsewhere(LogPosition),
}

/// What a store has seen of each log: the registry, and every sink.
#[async_trait]
pub trait Anchors: Send + Sync {
    /// How far a log was seen, and its chain there; none for a log that was never seen.
    async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>>;

    /// Every log that was seen, in order of name and generation.
    async fn anchored(&self) -> StoreResult<Vec<StreamId>>;

    /// The logs of one database that were seen, in order of generation.
    async fn anchored_generations(&self, database: &DatabaseName) -> StoreResult<Vec<StreamId>> {
        let mut streams = self.anchored().await?;
        streams.retain(|stream| stream.database == *database);
        Ok(streams)
    }
}

/// What a writer looks up before it decides, all of one snapshot.
#[derive(Debug, Clone)]
pub struct LookedUp {
    /// Where commands stand, in the order asked.
    pub commands: Vec<Option<CommandEntry>>,
    /// The position up to which the log is reflected.
    pub reflected: LogPosition,
    /// The registry's time: the same for every process, whatever its own clock says.
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

/// Which databases there are, and which logs may hold more than the registry reflects, so that
/// nobody has to look into every log.
#[async_trait]
pub trait LogDirectory: Send + Sync {
    /// The live databases by name, as far as their logs are reflected.
    async fn databases(&self) -> StoreResult<Vec<ListedDatabase>>;

    /// Says that `owner` appends to a log from now on. Whoever writes marks the log before the
    /// first append after a rest, and again every minute.
    async fn mark_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()>;

    /// Takes an owner's mark back, once the registry reflects what it appended; marks of processes
    /// that are gone go with it.
    async fn clear_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()>;

    /// The logs that are marked: every other one is reflected to its end.
    async fn active(&self) -> StoreResult<Vec<StreamId>>;

    /// A token for reading every log into this registry; none when that was done. A registry that
    /// was lost comes back empty, and has to be swept again.
    async fn sweep_due(&self) -> StoreResult<Option<String>>;

    /// Says that the sweep of this token is done. Without effect on a registry that was replaced
    /// meanwhile.
    async fn end_sweep(&self, token: &str) -> StoreResult<()>;
}

/// The write model: per log, the entries that [`crate::model::fold`] makes of its envelopes,
/// every version by position, and the position up to which they are reflected.
#[async_trait]
pub trait WriteModel: Anchors + LogDirectory {
    /// The next position that the write model does not reflect yet.
    async fn reflected(&self, stream: &StreamId) -> StoreResult<LogPosition>;

    /// Answers many lookups in one round trip.
    async fn get(&self, stream: &StreamId, lookups: &[Lookup]) -> StoreResult<Found>;

    /// The newest entries that show through `lineage` for keys that start with `prefix`, in order
    /// of key, after `after`, at most `limit`.
    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>>;

    /// The keys of classes and instances that have a version within any of the spans, in order of
    /// key and each once, after `after`, at most `limit`. Costs by what was written there, not by
    /// what there is.
    async fn changed(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>>;

    /// Moves on from exactly `from` to where `to` stands, in one transaction; `to` is the log's
    /// anchor from then on.
    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance>;

    /// Where commands stand, by id, over all logs, in the order asked.
    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>>;

    /// [`WriteModel::commands`], with what else a writer needs to know of the same moment.
    async fn look_up(&self, stream: &StreamId, ids: &[CommandId]) -> StoreResult<LookedUp>;

    /// The newest commands of a log, newest first, before a position.
    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>>;

    /// Forgets all that is known of a log, its anchor too, for a rebuild.
    async fn forget(&self, stream: &StreamId) -> StoreResult<()>;
}

/// A worker process's right to work on the logs of one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The logs that it covers.
    pub bucket: Bucket,
    /// One more each time the lease is taken anew; recording with an older one fails.
    pub fence: u64,
    /// Who holds it.
    pub owner: String,
}

/// Key of the workers' part: a handler's work on one log into one generation of its sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkKey {
    /// The worker: `graph_worker`, `projection_worker`.
    pub worker: String,
    /// The log.
    pub stream: StreamId,
    /// The sink's generation ([`super::sink::Sink`]).
    pub sink: String,
}

/// What became of an event that did not simply take effect with its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It took effect: with its batch, or later by a retry.
    Done,
    /// It waits in the dead letters, alone or behind an earlier event of its aggregate.
    Parked,
    /// A person gave it up for this handler.
    Discarded,
}

/// The outcome of one event, where the position alone does not tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processed {
    /// Which handler: `instance_worker`, `projection_worker:instance_events`, …
    pub handler: &'static str,
    /// Where the event stands.
    pub position: LogPosition,
    /// What became of it.
    pub outcome: Outcome,
}

/// What the registry knows of a position in one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processing {
    /// The worker.
    pub worker: String,
    /// The sink's generation.
    pub sink: String,
    /// The handler, for an event with an outcome of its own; none when its batch took effect.
    pub handler: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// An event that a sink refuses for good, or that stands behind one that it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which handler parked it.
    pub handler: String,
    /// The log.
    pub stream: StreamId,
    /// The generation of the sink that refuses it.
    pub sink: String,
    /// Where the event stands; its envelope is read from the log.
    pub position: LogPosition,
    /// The event.
    pub event_id: EventId,
    /// The aggregate that is parked, as text.
    pub aggregate_id: String,
    /// What the sink said; for a follower, which position it stands behind.
    pub error: String,
    /// `permanent` for the event itself, `behind` for a follower.
    pub class: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried.
    pub first_at: Timestamp,
    /// When it was last tried.
    pub last_at: Timestamp,
}

/// One batch's record: written whole or not at all, and only while `lease` holds.
#[derive(Debug, Clone)]
pub struct WorkRecord {
    /// What was worked on.
    pub key: WorkKey,
    /// The lease that covers the log.
    pub lease: Lease,
    /// The position that the worker's record had before the batch.
    pub from: LogPosition,
    /// Every position below this one is dealt with now.
    pub through: LogPosition,
    /// Whether the sink was the live one: then the worker's farthest position moves along.
    pub live: bool,
    /// The events with an outcome of their own.
    pub processed: Vec<Processed>,
    /// Events to park.
    pub parked: Vec<DeadLetter>,
    /// When.
    pub at: Timestamp,
}

/// What the workers have done: leases, fences, positions, processed events, dead letters.
#[async_trait]
pub trait WorkerRegistry: Anchors {
    /// Announces that `owner` works as `worker`, for `ttl` from now. Returns every owner that is
    /// announced, in order.
    async fn join(&self, worker: &str, owner: &str, ttl: Duration) -> StoreResult<Vec<String>>;

    /// Takes or renews the leases on `buckets` for `ttl` from now, in one transaction. Returns the
    /// leases that `owner` holds now; a bucket that another owner holds is left out. A lease ends
    /// when `ttl` has passed on the registry's own clock; no caller's clock decides it.
    async fn acquire(
        &self,
        worker: &str,
        buckets: &[Bucket],
        owner: &str,
        ttl: Duration,
    ) -> StoreResult<Vec<Lease>>;

    /// Gives a lease back, so that another owner can take it at once. Does nothing when the lease
    /// has gone to another owner.
    async fn release(&self, worker: &str, lease: &Lease) -> StoreResult<()>;

    /// Withdraws an owner: its announcement and all of its leases as `worker`.
    async fn leave(&self, worker: &str, owner: &str) -> StoreResult<()>;

    /// The next position that the worker's record does not cover; zero for a new sink.
    async fn worked(&self, key: &WorkKey) -> StoreResult<LogPosition>;

    /// Records a batch in one transaction; [`crate::error::StoreError::Fenced`] when the lease has
    /// gone, or when the record is not at `record.from`.
    async fn record(&self, record: WorkRecord) -> StoreResult<()>;

    /// The farthest position that each worker has recorded for a live sink of a log. It never goes
    /// back, whatever happens to the sink. A worker that has recorded nothing is left out.
    async fn farthest(&self, stream: &StreamId) -> StoreResult<Vec<(String, LogPosition)>>;

    /// What is known of a position, in every sink. Outcomes of single events are kept; of batches
    /// that took effect only the newest few thousand of each sink are.
    async fn processed(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<Processing>>;

    /// Dead letters of every sink, in order of handler, log, position and sink; of one log or of
    /// all.
    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>>;

    /// Removes dead letters of a sink: they took effect after all, or were discarded.
    async fn clear_dead_letters(
        &self,
        key: &WorkKey,
        handler: &str,
        positions: &[LogPosition],
    ) -> StoreResult<()>;

    /// Forgets what was recorded of a sink that was dropped, its dead letters too.
    async fn forget_sink(&self, key: &WorkKey) -> StoreResult<()>;

    /// Remembers that a parked aggregate is to be tried again, and wakes the workers.
    async fn request_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()>;

    /// The aggregates of a log that are to be tried again.
    async fn retries(&self, stream: &StreamId) -> StoreResult<Vec<(String, String)>>;

    /// Says that a retry was carried out, whatever came of it.
    async fn clear_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()>;

    /// Forgets all that the workers recorded of a log: positions, outcomes, dead letters, retries.
    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()>;

    /// Waits until something that concerns a log may have changed since `seen` (a number that
    /// only grows; answered anew each time). A hint.
    async fn wait_change(&self, stream: &StreamId, seen: u64) -> u64;
}
