//! The embedded profile: every component over the adapters of one data directory. The only place
//! that names adapters.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use spice_api::{
    Engine,
    http::{Api, Settings},
    writer::{Writer, WriterSettings},
};
use spice_core::{
    guard::Guards,
    port::{StoreResult, clock::Clock, registry::Anchors},
    time::Timestamp,
};
use spice_store_directory::{DirectoryLog, durable::create_directory};
use spice_store_local::{LocalBus, LocalHints};
use spice_store_sqlite::{Location, Mode, SqliteDocuments, SqliteGraph, SqliteRegistry};
use spice_workers::{
    engine::EngineConfig,
    supervisor::{LeaseConfig, Ports, Workers, WorkersConfig},
    verify::Sources,
};
use tokio::task::JoinHandle;

use crate::settings::{DataDir, Knobs, Mismatch};

/// Where things are in a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(data: &DataDir) -> Self {
        Self {
            root: data.data_dir.clone(),
        }
    }

    /// The log: the only part that cannot be rebuilt.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The process that has the directory open, as its lock file tells.
    pub(crate) fn holder(&self) -> Option<i32> {
        std::fs::read_to_string(self.log().join("LOCK"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn file(&self, name: &str, access: Access) -> Location {
        let path = self.root.join(name);
        match access {
            Access::Alone | Access::Beside => Location::File(path),
            Access::Looking => Location::Kept(path),
        }
    }
}

/// The time of this machine.
struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The stores of a data directory.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) log: DirectoryLog,
    pub(crate) registry: Arc<SqliteRegistry>,
    pub(crate) graph: Arc<SqliteGraph>,
    pub(crate) documents: Arc<SqliteDocuments>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Who else may have the data directory open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody: the log is appended to from here.
    Alone,
    /// Another process may append to the log.
    Beside,
    /// The same, and nothing is changed that is not asked for: no file made or set aside.
    Looking,
}

impl Stores {
    pub(crate) async fn open(layout: &Layout, access: Access) -> anyhow::Result<Self> {
        let layout = layout.clone();
        tokio::task::spawn_blocking(move || Self::open_blocking(&layout, access)).await?
    }

    fn open_blocking(layout: &Layout, access: Access) -> anyhow::Result<Self> {
        let path = layout.log();
        let log = match access {
            Access::Alone => DirectoryLog::open(path)?,
            Access::Beside | Access::Looking => {
                anyhow::ensure!(path.is_dir(), "there is no log at {}", path.display());
                DirectoryLog::open_read_only(path)?
            }
        };
        for problem in log.problems() {
            tracing::warn!(%problem, "in the log directory; see `spice log verify`");
        }
        let guards = Guards::default();
        let mode = Mode::Threads;
        Ok(Self {
            log,
            registry: Arc::new(SqliteRegistry::open(
                &layout.file("registry.sqlite", access),
                mode,
                guards,
            )?),
            graph: Arc::new(SqliteGraph::open(
                &layout.file("graph.sqlite", access),
                mode,
                guards,
            )?),
            documents: Arc::new(SqliteDocuments::open(
                &layout.file("documents.sqlite", access),
                mode,
                guards,
            )?),
            clock: Arc::new(SystemClock),
        })
    }

    /// The stores that remember what they have seen of each log.
    pub(crate) fn anchors(&self) -> [&dyn Anchors; 3] {
        [&*self.registry, &*self.graph, &*self.documents]
    }

    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            log: &self.log,
            graph: &*self.graph,
            documents: &*self.documents,
            registry: &*self.registry,
        }
    }

    pub(crate) fn ports(&self) -> Ports {
        Ports {
            log: Arc::new(self.log.clone()),
            bus: Arc::new(LocalBus::new()),
            registry: self.registry.clone(),
            graph: self.graph.clone(),
            documents: self.documents.clone(),
            clock: self.clock.clone(),
        }
    }
}

/// A store by its name, to look at what it has seen of the logs; or why it cannot be opened.
pub(crate) type Witness = (&'static str, StoreResult<Arc<dyn Anchors>>);

/// The registry, the graph and the documents of a data directory, those whose files are there.
pub(crate) async fn open_witnesses(layout: &Layout) -> anyhow::Result<Vec<Witness>> {
    let layout = layout.clone();
    let open = move || {
        let (mode, guards) = (Mode::Threads, Guards::default());
        let mut found: Vec<Witness> = Vec::new();
        for store in ["registry", "graph", "documents"] {
            let location = layout.file(&format!("{store}.sqlite"), Access::Looking);
            if !matches!(&location, Location::Kept(path) if path.is_file()) {
                continue;
            }
            let opened: StoreResult<Arc<dyn Anchors>> = match store {
                "registry" => {
                    SqliteRegistry::open(&location, mode, guards).map(|it| Arc::new(it) as _)
                }
                "graph" => SqliteGraph::open(&location, mode, guards).map(|it| Arc::new(it) as _),
                _ => SqliteDocuments::open(&location, mode, guards).map(|it| Arc::new(it) as _),
            };
            found.push((store, opened));
        }
        found
    };
    Ok(tokio::task::spawn_blocking(open).await?)
}

/// Everything that runs in `spice dev`, but for the listeners.
pub(crate) struct Platform {
    pub(crate) api: Arc<Api>,
    writer: Writer,
    workers: Workers,
    chores: Vec<JoinHandle<()>>,
}

impl Platform {
    pub(crate) async fn start(layout: &Layout, knobs: &Knobs) -> anyhow::Result<Self> {
        let root = layout.root();
        create_directory(root).with_context(|| format!("{} cannot be made", root.display()))?;
        let stores = Stores::open(layout, Access::Alone).await?;
        let log = Arc::new(stores.log.clone());
        let settings = WriterSettings {
            keep_first_on_mismatch: knobs.idempotency_mismatch == Mismatch::Warn,
            ..WriterSettings::default()
        };
        let writer = Writer::beside(
            vec![stores.graph.clone(), stores.documents.clone()],
            log.clone(),
            stores.registry.clone(),
            Arc::new(LocalHints::new()),
            stores.clock.clone(),
            settings,
        );
        let workers = Workers::start(stores.ports(), workers_config(knobs)?);
        let engine = Engine {
            writer: writer.clone(),
            graph: stores.graph.clone(),
            documents: stores.documents.clone(),
            model: stores.registry.clone(),
            work: stores.registry.clone(),
            log,
            clock: stores.clock.clone(),
        };
        let event_sourcing = knobs.enable_event_sourcing;
        let api = Api::new(
            engine,
            Settings {
                event_sourcing,
                ..Settings::default()
            },
        );
        let chores = vec![
            tokio::spawn({
                let log = stores.log;
                async move { log.maintain().await }
            }),
            tokio::spawn(catch_up(writer.clone())),
        ];
        Ok(Self {
            api,
            writer,
            workers,
            chores,
        })
    }

    /// Makes every worker look at its sinks: another process has changed them (SIGUSR1).
    pub(crate) fn look_again(&self) {
        for (stream, role) in self.workers.statuses().keys() {
            self.workers.nudge(stream, *role);
        }
    }

    /// Ends cleanly: no new commands, the batches in hand are finished, leases given back.
    pub(crate) async fn shutdown(self) {
        self.writer.shutdown().await;
        self.workers.shutdown().await;
        for chore in self.chores {
            chore.abort();
        }
    }
}

/// Settings of the workers of a process that has locked its data directory: whoever held a lease
/// before has crashed.
pub(crate) fn workers_config(knobs: &Knobs) -> anyhow::Result<WorkersConfig> {
    let ttl = Duration::from_secs(knobs.lease_timeout_seconds);
    let heartbeat = Duration::from_secs(knobs.heartbeat_seconds);
    anyhow::ensure!(
        ttl >= heartbeat * 2 && !heartbeat.is_zero(),
        "PROCESSED_EVENT_LEASE_TIMEOUT_SECONDS ({}) must be at least twice \
         PROCESSED_EVENT_HEARTBEAT_INTERVAL_SECONDS ({}), and that at least 1",
        knobs.lease_timeout_seconds,
        knobs.heartbeat_seconds
    );
    Ok(WorkersConfig {
        lease: LeaseConfig {
            ttl,
            heartbeat,
            alone: true,
            ..LeaseConfig::default()
        },
        engine: EngineConfig {
            attempts: knobs.max_retries.max(1),
            ..EngineConfig::default()
        },
        ..WorkersConfig::default()
    })
}

/// Compares every log with what registry and sinks have seen of it, and brings the registry up, so that
/// every command is known before anyone asks. A log that is refused is told at once.
async fn catch_up(writer: Writer) {
    if let Err(refusal) = writer.check_logs().await {
        tracing::warn!(error = %refusal, "the registry is not brought up yet");
    }
}
