//! The writer: group commit, decisions, compare-and-set, idempotency. It holds one task a
//! database that it has met; nothing but that task appends to the database's log from here.
//! Other processes may append too: the log's compare-and-set tells, and the task decides again.

mod append;
mod batch;
mod diff;
mod fetch;
mod history;
mod logs;
mod look;
mod receipts;
mod recent;
mod reflect;
mod replay;
mod scribe;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use self::recent::Recent;
pub use self::{
    diff::{Against, Comparison, Diff, Mark, Summary},
    history::{Commanded, History},
    snapshot::Snapshot,
};
pub use spice_core::decide::Receipt;
use spice_core::{
    command::{Action, Command},
    envelope::Envelope,
    error::{ErrorCode, Refusal, StoreError},
    guard::Guards,
    id::{LogPosition, StreamId},
    idempotency::IdempotencyKey,
    name::DatabaseName,
    port::{clock::Clock, log::Log, registry::WriteModel},
};
use tokio::sync::{
    Notify,
    mpsc::{self, error::SendTimeoutError},
    oneshot, watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How the writer works.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// Commands that one batch may hold.
    pub batch_commands: usize,
    /// Commands that may wait before clients have to.
    pub queue: usize,
    /// How long an append with no answer is settled before the client is told so (it goes on
    /// being settled after that).
    pub answer_within: Duration,
    /// `EVENT_STORE_IDEMPOTENCY_MISMATCH_MODE=warn`: the same id with another payload gets the
    /// first answer and a line in the log of the process, in place of a refusal.
    pub keep_first_on_mismatch: bool,
    /// The guards in force; all, but for tests.
    pub guards: Guards,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            batch_commands: 1_000,
            queue: 10_000,
            answer_within: Duration::from_secs(30),
            keep_first_on_mismatch: false,
            guards: Guards::default(),
        }
    }
}

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

/// What the writer needs of the world.
#[derive(Clone)]
struct Ports {
    log: Arc<dyn Log>,
    model: Arc<dyn WriteModel>,
    clock: Arc<dyn Clock>,
    settings: Arc<WriterSettings>,
    recent: Recent,
    refused: logs::Refused,
    /// Told when the registry has followed a log.
    followed: Arc<Notify>,
}

/// A command that stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The answer.
    pub receipt: Receipt,
    /// Whether it was accepted before, and this is its first answer again.
    pub is_replay: bool,
}

type Answer = Result<Accepted, Refusal>;

/// A command that waits for its answer.
struct Request {
    command: Command,
    /// What names the command in place of its id.
    key: Option<IdempotencyKey>,
    digest: String,
    answer: oneshot::Sender<Answer>,
}

/// The way to a database's task.
#[derive(Clone)]
struct Scribe {
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<Standing>,
}

/// What a database's task tells of itself.
#[derive(Debug, Clone)]
enum Standing {
    /// It is reading itself in.
    Opening,
    /// There is no such database now.
    Absent,
    /// There is.
    Live(Arc<Snapshot>),
    /// It cannot be opened.
    Failed(Refusal),
}

impl Writer {
    /// A writer over these ports. Its tasks run on the runtime that first submits to it.
    pub fn new(
        log: Arc<dyn Log>,
        model: Arc<dyn WriteModel>,
        clock: Arc<dyn Clock>,
        settings: WriterSettings,
    ) -> Self {
        let settings = Arc::new(settings);
        let ports = Ports {
            log,
            model,
            clock,
            settings,
            recent: Recent::default(),
            refused: logs::Refused::default(),
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
        let internal = |error| Refusal::new(ErrorCode::Internal, format!("no digest: {error}"));
        let digest = command.action.digest(&command.database).map_err(internal)?;
        let may_create = matches!(command.action, Action::CreateDatabase { .. });
        let scribe = self.scribe(&command.database, may_create).await?;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            command,
            key,
            digest,
            answer,
        };
        let settling = self.shared.ports.settings.answer_within;
        scribe
            .requests
            .send_timeout(request, settling)
            .await
            .map_err(|error| match error {
                SendTimeoutError::Timeout(_) => behind("too many commands wait for this database"),
                SendTimeoutError::Closed(_) => stopping(),
            })?;
        match tokio::time::timeout(settling, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(Refusal::new(
                ErrorCode::Timeout,
                "the log has not answered in time; whether the command is in it is not known yet: \
                 send it again with the same Idempotency-Key",
            )),
        }
    }

    /// A live database as it stands at its log's end, or `not_found`.
    pub async fn snapshot(&self, database: &DatabaseName) -> Result<Arc<Snapshot>, Refusal> {
        self.snapshot_when(database, |_| true).await
    }

    /// A live database once its log holds a position; for those who wait for what comes.
    pub async fn snapshot_with(
        &self,
        database: &DatabaseName,
        position: LogPosition,
    ) -> Result<Arc<Snapshot>, Refusal> {
        self.snapshot_when(database, |snapshot| snapshot.end > position)
            .await
    }

    async fn snapshot_when(
        &self,
        database: &DatabaseName,
        is_enough: impl Fn(&Snapshot) -> bool,
    ) -> Result<Arc<Snapshot>, Refusal> {
        let mut scribe = self.scribe(database, false).await?;
        let standing = scribe
            .state
            .wait_for(|standing| match standing {
                Standing::Opening => false,
                Standing::Live(snapshot) => is_enough(snapshot),
                Standing::Absent | Standing::Failed(_) => true,
            })
            .await
            .map_err(|_| stopping())?
            .clone();
        match standing {
            Standing::Live(snapshot) => Ok(snapshot),
            Standing::Failed(refusal) => Err(refusal),
            Standing::Absent | Standing::Opening => Err(database_not_found(database)),
        }
    }

    /// Every live database, by name.
    pub async fn databases(&self) -> Result<Vec<Arc<Snapshot>>, Refusal> {
        let names = self.names().await?;
        let mut snapshots = Vec::with_capacity(names.len());
        for name in names {
            match self.snapshot(&name).await {
                Ok(snapshot) => snapshots.push(snapshot),
                Err(refusal) if refusal.code == ErrorCode::NotFound => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(snapshots)
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
        let stream = self.newest(database).await?;
        if stream.is_none() && !may_create {
            return Err(database_not_found(database));
        }
        let stream = stream.unwrap_or_else(|| StreamId::first(database.clone()));
        let mut scribes = self
            .shared
            .scribes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(scribe) = scribes
            .get(database)
            .filter(|known| !known.requests.is_closed())
        {
            return Ok(scribe.clone());
        }
        let (scribe, run) = scribe::open(&self.shared.ports, stream, self.shared.stop.clone());
        self.shared.tasks.spawn(run);
        scribes.insert(database.clone(), scribe.clone());
        Ok(scribe)
    }

    fn known(&self, database: &DatabaseName) -> Option<Scribe> {
        let scribes = self
            .shared
            .scribes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        scribes
            .get(database)
            .filter(|scribe| !scribe.requests.is_closed())
            .cloned()
    }
}

fn parse(stream: &StreamId, position: LogPosition, line: &[u8]) -> Result<Envelope, StoreError> {
    Envelope::from_line(line).map_err(|error| StoreError::Damaged {
        store: "log",
        reason: format!("position {position} of {stream} is no envelope: {error}"),
    })
}

fn database_not_found(database: &DatabaseName) -> Refusal {
    Refusal::new(
        ErrorCode::NotFound,
        format!("there is no database {database}"),
    )
    .with("database", database.as_str())
}

fn behind(message: &str) -> Refusal {
    Refusal::new(ErrorCode::Unavailable, message)
}

fn stopping() -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "the writer is stopping; try again")
}
