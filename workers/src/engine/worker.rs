//! A worker on one sink of one log: its ports, its settings and its job.

use std::{sync::Arc, time::Duration};

use spice_backoff::Backoff;
use spice_core::{
    guard::Guards,
    id::StreamId,
    port::{
        bus::Bus,
        clock::Clock,
        hints::{Hints, Topic},
        log::Log,
        registry::{Lease, WorkKey, WorkerRegistry},
        sink::Sink,
    },
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    handler::Handler,
    patience::{Halt, Patience},
};
use crate::{
    BACKOFF,
    status::{Reporter, WorkerStatus},
};

/// The ports that an engine uses beside its sink.
#[derive(Clone)]
pub struct EnginePorts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The workers' part of the registry.
    pub registry: Arc<dyn WorkerRegistry>,
    /// The hints.
    pub hints: Arc<dyn Hints>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// The settings of an engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// How often the sinks of a log and the requested retries are listed again, and a resting log is
    /// checked, without a hint.
    pub look_again: Duration,
    /// An engine that has had nothing to do for this long ends.
    pub idle: Duration,
    /// The maximum number of records in a batch.
    pub batch_records: usize,
    /// The maximum size in bytes of a batch of more than one record.
    pub batch_bytes: usize,
    /// How often a refused event is tried before it is parked.
    pub attempts: u32,
    /// The waits while a store is unavailable.
    pub backoff: Backoff,
    /// The seed of the jitter.
    pub seed: u64,
    /// The active guards.
    pub guards: Guards,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            look_again: Duration::from_secs(30),
            idle: Duration::from_secs(10),
            batch_records: 1_000,
            batch_bytes: 4 << 20,
            attempts: 5,
            backoff: BACKOFF,
            seed: Uuid::new_v4().as_u64_pair().0,
            guards: Guards::default(),
        }
    }
}

/// The job of an engine.
#[derive(Debug, Clone)]
pub struct Job {
    /// The log.
    pub stream: StreamId,
    /// The generation of the sink.
    pub sink: String,
    /// The lease that covers the log.
    pub lease: Lease,
}

/// One worker on one sink of one log.
pub struct Engine {
    pub(super) ports: EnginePorts,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) stream: StreamId,
    pub(super) key: WorkKey,
    pub(super) lease: Lease,
    pub(super) config: EngineConfig,
    pub(super) reporter: Reporter,
}

impl Engine {
    /// Creates a worker for a job.
    pub fn new(
        ports: EnginePorts,
        handler: Arc<dyn Handler>,
        job: Job,
        config: EngineConfig,
    ) -> Self {
        let reporter = Reporter::new(Arc::clone(&ports.clock));
        Self {
            ports,
            key: WorkKey::new(handler.projection(), &job.stream, &job.sink),
            handler,
            stream: job.stream,
            lease: job.lease,
            config,
            reporter,
        }
    }

    /// Uses a status that the caller holds.
    #[must_use]
    pub(crate) fn report_to(mut self, reporter: Reporter) -> Self {
        self.reporter = reporter;
        self
    }

    /// Returns the engine's status.
    pub fn status(&self) -> watch::Receiver<WorkerStatus> {
        self.reporter.subscribe()
    }

    /// Tells those who wait that this worker got further.
    pub(super) fn tell_progress(&self) {
        let topic = Topic::Progress(self.stream.clone());
        self.ports.hints.give(&topic);
    }

    pub(super) async fn sinks(&self, patience: &Patience) -> Result<Vec<Sink>, Halt> {
        let sinks = self.handler.sinks();
        patience.attempt(|| sinks.sinks(&self.stream)).await
    }
}
