//! The simulated world: durable stores that outlive the processes, and the processes.

mod rest;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use spice_api::writer::{Writer, WriterSettings};
use spice_backoff::Backoff;
use spice_core::{
    guard::Guards,
    handler::Projection,
    id::StreamId,
    port::{StoreResult, clock::Clock, registry::WorkKey, sink::Sink},
    time::Timestamp,
};
use spice_store_local::{LocalBus, LocalHints};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::{
    MemoryLog,
    clock::SimClock,
    double::{Double, Swap},
};
use spice_workers::{
    engine::EngineConfig,
    relay::RelayConfig,
    supervisor::{self, LeaseConfig, Workers, WorkersConfig},
};
use tokio::sync::{mpsc, watch};

use super::{
    bus::GatedBus,
    faults::{Faults, Node, Planned, Role, Scope},
    gate::Gate,
    hints::GatedHints,
    poison::{Poison, Poisoned},
};

/// The lifetime of a lease in the simulation.
pub const LEASE: Duration = Duration::from_secs(20);

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The active guards.
    pub guards: Guards,
    /// The planned faults.
    pub plan: Vec<Planned>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Whether the roles are one process, which knows that it is alone and takes the leases of its
    /// predecessor immediately.
    pub one_process: bool,
    /// The maximum number of envelopes in a worker's batch.
    pub batch: usize,
    /// The clock difference of each further node of a role, in microseconds.
    pub skew: i64,
    /// Whether no hint arrives: no node is woken by another one.
    pub deaf: bool,
    /// Whether each request goes to the next api, for all clients together.
    pub apis_take_turns: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            guards: Guards::default(),
            plan: Vec::new(),
            nodes: Role::USUAL
                .iter()
                .map(|role| Node {
                    role: *role,
                    number: 0,
                })
                .collect(),
            one_process: true,
            batch: 16,
            skew: 0,
            deaf: false,
            apis_take_turns: false,
        }
    }
}

/// The clock of one node.
struct NodeClock {
    clock: Arc<SimClock>,
    skew: i64,
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.now().as_micros() + self.skew)
    }
}

/// A running api, with the gate that shows when it has stopped.
#[derive(Clone)]
pub struct RunningApi {
    /// Its writer.
    pub writer: Writer,
    /// Its gate.
    pub gate: Gate,
}

/// The world of one run.
pub struct World {
    /// Its faults.
    pub faults: Arc<Faults>,
    /// The entities that the documents refuse.
    pub poison: Poison,
    /// The log.
    pub log: MemoryLog,
    /// The hints.
    pub hints: LocalHints,
    /// The bus.
    pub bus: Swap<LocalBus>,
    /// The registry.
    pub registry: Swap<SqliteRegistry>,
    /// The graph.
    pub graph: Swap<SqliteGraph>,
    /// The documents.
    pub documents: Swap<SqliteDocuments>,
    /// Its settings.
    pub setup: Setup,
    clock: Arc<SimClock>,
    apis: watch::Sender<HashMap<u8, RunningApi>>,
    workers: Mutex<HashMap<Node, Workers>>,
    births: AtomicU64,
}

impl World {
    /// Starts a world with all of its nodes.
    pub fn start(setup: Setup) -> anyhow::Result<Arc<Self>> {
        let log = MemoryLog::new();
        let (faults, crashes) = Faults::new(log.clone(), &setup.plan);
        let faults = Arc::new(faults);
        let guards = setup.guards;
        let clock = faults.clock();
        let world = Arc::new(Self {
            poison: Poison::default(),
            log,
            hints: LocalHints::new(),
            bus: Swap::new(LocalBus::new()),
            registry: Swap::new(empty_registry(guards)?.with_clock(Arc::clone(&clock) as _)),
            graph: Swap::new(empty_graph(guards)?),
            documents: Swap::new(empty_documents(guards)?),
            clock,
            faults,
            setup,
            apis: watch::Sender::new(HashMap::new()),
            workers: Mutex::new(HashMap::new()),
            births: AtomicU64::new(0),
        });
        for node in &world.setup.nodes {
            world.start_node(*node);
        }
        tokio::spawn(restart_what_stops(Arc::clone(&world), crashes));
        Ok(world)
    }

    /// Starts a node; its predecessor with the same name is dead.
    pub fn start_node(&self, node: Node) {
        let gate = Gate::open(&self.faults, node, self.setup.deaf);
        let clock: Arc<dyn Clock> = Arc::new(NodeClock {
            clock: Arc::clone(&self.clock),
            skew: self.setup.skew * i64::from(node.number),
        });
        let log = Arc::new(Double::new(Arc::new(self.log.clone()), gate.clone()));
        let registry = Arc::new(Double::new(self.registry.clone(), gate.clone()));
        let hints = Arc::new(GatedHints {
            gate: gate.clone(),
            inner: self.hints.clone(),
        });
        if node.role == Role::Api {
            let settings = WriterSettings {
                guards: self.setup.guards,
                ..WriterSettings::default()
            };
            let graph = Arc::new(Double::new(self.graph.clone(), gate.clone()));
            let documents = Arc::new(Double::new(self.documents.clone(), gate.clone()));
            let writer = Writer::new(
                vec![graph, documents],
                log,
                registry,
                hints,
                clock,
                settings,
            );
            let running = RunningApi { writer, gate };
            self.apis.send_modify(|apis| {
                apis.insert(node.number, running);
            });
            return;
        }
        let ports = supervisor::Ports {
            log,
            bus: Arc::new(GatedBus {
                gate: gate.clone(),
                inner: self.bus.clone(),
            }),
            registry: registry.clone(),
            model: registry,
            hints,
            graph: Arc::new(Double::new(self.graph.clone(), gate.clone())),
            documents: Arc::new(Double::new(
                self.documents.clone(),
                Poisoned {
                    gate,
                    poison: self.poison.clone(),
                },
            )),
            clock,
        };
        let workers = Workers::start(ports, self.workers_config(node));
        let before = self.workers().insert(node, workers);
        drop(before);
    }

    fn workers_config(&self, node: Node) -> WorkersConfig {
        let birth = self.births.fetch_add(1, Ordering::Relaxed);
        let backoff = Backoff {
            first: Duration::from_millis(10),
            longest: Duration::from_secs(1),
        };
        WorkersConfig {
            lease: LeaseConfig {
                owner: format!("node-{birth}"),
                ttl: LEASE,
                heartbeat: LEASE / 4,
                alone: self.setup.one_process,
            },
            roles: vec![match node.role {
                Role::Graph => supervisor::Role::Graph,
                Role::Projection => supervisor::Role::Projection,
                Role::Replay => supervisor::Role::Replay,
                Role::Api | Role::Relay => supervisor::Role::Relay,
            }],
            engine: EngineConfig {
                look_again: LEASE / 4,
                idle: LEASE / 4,
                batch_records: self.setup.batch,
                attempts: 3,
                backoff,
                seed: birth + 1,
                guards: self.setup.guards,
                ..EngineConfig::default()
            },
            relay: RelayConfig {
                idle: LEASE / 4,
                batch_records: self.setup.batch,
                backoff,
                seed: birth + 1,
                guards: self.setup.guards,
                ..RelayConfig::default()
            },
            restart: Backoff {
                first: Duration::from_millis(100),
                longest: Duration::from_secs(5),
            },
        }
    }

    /// Returns the running api of this number; waits for it if needed.
    pub async fn api(&self, number: u8) -> anyhow::Result<RunningApi> {
        let mut apis = self.apis.subscribe();
        let apis = apis
            .wait_for(|apis| apis.contains_key(&number))
            .await
            .context("the world is gone")?;
        apis.get(&number).cloned().context("no such api")
    }

    /// Wipes the registry.
    pub fn wipe_registry(&self) -> anyhow::Result<()> {
        let empty = empty_registry(self.setup.guards)?;
        self.registry
            .put(empty.with_clock(Arc::clone(&self.clock) as _));
        Ok(())
    }

    /// Wipes the graph.
    pub fn wipe_graph(&self) -> anyhow::Result<()> {
        self.graph.put(empty_graph(self.setup.guards)?);
        Ok(())
    }

    /// Wipes the documents.
    pub fn wipe_documents(&self) -> anyhow::Result<()> {
        self.documents.put(empty_documents(self.setup.guards)?);
        Ok(())
    }

    /// Ends every node cleanly: finishes current work and releases leases.
    pub async fn shut_down(&self) {
        let apis = self.apis.send_replace(HashMap::new());
        for api in apis.into_values() {
            api.writer.shutdown().await;
        }
        let workers: Vec<Workers> = self.workers().drain().map(|(_, workers)| workers).collect();
        for workers in workers {
            workers.shutdown().await;
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, HashMap<Node, Workers>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the key of a worker's records.
pub fn work_key(projection: Projection, stream: &StreamId, sink: &Sink) -> WorkKey {
    WorkKey {
        worker: projection.worker().to_owned(),
        stream: stream.clone(),
        sink: sink.generation.clone(),
    }
}

async fn restart_what_stops(
    world: Arc<World>,
    mut crashes: mpsc::UnboundedReceiver<(Node, Scope)>,
) {
    while let Some((node, scope)) = crashes.recv().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
        match scope {
            Scope::Caller => world.start_node(node),
            Scope::Process => {
                world.bus.put(LocalBus::new());
                for node in &world.setup.nodes {
                    world.start_node(*node);
                }
            }
        }
    }
}

/// Creates an empty registry.
pub fn empty_registry(guards: Guards) -> StoreResult<SqliteRegistry> {
    SqliteRegistry::open(&Location::Memory, Mode::Inline, guards)
}

/// Creates an empty graph.
pub fn empty_graph(guards: Guards) -> StoreResult<SqliteGraph> {
    SqliteGraph::open(&Location::Memory, Mode::Inline, guards)
}

/// Creates empty documents.
pub fn empty_documents(guards: Guards) -> StoreResult<SqliteDocuments> {
    SqliteDocuments::open(&Location::Memory, Mode::Inline, guards)
}
