//! The writer: group commit, decisions, compare-and-set, idempotency. It holds one task a
//! database that it has met; nothing but that task appends to the database's log from here.
//! Other processes may append too: the log's compare-and-set tells, and the task decides again.

mod active;
mod append;
mod batch;
mod diff;
mod draft;
mod fetch;
mod freshness;
mod handle;
mod history;
mod logs;
mod look;
mod metrics;
mod ports;
mod published;
mod receipts;
mod recent;
mod reflect;
mod refused;
mod replay;
mod request;
mod scribe;
mod settings;
mod settle;
mod skew;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

pub(crate) use self::snapshot::no_branch;
pub use self::{
    diff::{Against, Comparison, Diff, Mark, Summary},
    history::History,
    request::Accepted,
    settings::WriterSettings,
    snapshot::Snapshot,
};
use self::{
    handle::{Scribe, Standing},
    metrics::Appends,
    ports::Ports,
    request::Request,
};
pub use spice_core::decide::Receipt;
use spice_core::{
    command::Command,
    decide::Tallies,
    error::{ErrorCode, Refusal, StoreError},
    id::{LogPosition, StreamId},
    idempotency::IdempotencyKey,
    name::DatabaseName,
    port::{
        clock::Clock,
        hints::{Hints, LOOK_AGAIN, Listener, Topic},
        log::Log,
        registry::{Anchors, WriteModel},
    },
};
use spice_telemetry::trace;
use tokio::{
    sync::{mpsc::error::SendTimeoutError, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;
use uuid::Uuid;

use crate::lock::lock;

/// The writer's handle; cheap to clone.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    ports: Ports,
    scribes: Mutex<HashMap<DatabaseName, Scribe>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Writer {
    /// A writer over these ports. It compares every log with what registry and sinks have seen of it
    /// before it reads or appends. Its tasks run on the runtime that first submits to it.
    pub fn new(
        sinks: Vec<Arc<dyn Anchors>>,
        log: Arc<dyn Log>,
        model: Arc<dyn WriteModel>,
        hints: Arc<dyn Hints>,
        clock: Arc<dyn Clock>,
        settings: WriterSettings,
    ) -> Self {
        let ports = Ports {
            log,
            model,
            hints,
            sinks,
            clock,
            skew: Arc::default(),
            owner: Uuid::new_v4().to_string().into(),
            settings: Arc::new(settings),
            recent: Arc::default(),
            refused: Arc::default(),
            appends: Appends::default(),
            followed: Arc::default(),
        };
        let shared = Shared {
            ports,
            scribes: Mutex::new(HashMap::new()),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Decides a command and, when it is accepted, puts it into the log; answers after the PUT.
    pub async fn submit(&self, command: Command) -> Result<Receipt, Refusal> {
        Ok(self.submit_keyed(command, None).await?.receipt)
    }

    /// [`Writer::submit`] of a command that a key names: it gets the id that the key stands for in
    /// the generation of the database that the decision is made in.
    pub async fn submit_keyed(
        &self,
        command: Command,
        key: Option<IdempotencyKey>,
    ) -> Result<Accepted, Refusal> {
        self.submit_counted(command, key, Tallies::default()).await
    }

    /// [`Writer::submit_keyed`] with the instances that [`Writer::plan_declaration`] has counted.
    pub async fn submit_counted(
        &self,
        mut command: Command,
        key: Option<IdempotencyKey>,
        tallies: Tallies,
    ) -> Result<Accepted, Refusal> {
        let name = command.action.event_type().command_type();
        let traceparent = &mut command.origin.traceparent;
        let span = trace::command(&command.database, name, traceparent);
        let submitted = self
            .submit_in_span(command, key, tallies)
            .instrument(span.clone());
        let answer = submitted.await;
        match &answer {
            Ok(accepted) => span.record("position", accepted.receipt.last.0),
            Err(refusal) => span.record("code", refusal.code.as_str()),
        };
        answer
    }

    async fn submit_in_span(
        &self,
        command: Command,
        key: Option<IdempotencyKey>,
        tallies: Tallies,
    ) -> Result<Accepted, Refusal> {
        let payload = command.action.payload(&command.database).map_err(|error| {
            let message = format!("cannot compute a digest: {error}");
            Refusal::new(ErrorCode::Internal, message)
        })?;
        let may_create = command.action.creates_database();
        let database = command.database.clone();
        let (answer, answered) = oneshot::channel();
        let mut request = Request {
            command,
            key,
            tallies,
            digest: payload.digest,
            bytes: payload.bytes,
            answer,
        };
        let settling = self.shared.ports.settings.answer_within;
        loop {
            let scribe = self.scribe(&database, may_create).await?;
            match scribe.requests.send_timeout(request, settling).await {
                Ok(()) => break,
                Err(SendTimeoutError::Timeout(_)) => {
                    let message = "too many commands are waiting for this database";
                    return Err(Refusal::new(ErrorCode::Unavailable, message));
                }
                Err(SendTimeoutError::Closed(_)) if self.is_stopping() => return Err(stopping()),
                // The database was idle and has just been closed.
                Err(SendTimeoutError::Closed(unsent)) => request = unsent,
            }
        }
        match timeout(settling, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(Refusal::new(
                ErrorCode::Timeout,
                "the log did not answer in time, so it is unknown whether the command is in it; \
                 send it again with the same Idempotency-Key",
            )),
        }
    }

    /// A live database, or `not_found`: at most [`WriterSettings::behind`] behind what other
    /// processes appended.
    pub async fn snapshot(&self, database: &DatabaseName) -> Result<Arc<Snapshot>, Refusal> {
        let behind = self.shared.ports.settings.behind;
        self.snapshot_within(database, behind).await
    }

    /// [`Writer::snapshot`] for a request that names a position: when it lies beyond what is known
    /// here, the log is read at once. It may still lie beyond the log.
    pub async fn snapshot_reaching(
        &self,
        database: &DatabaseName,
        position: LogPosition,
    ) -> Result<Arc<Snapshot>, Refusal> {
        let snapshot = self.snapshot(database).await?;
        if snapshot.end > position {
            return Ok(snapshot);
        }
        self.snapshot_within(database, Duration::ZERO).await
    }

    /// A live database once its log holds a position; for those who wait for what comes.
    pub async fn snapshot_with(
        &self,
        database: &DatabaseName,
        position: LogPosition,
    ) -> Result<Arc<Snapshot>, Refusal> {
        loop {
            let snapshot = self.snapshot_reaching(database, position).await?;
            if snapshot.end > position {
                return Ok(snapshot);
            }
            let mut scribe = self.scribe(database, false).await?;
            let is_over = |standing: &Standing| match standing {
                Standing::Opening => false,
                Standing::Live(snapshot) => snapshot.end > position,
                Standing::Absent | Standing::Failed(_) => true,
            };
            // Whatever ends the wait, the loop looks again.
            drop(timeout(LOOK_AGAIN, scribe.state.wait_for(is_over)).await);
        }
    }

    /// A live database with everything that was in its log so long ago.
    async fn snapshot_within(
        &self,
        database: &DatabaseName,
        behind: Duration,
    ) -> Result<Arc<Snapshot>, Refusal> {
        loop {
            let mut scribe = self.scribe(database, false).await?;
            let is_open = |standing: &Standing| !matches!(standing, Standing::Opening);
            match scribe.state.wait_for(is_open).await.map(drop) {
                Ok(()) => {}
                Err(_) if self.is_stopping() => return Err(stopping()),
                // The database was idle and has just been closed.
                Err(_) => continue,
            }
            scribe.refresh(&self.shared.ports, behind).await;
            let standing = scribe.state.borrow().clone();
            return match standing {
                Standing::Live(snapshot) => Ok(snapshot),
                Standing::Failed(refusal) => Err(refusal),
                Standing::Absent | Standing::Opening => Err(self.gone(database).await?),
            };
        }
    }

    /// The refusal for a database that is not live; with its last generation if it was deleted.
    async fn gone(&self, database: &DatabaseName) -> Result<Refusal, Refusal> {
        let refusal = database_not_found(database);
        Ok(match self.find_newest(database).await? {
            None => refusal,
            Some(stream) => refusal.with("generation", stream.generation),
        })
    }

    /// Microseconds by which this host's clock is ahead of the registry's, negative when it is
    /// behind, as of the last comparison: each batch and each [`Writer::probe_registry`] makes one.
    /// Times in the log are the registry's.
    pub fn clock_skew(&self) -> i64 {
        self.shared.ports.skew.micros()
    }

    /// [`Writer::clock_skew`] in seconds when it is more than 5 s.
    pub fn clock_warning(&self) -> Option<i64> {
        let micros = self.clock_skew();
        skew::is_beyond_tolerance(micros).then_some(micros / 1_000_000)
    }

    /// Asks the registry something that it can only answer when it works, and compares its clock
    /// with this host's.
    pub async fn probe_registry(&self, stream: &StreamId) -> Result<(), StoreError> {
        self.shared.ports.look_up(stream, &[]).await?;
        Ok(())
    }

    /// What is counted of the appends.
    pub(crate) fn appends(&self) -> &Appends {
        &self.shared.ports.appends
    }

    /// The hints that this process gives and follows.
    pub fn hints(&self) -> &Arc<dyn Hints> {
        &self.shared.ports.hints
    }

    /// Listens to hints.
    pub(crate) fn listen(&self, topic: Topic) -> Listener<Arc<dyn Hints>> {
        Listener::new(Arc::clone(self.hints()), topic)
    }

    /// Ends the tasks after the batch in hand.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// The task of a database; made when there is a log, or when there is to be one.
    async fn scribe(&self, database: &DatabaseName, may_create: bool) -> Result<Scribe, Refusal> {
        if let Some(scribe) = self.known(database) {
            return Ok(scribe);
        }
        let stream = self.find_newest(database).await?;
        if stream.is_none() && !may_create {
            return Err(database_not_found(database));
        }
        let stream = stream.unwrap_or_else(|| StreamId::first(database.clone()));
        let mut scribes = self.scribes();
        scribes.retain(|_, known| !known.requests.is_closed());
        let scribe = scribes.entry(database.clone()).or_insert_with(|| {
            let (scribe, run) = scribe::open(&self.shared.ports, stream, self.shared.stop.clone());
            self.shared.tasks.spawn(run);
            scribe
        });
        Ok(scribe.clone())
    }

    fn is_stopping(&self) -> bool {
        self.shared.stop.is_cancelled()
    }

    fn scribes(&self) -> MutexGuard<'_, HashMap<DatabaseName, Scribe>> {
        lock(&self.shared.scribes)
    }

    fn known(&self, database: &DatabaseName) -> Option<Scribe> {
        let scribes = self.scribes();
        let known = scribes.get(database);
        let scribe = known.filter(|scribe| !scribe.requests.is_closed())?;
        scribe.freshness.touch();
        Some(scribe.clone())
    }
}

fn database_not_found(database: &DatabaseName) -> Refusal {
    let message = format!("there is no database {database}");
    Refusal::new(ErrorCode::NotFound, message).with("database", database.as_str())
}

fn stopping() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "the writer is stopping; try again")
}
