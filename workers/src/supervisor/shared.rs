//! Shared by the tasks of one process: ports, settings, statuses, and the loop that restarts a
//! task.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use spice_backoff::{Backoff, Seeded};
use spice_core::{
    chain::{Anchor, resume},
    handler::Projection,
    id::{LogPosition, StreamId},
    port::{
        Store, StoreResult,
        bus::Bus,
        clock::Clock,
        documents::Documents,
        graph::Graph,
        hints::Hints,
        log::Log,
        registry::{WorkerRegistry, WriteModel},
        sink::{Sink, SinkRole},
    },
};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::tally::Tally;
use crate::{
    audit::check_sink,
    engine::{EngineConfig, Handler},
    graph_worker::GraphWorker,
    projection_worker::ProjectionWorker,
    relay::RelayConfig,
    share::LeaseConfig,
    status::Reporter,
};

/// A task that ran this long without a failure starts again with a count of zero.
const CALM: Duration = Duration::from_mins(1);

/// The ports of the workers.
#[derive(Clone)]
pub struct Ports {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The workers' part of the registry.
    pub registry: Arc<dyn WorkerRegistry>,
    /// The write model of the registry.
    pub model: Arc<dyn WriteModel>,
    /// The hints.
    pub hints: Arc<dyn Hints>,
    /// The graph.
    pub graph: Arc<dyn Graph>,
    /// The documents.
    pub documents: Arc<dyn Documents>,
    /// The clock.
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
    /// Carries out replays.
    Replay,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Relay, Self::Graph, Self::Projection, Self::Replay];

    /// The roles that bring envelopes from the log to the sinks, each with a status.
    pub const FEEDERS: [Self; 3] = [Self::Relay, Self::Graph, Self::Projection];

    /// The role's name; for a worker, the worker's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Graph => Projection::Graph.worker(),
            Self::Projection => Projection::Documents.worker(),
            Self::Replay => "replay",
        }
    }

    /// The projection that the role feeds.
    pub(super) fn projection(self) -> Option<Projection> {
        match self {
            Self::Relay | Self::Replay => None,
            Self::Graph => Some(Projection::Graph),
            Self::Projection => Some(Projection::Documents),
        }
    }
}

/// The settings of the workers of one process.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// The roles of this process.
    pub roles: Vec<Role>,
    /// How the process shares the logs with other processes.
    pub lease: LeaseConfig,
    /// Settings of the engines.
    pub engine: EngineConfig,
    /// Settings of the relays.
    pub relay: RelayConfig,
    /// The waits before a failed task is started again.
    pub restart: Backoff,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            roles: Role::ALL.to_vec(),
            lease: LeaseConfig::default(),
            engine: EngineConfig::default(),
            relay: RelayConfig::default(),
            restart: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_mins(1),
            },
        }
    }
}

/// Shared by the tasks of one process.
pub(super) struct Shared {
    pub(super) ports: Ports,
    pub(super) config: WorkersConfig,
    pub(super) token: CancellationToken,
    pub(super) tracker: TaskTracker,
    pub(super) tasks: Mutex<BTreeMap<(StreamId, Role), Task>>,
    /// How many leases each role holds.
    pub(super) leases: Mutex<BTreeMap<Role, u64>>,
    /// The replays that it carries out.
    pub(super) replays: Tally,
}

/// The name of the live sink in metrics.
pub(super) const LIVE: &str = SinkRole::Live.as_str();

/// The statuses of sinks that are not live, by generation.
type Others = BTreeMap<String, (SinkRole, Reporter)>;

/// The status of a log in one role, and of its sinks.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) reporter: Reporter,
    others: Arc<Mutex<Others>>,
}

impl Task {
    /// The statuses of its sinks.
    pub(super) fn reporters(&self, role: Role) -> Vec<(&'static str, Reporter)> {
        let first = role.projection().map_or(Store::Bus.as_str(), |_| LIVE);
        let others = self.others();
        let others = others
            .values()
            .map(|(it, reporter)| (it.as_str(), reporter.clone()));
        let first = (first, self.reporter.clone());
        std::iter::once(first).chain(others).collect()
    }

    /// The status of a sink; made when there is none.
    pub(super) fn reporter_of(&self, sink: &Sink, clock: &Arc<dyn Clock>) -> Reporter {
        if sink.role == SinkRole::Live {
            return self.reporter.clone();
        }
        let mut others = self.others();
        let (_, reporter) = others
            .entry(sink.generation.clone())
            .or_insert_with(|| (sink.role, Reporter::new(Arc::clone(clock))));
        reporter.clone()
    }

    /// Keeps the statuses of the sinks that there are, each with its role. The live sink has none here.
    pub(super) fn keep_others(&self, sinks: &[Sink]) {
        let others: BTreeMap<&str, SinkRole> = list_others(sinks)
            .map(|sink| (&*sink.generation, sink.role))
            .collect();
        self.others().retain(|generation, (role, _)| {
            let found = others.get(&**generation);
            *role = found.copied().unwrap_or(*role);
            found.is_some()
        });
    }

    /// Reports that sinks that are not live have nothing to do.
    pub(super) fn rest_others(&self, sinks: &[Sink], end: LogPosition, clock: &Arc<dyn Clock>) {
        for sink in list_others(sinks) {
            self.reporter_of(sink, clock).report_rest(end, false);
        }
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list_others(sinks: &[Sink]) -> impl Iterator<Item = &Sink> {
    sinks.iter().filter(|sink| sink.role != SinkRole::Live)
}

impl Shared {
    pub(super) fn leases(&self) -> BTreeMap<Role, u64> {
        self.lock_leases().clone()
    }

    /// Notes how many leases a role holds.
    pub(super) fn hold(&self, role: Role, leases: usize) {
        self.lock_leases().insert(role, leases as u64);
    }

    fn lock_leases(&self) -> MutexGuard<'_, BTreeMap<Role, u64>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<(StreamId, Role), Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handler(&self, role: Role) -> Option<Arc<dyn Handler>> {
        match role {
            Role::Relay | Role::Replay => None,
            Role::Graph => Some(Arc::new(GraphWorker::new(Arc::clone(&self.ports.graph)))),
            Role::Projection => Some(Arc::new(ProjectionWorker::new(
                Arc::clone(&self.ports.documents),
                Arc::clone(&self.ports.model),
                Arc::clone(&self.ports.log),
                self.config.engine.guards,
            ))),
        }
    }

    pub(super) fn backoff(&self, salt: &str) -> Seeded {
        Seeded::new(self.config.restart, self.config.engine.seed, salt)
    }

    /// Returns the status of a log in this role; creates it if there is none. Replays have a state
    /// of their own.
    pub(super) fn task(&self, stream: &StreamId, role: Role) -> Task {
        let new = || Task {
            reporter: Reporter::new(Arc::clone(&self.ports.clock)),
            others: Arc::default(),
        };
        if role == Role::Replay {
            return new();
        }
        let mut tasks = self.lock();
        let task = tasks.entry((stream.clone(), role));
        task.or_insert_with(new).clone()
    }

    /// Forgets a log that has left this process's share.
    pub(super) fn forget(&self, stream: &StreamId, role: Role) {
        self.lock().remove(&(stream.clone(), role));
    }

    /// Fails when a log is not the one that the registry, the graph or the documents have seen:
    /// then none of it is projected. A store that cannot be read is left to its own worker.
    pub(super) async fn check_log(&self, stream: &StreamId) -> StoreResult<()> {
        let ports = &self.ports;
        let guards = self.config.engine.guards;
        let anchor = ports.registry.anchor(stream).await?;
        resume(&*ports.log, stream, anchor.as_ref(), guards).await?;
        for sinks in [
            ports.graph.sinks(stream).await,
            ports.documents.sinks(stream).await,
        ] {
            let mut sinks = sinks.unwrap_or_else(|error| {
                tracing::warn!(%stream, %error, "cannot compare a log with a store's sinks");
                Vec::new()
            });
            sinks.retain(|sink| !is_at(sink, anchor.as_ref()));
            for sink in sinks {
                check_sink(&*ports.log, stream, &sink, guards).await?;
            }
        }
        Ok(())
    }

    /// Runs a task until it succeeds; returns none if it is stopped before. A task that fails or
    /// panics is reported and started again.
    pub(super) async fn keep_running<T, F>(
        &self,
        name: &str,
        reporter: &Reporter,
        token: &CancellationToken,
        run: impl Fn() -> F,
    ) -> Option<T>
    where
        F: Future<Output = StoreResult<T>>,
    {
        let backoff = self.backoff(name);
        let mut failures = 0;
        loop {
            let started = Instant::now();
            let reason = match AssertUnwindSafe(Box::pin(run())).catch_unwind().await {
                Ok(Ok(done)) => return Some(done),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("internal error: {}", panic_text(&*panic)),
            };
            failures = if started.elapsed() > CALM {
                1
            } else {
                failures + 1
            };
            tracing::error!(reason, task = name, failures, "task failed");
            reporter.report_damage(reason);
            let pause = tokio::time::sleep(backoff.delay(failures));
            token.run_until_cancelled(pause).await?;
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

/// Returns whether a sink has seen exactly what the registry has.
fn is_at(sink: &Sink, anchor: Option<&Anchor>) -> bool {
    anchor.is_some_and(|anchor| sink.anchor == Some(*anchor) && sink.position == anchor.position)
}
