//! The registry on SQLite: the write model, and what the workers have processed.

mod directory;
mod leases;
mod letters;
mod model;
mod processed;
mod replays;
mod work;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use spice_core::{
    bucket::Bucket,
    chain::Anchor,
    guard::Guards,
    id::{CommandId, LogPosition, StreamId},
    lineage::{Lineage, Span},
    model::{CommandEntry, ModelEntry, ModelKey},
    port::{
        Store, StoreResult,
        clock::Clock,
        registry::{
            Advance, DeadLetter, DeadLetterCount, Found, Lease, ListedDatabase, LogDirectory,
            LookedUp, Lookup, Processing, WorkKey, WorkRecord, WorkerRegistry, WriteModel,
        },
    },
};

use super::{
    anchors::keeps_anchors,
    database::{Database, Mode},
    installation::remembers_installation,
    open::{Location, Schema},
    scopes, streams,
};

static SCHEMA: Schema = Schema {
    store: Store::Registry,
    application: 0x5350_0001,
    version: 8,
    tables: &[
        streams::TABLES,
        scopes::TABLES,
        model::TABLES,
        directory::TABLES,
        leases::TABLES,
        work::TABLES,
        processed::TABLES,
    ],
    cache: 6 * 1024,
};

/// The registry in one SQLite file.
#[derive(Clone)]
pub struct SqliteRegistry {
    database: Database,
    guards: Guards,
    clock: Option<Arc<dyn Clock>>,
}

impl SqliteRegistry {
    /// Opens the registry, empty when there is none that can be used.
    pub fn open(location: &Location, mode: Mode, guards: Guards) -> StoreResult<Self> {
        Ok(Self {
            database: Database::open(location, mode, &SCHEMA)?,
            guards,
            clock: None,
        })
    }

    /// Tells the time and measures leases by this clock instead of SQLite's, for simulation.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }
}

keeps_anchors!(SqliteRegistry, database);
remembers_installation!(SqliteRegistry, database);

#[async_trait]
impl LogDirectory for SqliteRegistry {
    async fn databases(&self) -> StoreResult<Vec<ListedDatabase>> {
        self.database.read(directory::databases).await
    }

    async fn mark_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()> {
        let (stream, owner, clock) = (stream.clone(), owner.to_owned(), self.clock.clone());
        let write = move |connection: &_| {
            let now = leases::now(connection, clock.as_ref())?;
            directory::mark_active(connection, &stream, &owner, now)
        };
        self.database.write(write).await
    }

    async fn clear_active(&self, stream: &StreamId, owner: &str) -> StoreResult<()> {
        let (stream, owner, clock) = (stream.clone(), owner.to_owned(), self.clock.clone());
        let write = move |connection: &_| {
            let now = leases::now(connection, clock.as_ref())?;
            directory::clear_active(connection, &stream, &owner, now)
        };
        self.database.write(write).await
    }

    async fn active_logs(&self) -> StoreResult<Vec<StreamId>> {
        self.database.read(directory::list_active).await
    }

    async fn sweep_due(&self) -> StoreResult<Option<String>> {
        if self.database.read(directory::has_swept).await? {
            return Ok(None);
        }
        self.database.write(directory::sweep_due).await
    }

    async fn end_sweep(&self, token: &str) -> StoreResult<()> {
        let token = token.to_owned();
        let write = move |connection: &_| directory::end_sweep(connection, &token);
        self.database.write(write).await
    }
}

#[async_trait]
impl WriteModel for SqliteRegistry {
    async fn reflected_position(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let stream = stream.clone();
        let read = move |connection: &_| model::reflected_position(connection, &stream);
        self.database.read(read).await
    }

    async fn get(&self, stream: &StreamId, lookups: &[Lookup]) -> StoreResult<Found> {
        let (stream, lookups) = (stream.clone(), lookups.to_vec());
        let read = move |connection: &_| model::get(connection, &stream, &lookups);
        self.database.read(read).await
    }

    async fn scan(
        &self,
        stream: &StreamId,
        lineage: &Lineage,
        prefix: &str,
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelEntry>> {
        let (stream, lineage) = (stream.clone(), lineage.clone());
        let range = super::layers::KeyRange::with_prefix(prefix, after.map(ModelKey::as_str));
        let read = move |connection: &_| model::scan(connection, &stream, &lineage, &range, limit);
        self.database.read(read).await
    }

    async fn changed_keys(
        &self,
        stream: &StreamId,
        spans: &[Span],
        after: Option<&ModelKey>,
        limit: usize,
    ) -> StoreResult<Vec<ModelKey>> {
        let (stream, spans, after) = (stream.clone(), spans.to_vec(), after.cloned());
        let read = move |connection: &_| {
            model::changed_keys(connection, &stream, &spans, after.as_ref(), limit)
        };
        self.database.read(read).await
    }

    async fn writes(
        &self,
        stream: &StreamId,
        span: &Span,
        limit: usize,
    ) -> StoreResult<Vec<(LogPosition, ModelKey)>> {
        let (stream, span) = (stream.clone(), *span);
        let read = move |connection: &_| model::writes(connection, &stream, &span, limit);
        self.database.read(read).await
    }

    async fn advance(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: Anchor,
        entries: Vec<ModelEntry>,
        commands: Vec<CommandEntry>,
    ) -> StoreResult<Advance> {
        let (stream, guards) = (stream.clone(), self.guards);
        let write = move |connection: &_| {
            let step = model::Step {
                from,
                to,
                entries: &entries,
                commands: &commands,
            };
            model::advance(connection, &stream, &step, guards)
        };
        self.database.write(write).await
    }

    async fn commands(&self, ids: &[CommandId]) -> StoreResult<Vec<Option<CommandEntry>>> {
        let ids = ids.to_vec();
        let read = move |connection: &_| model::commands(connection, &ids);
        self.database.read(read).await
    }

    async fn look_up(&self, stream: &StreamId, ids: &[CommandId]) -> StoreResult<LookedUp> {
        let (stream, ids, clock) = (stream.clone(), ids.to_vec(), self.clock.clone());
        let read = move |connection: &_| {
            Ok(LookedUp {
                commands: model::commands(connection, &ids)?,
                reflected: model::reflected_position(connection, &stream)?,
                marked_by: directory::marked_by(connection, &stream)?,
                now: leases::now(connection, clock.as_ref())?,
            })
        };
        self.database.read(read).await
    }

    async fn recent_commands(
        &self,
        stream: &StreamId,
        before: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<CommandEntry>> {
        let stream = stream.clone();
        let read = move |connection: &_| model::recent_commands(connection, &stream, before, limit);
        self.database.read(read).await
    }

    async fn forget(&self, stream: &StreamId) -> StoreResult<()> {
        let stream = stream.clone();
        let write = move |connection: &_| model::forget(connection, &stream);
        self.database.write(write).await
    }
}

#[async_trait]
impl WorkerRegistry for SqliteRegistry {
    async fn join(&self, worker: &str, owner: &str, ttl: Duration) -> StoreResult<Vec<String>> {
        let (worker, owner, clock) = (worker.to_owned(), owner.to_owned(), self.clock.clone());
        let write = move |connection: &_| {
            let now = leases::now(connection, clock.as_ref())?;
            leases::join(connection, &worker, &owner, ttl, now)
        };
        self.database.write(write).await
    }

    async fn acquire(
        &self,
        worker: &str,
        buckets: &[Bucket],
        owner: &str,
        ttl: Duration,
    ) -> StoreResult<Vec<Lease>> {
        let (worker, owner, clock) = (worker.to_owned(), owner.to_owned(), self.clock.clone());
        let buckets = buckets.to_vec();
        let write = move |connection: &_| {
            let now = leases::now(connection, clock.as_ref())?;
            leases::acquire(connection, &worker, &buckets, &owner, ttl, now)
        };
        self.database.write(write).await
    }

    async fn release(&self, worker: &str, lease: &Lease) -> StoreResult<()> {
        let (worker, lease) = (worker.to_owned(), lease.clone());
        let write = move |connection: &_| leases::release(connection, &worker, &lease);
        self.database.write(write).await
    }

    async fn leave(&self, worker: &str, owner: &str) -> StoreResult<()> {
        let (worker, owner) = (worker.to_owned(), owner.to_owned());
        let write = move |connection: &_| leases::leave(connection, &worker, &owner);
        self.database.write(write).await
    }

    async fn recorded_position(&self, key: &WorkKey) -> StoreResult<LogPosition> {
        let key = key.clone();
        let read = move |connection: &_| work::read_position(connection, &key);
        self.database.read(read).await
    }

    async fn record(&self, record: WorkRecord) -> StoreResult<()> {
        let guards = self.guards;
        let write = move |connection: &_| work::record(connection, &record, guards);
        self.database.write(write).await
    }

    async fn farthest_positions(
        &self,
        stream: &StreamId,
    ) -> StoreResult<Vec<(String, LogPosition)>> {
        let stream = stream.clone();
        let read = move |connection: &_| work::farthest_positions(connection, &stream);
        self.database.read(read).await
    }

    async fn outcomes_at(
        &self,
        stream: &StreamId,
        position: LogPosition,
    ) -> StoreResult<Vec<Processing>> {
        let stream = stream.clone();
        let read = move |connection: &_| processed::list_at(connection, &stream, position);
        self.database.read(read).await
    }

    async fn dead_letters(&self, stream: Option<&StreamId>) -> StoreResult<Vec<DeadLetter>> {
        let stream = stream.cloned();
        let read = move |connection: &_| letters::list(connection, stream.as_ref());
        self.database.read(read).await
    }

    async fn count_dead_letters(&self) -> StoreResult<Vec<DeadLetterCount>> {
        self.database.read(letters::count).await
    }

    async fn clear_dead_letters(
        &self,
        key: &WorkKey,
        handler: &str,
        positions: &[LogPosition],
    ) -> StoreResult<()> {
        let (wanted, handler, positions) = (key.clone(), handler.to_owned(), positions.to_vec());
        let write = move |connection: &_| letters::clear(connection, &wanted, &handler, &positions);
        self.database.write(write).await
    }

    async fn forget_sink(&self, key: &WorkKey) -> StoreResult<()> {
        let dropped = key.clone();
        let write = move |connection: &_| work::forget_sink(connection, &dropped);
        self.database.write(write).await
    }

    async fn request_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        let (handler, log) = (handler.to_owned(), stream.clone());
        let aggregate = aggregate_id.to_owned();
        let write =
            move |connection: &_| letters::request_retry(connection, &handler, &log, &aggregate);
        self.database.write(write).await
    }

    async fn retries(&self, stream: &StreamId) -> StoreResult<Vec<(String, String)>> {
        let stream = stream.clone();
        let read = move |connection: &_| letters::retries(connection, &stream);
        self.database.read(read).await
    }

    async fn clear_retry(
        &self,
        handler: &str,
        stream: &StreamId,
        aggregate_id: &str,
    ) -> StoreResult<()> {
        let (handler, log) = (handler.to_owned(), stream.clone());
        let aggregate = aggregate_id.to_owned();
        let write =
            move |connection: &_| letters::clear_retry(connection, &handler, &log, &aggregate);
        self.database.write(write).await
    }

    async fn forget_work(&self, stream: &StreamId) -> StoreResult<()> {
        let log = stream.clone();
        let write = move |connection: &_| work::forget(connection, &log);
        self.database.write(write).await
    }
}
