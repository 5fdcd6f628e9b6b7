//! Runs relay and workers for every live log: finds logs, starts tasks, restarts what failed,
//! shows how they are.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use spice_core::{
    chain::resume,
    error::StoreError,
    id::StreamId,
    port::{
        StoreResult, bus::Bus, clock::Clock, documents::Documents, graph::Graph, log::Log,
        registry::WorkerRegistry,
    },
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    backoff::{Backoff, BackoffConfig},
    engine::{End, Engine, EngineConfig, EnginePorts, Halt, Handler, Patience},
    graph_worker::{self, GraphWorker},
    projection_worker::{self, ProjectionWorker},
    rebuild::rebuild,
    relay::{Relay, RelayConfig},
    status::{Reporter, WorkerStatus},
};

/// A task that ran this long without failing starts with a clean record.
const CALM: Duration = Duration::from_mins(1);

/// What the workers need of the world.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The workers' part of the registry.
    pub registry: Arc<dyn WorkerRegistry>,
    /// The graph.
    pub graph: Arc<dyn Graph>,
    /// The documents.
    pub documents: Arc<dyn Documents>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// One of the tasks that a log needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// From log to bus.
    Relay,
    /// From bus to graph.
    Graph,
    /// From bus to documents.
    Projection,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Relay, Self::Graph, Self::Projection];

    /// The role's name: of a worker, the worker's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Graph => graph_worker::NAME,
            Self::Projection => projection_worker::NAME,
        }
    }
}

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// The roles of this process.
    pub roles: Vec<Role>,
    /// Of the workers.
    pub engine: EngineConfig,
    /// Of the relay.
    pub relay: RelayConfig,
    /// The waits before something that failed is started again.
    pub restart: BackoffConfig,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            roles: Role::ALL.to_vec(),
            engine: EngineConfig::default(),
            relay: RelayConfig::default(),
            restart: BackoffConfig {
                base: Duration::from_secs(1),
                max: Duration::from_mins(1),
            },
        }
    }
}

/// The running workers. Dropped, they end as well, but nobody waits for them.
pub struct Workers {
    shared: Arc<Shared>,
    _guard: DropGuard,
}

struct Shared {
    ports: Ports,
    config: WorkersConfig,
    token: CancellationToken,
    tracker: TaskTracker,
    tasks: Mutex<BTreeMap<(StreamId, Role), Task>>,
}

#[derive(Clone)]
struct Task {
    reporter: Reporter,
    nudge: Arc<Notify>,
}

impl Workers {
    /// Starts them, on the runtime that this is called on.
    pub fn start(ports: Ports, config: WorkersConfig) -> Self {
        let token = CancellationToken::new();
        let shared = Arc::new(Shared {
            ports,
            config,
            token: token.clone(),
            tracker: TaskTracker::new(),
            tasks: Mutex::new(BTreeMap::new()),
        });
        shared.tracker.spawn(discover(Arc::clone(&shared)));
        Self {
            shared,
            _guard: token.drop_guard(),
        }
    }

    /// How every task is, by log and role.
    pub fn statuses(&self) -> BTreeMap<(StreamId, Role), WorkerStatus> {
        let tasks = self.shared.lock();
        tasks
            .iter()
            .map(|(key, task)| (key.clone(), task.reporter.subscribe().borrow().clone()))
            .collect()
    }

    /// Follows one task's status; none for a log that has not been met.
    pub fn status(&self, stream: &StreamId, role: Role) -> Option<watch::Receiver<WorkerStatus>> {
        let tasks = self.shared.lock();
        let task = tasks.get(&(stream.clone(), role))?;
        Some(task.reporter.subscribe())
    }

    /// Throws away what a worker's sink knows of a log; the worker fills it again.
    pub async fn rebuild(&self, stream: &StreamId, role: Role) -> StoreResult<()> {
        let Some(handler) = self.shared.handler(role) else {
            return Ok(());
        };
        rebuild(&*handler, stream).await?;
        self.nudge(stream, role);
        Ok(())
    }

    /// Makes a worker look at its sink at once.
    pub fn nudge(&self, stream: &StreamId, role: Role) {
        if let Some(task) = self.shared.lock().get(&(stream.clone(), role)) {
            task.nudge.notify_one();
        }
    }

    /// Ends them: batches in hand are finished, leases given back.
    pub async fn shutdown(self) {
        self.shared.token.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(StreamId, Role), Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handler(&self, role: Role) -> Option<Arc<dyn Handler>> {
        match role {
            Role::Relay => None,
            Role::Graph => Some(Arc::new(GraphWorker::new(Arc::clone(&self.ports.graph)))),
            Role::Projection => Some(Arc::new(ProjectionWorker::new(
                Arc::clone(&self.ports.documents),
                Arc::clone(&self.ports.log),
                self.config.engine.guards,
            ))),
        }
    }

    fn backoff(&self, salt: &str) -> Backoff {
        Backoff::new(self.config.restart, self.config.engine.seed, salt)
    }

    fn start(self: &Arc<Self>, stream: &StreamId, role: Role) {
        let task = Task {
            reporter: Reporter::new(Arc::clone(&self.ports.clock)),
            nudge: Arc::new(Notify::new()),
        };
        self.lock().insert((stream.clone(), role), task.clone());
        let shared = Arc::clone(self);
        let stream = stream.clone();
        self.tracker
            .spawn(async move { shared.keep_running(&stream, role, &task).await });
    }

    async fn run_once(
        &self,
        stream: &StreamId,
        role: Role,
        task: &Task,
    ) -> Result<End, StoreError> {
        let patience = Patience {
            reporter: task.reporter.clone(),
            token: self.token.clone(),
            backoff: self.backoff(&format!("check/{}/{stream}", role.as_str())),
        };
        match patience.attempt(|| self.check_log(stream)).await {
            Ok(()) => {}
            Err(Halt::Refused(error) | Halt::Damaged(error)) => return Err(error),
            Err(Halt::Stopped | Halt::Sealed) => return Ok(End::Stopped),
            Err(Halt::LookAgain(reason)) => {
                let store = "registry";
                return Err(StoreError::Unavailable { store, reason });
            }
        }
        let ports = self.ports.clone();
        let stream = stream.clone();
        let Some(handler) = self.handler(role) else {
            let config = self.config.relay.clone();
            let relay = Relay::new(ports.log, ports.bus, ports.clock, stream, config);
            let relay = relay.told_by(task.reporter.clone());
            return relay.run(self.token.clone()).await;
        };
        let ports = EnginePorts {
            log: ports.log,
            bus: ports.bus,
            registry: ports.registry,
            clock: ports.clock,
        };
        let engine = Engine::new(ports, handler, stream, self.config.engine.clone());
        let engine = engine.told_by(task.reporter.clone(), Arc::clone(&task.nudge));
        engine.run(self.token.clone()).await
    }

    /// Fails when a log is not the one that the registry has seen: nothing of it is projected.
    async fn check_log(&self, stream: &StreamId) -> StoreResult<()> {
        let anchor = self.ports.registry.anchor(stream).await?;
        let guards = self.config.engine.guards;
        resume(&*self.ports.log, stream, anchor.as_ref(), guards).await?;
        Ok(())
    }

    /// Runs a task until it ends well. One that fails or panics is told of and started again.
    async fn keep_running(&self, stream: &StreamId, role: Role, task: &Task) {
        let backoff = self.backoff(&format!("{}/{stream}", role.as_str()));
        let mut failures = 0;
        loop {
            let started = Instant::now();
            let run = Box::pin(self.run_once(stream, role, task));
            let reason = match AssertUnwindSafe(run).catch_unwind().await {
                Ok(Ok(_)) => return,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("a defect of ours: {}", panic_text(&*panic)),
            };
            failures = if started.elapsed() > CALM {
                1
            } else {
                failures + 1
            };
            tracing::error!(reason, %stream, role = role.as_str(), failures, "task failed");
            task.reporter.damaged(reason);
            let pause = tokio::time::sleep(backoff.delay(failures));
            if self.token.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }
}

/// Finds logs and starts their tasks. A log whose seal has been dealt with ends its tasks itself.
async fn discover(shared: Arc<Shared>) {
    let backoff = shared.backoff("discover");
    let mut known = BTreeSet::new();
    let mut fruitless = 0;
    loop {
        let before = known.len();
        match shared.ports.log.streams().await {
            Ok(streams) => {
                for stream in streams {
                    if known.insert(stream.clone()) {
                        for role in &shared.config.roles {
                            shared.start(&stream, *role);
                        }
                    }
                }
                fruitless = if known.len() > before {
                    0
                } else {
                    fruitless + 1
                };
            }
            Err(error) => {
                fruitless += 1;
                tracing::warn!(%error, "logs cannot be listed");
                let pause = tokio::time::sleep(backoff.delay(fruitless));
                if shared.token.run_until_cancelled(pause).await.is_none() {
                    return;
                }
                continue;
            }
        }
        let more = async {
            if fruitless > 1 {
                tokio::time::sleep(backoff.delay(fruitless - 1)).await;
            }
            shared.ports.log.wait_streams(known.len()).await;
        };
        if shared.token.run_until_cancelled(more).await.is_none() {
            return;
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
