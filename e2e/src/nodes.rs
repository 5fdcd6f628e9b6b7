//! Several api nodes in one process over shared stores, as in a cluster: each has its own writer,
//! caches and listeners. There is one set of workers.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use spice_api::{
    Engine,
    http::{Api, Settings, Surface, router, serve},
    writer::{Writer, WriterSettings},
};
use spice_core::{
    guard::Guards,
    port::{clock::Clock, documents::Documents, graph::Graph, hints::Hints, log::Log},
    time::Timestamp,
};
use spice_store_local::LocalBus;
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_testing::MemoryLog;
use spice_workers::{
    engine::EngineConfig,
    relay::RelayConfig,
    supervisor::{Ports, Workers, WorkersConfig},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// What the nodes share.
struct Shared {
    log: Arc<dyn Log>,
    registry: Arc<SqliteRegistry>,
    graph: Arc<dyn Graph>,
    documents: Arc<dyn Documents>,
    hints: Arc<dyn Hints>,
    clock: Arc<dyn Clock>,
    behind: Duration,
}

/// Api nodes that run until this is dropped.
pub struct Nodes {
    /// The URL of each node's gateway.
    pub gateways: Vec<String>,
    /// The URL of each node's oms.
    pub oms: Vec<String>,
    ending: CancellationToken,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
    _workers: Workers,
}

impl Nodes {
    /// Starts this number of nodes; `staleness` is how far a node's reads may be behind the appends
    /// of others.
    pub async fn start(
        count: usize,
        behind: Duration,
        hints: Arc<dyn Hints>,
    ) -> anyhow::Result<Self> {
        let (memory, mode, guards) = (Location::Memory, Mode::Threads, Guards::default());
        let shared = Shared {
            log: Arc::new(MemoryLog::new()),
            registry: Arc::new(SqliteRegistry::open(&memory, mode, guards)?),
            graph: Arc::new(SqliteGraph::open(&memory, mode, guards)?),
            documents: Arc::new(SqliteDocuments::open(&memory, mode, guards)?),
            hints,
            clock: Arc::new(SystemClock),
            behind,
        };
        let mut nodes = Self {
            gateways: Vec::new(),
            oms: Vec::new(),
            ending: CancellationToken::new(),
            tasks: Vec::new(),
            _workers: Workers::start(shared.ports(), workers_config()),
        };
        for _ in 0..count {
            nodes.start_node(&shared).await?;
        }
        Ok(nodes)
    }

    async fn start_node(&mut self, shared: &Shared) -> anyhow::Result<()> {
        let api = shared.api();
        let routers = [Surface::Gateway, Surface::Oms].map(|it| router(Arc::clone(&api), it));
        for (router, urls) in routers.into_iter().zip([&mut self.gateways, &mut self.oms]) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            urls.push(format!("http://{}", listener.local_addr()?));
            let serving = serve(listener, router, self.ending.clone());
            self.tasks.push(tokio::spawn(serving));
        }
        Ok(())
    }
}

/// Workers that look often by themselves: the hints may all get lost.
fn workers_config() -> WorkersConfig {
    let often = Duration::from_millis(100);
    WorkersConfig {
        engine: EngineConfig {
            look_again: often,
            idle: often,
            ..EngineConfig::default()
        },
        relay: RelayConfig {
            idle: often,
            ..RelayConfig::default()
        },
        ..WorkersConfig::default()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.ending.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn ports(&self) -> Ports {
        Ports {
            log: Arc::clone(&self.log),
            bus: Arc::new(LocalBus::new()),
            registry: self.registry.clone(),
            model: self.registry.clone(),
            hints: Arc::clone(&self.hints),
            graph: Arc::clone(&self.graph),
            documents: Arc::clone(&self.documents),
            clock: Arc::clone(&self.clock),
        }
    }

    fn api(&self) -> Arc<Api> {
        let settings = WriterSettings {
            behind: self.behind,
            ..WriterSettings::default()
        };
        let writer = Writer::new(
            Vec::new(),
            Arc::clone(&self.log),
            self.registry.clone(),
            Arc::clone(&self.hints),
            Arc::clone(&self.clock),
            settings,
        );
        let engine = Engine {
            writer,
            graph: Arc::clone(&self.graph),
            documents: Arc::clone(&self.documents),
            model: self.registry.clone(),
            work: self.registry.clone(),
            log: Arc::clone(&self.log),
            clock: Arc::clone(&self.clock),
        };
        Api::new(engine, Settings::default(), Vec::new())
    }
}
