//! The worker engine, written once: lease, order, batches, records, dead letters. A handler only
//! says how to apply a batch. An engine is a plain future that may be dropped at any await point:
//! all that it needs to go on is in the log, the sink and the registry.

mod batch;
mod handler;
mod letters;
mod patience;
mod session;

use std::{sync::Arc, time::Duration};

use spice_core::{
    chain::check_end,
    error::StoreError,
    guard::Guards,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        bus::Bus,
        clock::Clock,
        graph::Sink,
        log::Log,
        registry::{Lease, WorkKey, WorkerRegistry},
    },
    time::Timestamp,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use handler::{Effects, Handler};
pub(crate) use patience::{Halt, Patience};

use self::session::Session;
use crate::{
    backoff::{Backoff, BackoffConfig},
    event::is_seal,
    status::{Reporter, WorkerState, WorkerStatus},
};

/// How long a clean end waits for the lease to be given back, or for the bus to be left.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// What an engine needs of the world, beside its sink.
#[derive(Clone)]
pub struct EnginePorts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The workers' part of the registry.
    pub registry: Arc<dyn WorkerRegistry>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How an engine works.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Who takes the leases. Unique per process start by default. A process that is alone by
    /// other means (it locks its data directory) gives itself a fixed name, so that it need not
    /// wait for the lease of the one that crashed before it.
    pub owner: String,
    /// A lease that was not renewed for this long may be taken.
    pub lease_timeout: Duration,
    /// How often a lease is renewed.
    pub heartbeat: Duration,
    /// The most records of a batch.
    pub batch_records: usize,
    /// The most bytes of a batch of more than one record.
    pub batch_bytes: usize,
    /// How often a refused event is tried before it is parked.
    pub attempts: u32,
    /// The waits while a store is away.
    pub backoff: BackoffConfig,
    /// What the jitter is drawn from.
    pub seed: u64,
    /// The guards in force.
    pub guards: Guards,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let owner = Uuid::new_v4();
        Self {
            owner: owner.to_string(),
            lease_timeout: Duration::from_mins(15),
            heartbeat: Duration::from_secs(30),
            batch_records: 1_000,
            batch_bytes: 4 << 20,
            attempts: 5,
            backoff: BackoffConfig::default(),
            seed: owner.as_u64_pair().0,
            guards: Guards::default(),
        }
    }
}

/// Why an engine or a relay ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Stopped,
    /// The log is sealed, and all of it is done.
    Sealed,
}

/// One worker on one log.
pub struct Engine {
    ports: EnginePorts,
    handler: Arc<dyn Handler>,
    stream: StreamId,
    config: EngineConfig,
    reporter: Reporter,
    nudge: Arc<Notify>,
}

impl Engine {
    /// A worker on `stream`.
    pub fn new(
        ports: EnginePorts,
        handler: Arc<dyn Handler>,
        stream: StreamId,
        config: EngineConfig,
    ) -> Self {
        let reporter = Reporter::new(Arc::clone(&ports.clock));
        let nudge = Arc::new(Notify::new());
        Self {
            ports,
            handler,
            stream,
            config,
            reporter,
            nudge,
        }
    }

    /// Reports through a status, and looks at its sink when nudged, that others hold.
    #[must_use]
    pub(crate) fn told_by(mut self, reporter: Reporter, nudge: Arc<Notify>) -> Self {
        self.reporter = reporter;
        self.nudge = nudge;
        self
    }

    /// What the engine says of itself.
    pub fn status(&self) -> watch::Receiver<WorkerStatus> {
        self.reporter.subscribe()
    }

    /// Makes the engine look at once whether its sink is still the one that it knows.
    pub fn nudge(&self) -> Arc<Notify> {
        Arc::clone(&self.nudge)
    }

    /// Works until told to end, until the log is sealed and done, or until something is found
    /// that no waiting mends.
    pub async fn run(self, token: CancellationToken) -> Result<End, StoreError> {
        let patience = Patience {
            reporter: self.reporter.clone(),
            token,
            backoff: Backoff::new(
                self.config.backoff,
                self.config.seed,
                &format!("{}/{}", self.handler.worker(), self.stream),
            ),
        };
        let mut turns = 0;
        let mut reached = LogPosition::ZERO;
        loop {
            let halt = Box::pin(self.turn(&patience)).await;
            let end = match halt {
                Halt::Stopped => End::Stopped,
                Halt::Sealed => {
                    self.leave_bus().await;
                    End::Sealed
                }
                Halt::Refused(error) | Halt::Damaged(error) => {
                    self.reporter.damaged(error.to_string());
                    return Err(error);
                }
                Halt::LookAgain(reason) => {
                    let position = self.reporter.subscribe().borrow().position;
                    turns = if position == reached { turns + 1 } else { 1 };
                    reached = position;
                    match patience.pause(reason, turns).await {
                        Ok(()) => continue,
                        Err(_) => End::Stopped,
                    }
                }
            };
            self.reporter.set(WorkerState::Ended);
            return Ok(end);
        }
    }

    /// Tells the bus that this worker needs nothing more of a sealed log, so that nothing is kept
    /// for it. Whether the bus takes it changes nothing but that.
    async fn leave_bus(&self) {
        let left = async {
            let end = self.ports.log.end(&self.stream).await?;
            let bus = &self.ports.bus;
            let mut subscription = bus.subscribe(self.handler.worker(), &self.stream).await?;
            subscription.commit(end).await
        };
        match tokio::time::timeout(RELEASE_PATIENCE, left).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, stream = %self.stream, "bus not left"),
            Err(_) => tracing::warn!(stream = %self.stream, "bus not left in time"),
        }
    }

    /// From taking the lease to losing or giving it back.
    async fn turn(&self, patience: &Patience) -> Halt {
        let mut session = match self.begin(patience).await {
            Ok(session) => session,
            Err(halt) => return halt,
        };
        let key = session.key.clone();
        let lease = session.lease.clone();
        let halt = tokio::select! {
            biased;
            halt = session.work() => halt,
            halt = self.heartbeat(&key, &lease) => halt,
        };
        if !matches!(halt, Halt::LookAgain(_)) {
            self.release(&key, &lease).await;
        }
        halt
    }

    async fn begin<'e>(&'e self, patience: &'e Patience) -> Result<Session<'e>, Halt> {
        let (sink, key, worked) = self.place(patience).await?;
        self.check_end(patience, sink.position.max(worked)).await?;
        if self
            .is_finished(patience, sink.position.min(worked))
            .await?
        {
            return Err(Halt::Sealed);
        }
        let lease = self.acquire(patience, &key).await?;
        let (sink, latest, worked) = self.place(patience).await?;
        if latest != key {
            return Err(Halt::LookAgain("the sink was made anew".to_owned()));
        }
        self.check_end(patience, sink.position.max(worked)).await?;
        let position = sink.position.min(worked);
        self.reporter.running(position);
        let mut session = Session::new(self, patience, key, lease, position, worked);
        session.load_letters().await?;
        Ok(session)
    }

    /// A sink that is ahead of its log is not done: the log is not the one that it was.
    async fn check_end(&self, patience: &Patience, seen: LogPosition) -> Result<(), Halt> {
        let end = patience
            .attempt(|| self.ports.log.end(&self.stream))
            .await?;
        check_end(&self.stream, end, seen).map_err(|fault| Halt::Damaged(fault.into()))
    }

    async fn place(&self, patience: &Patience) -> Result<(Sink, WorkKey, LogPosition), Halt> {
        let sink = patience.attempt(|| self.handler.sink(&self.stream)).await?;
        let key = WorkKey {
            worker: self.handler.worker().to_owned(),
            stream: self.stream.clone(),
            sink: sink.generation.clone(),
        };
        let worked = patience
            .attempt(|| self.ports.registry.worked(&key))
            .await?;
        Ok((sink, key, worked))
    }

    async fn is_finished(&self, patience: &Patience, done: LogPosition) -> Result<bool, Halt> {
        patience
            .attempt(|| is_finished(&*self.ports.log, &self.stream, done))
            .await
    }

    async fn acquire(&self, patience: &Patience, key: &WorkKey) -> Result<Lease, Halt> {
        let mut seen = 0;
        loop {
            let now = self.ports.clock.now();
            let timeout = i64::try_from(self.config.lease_timeout.as_micros()).unwrap_or(i64::MAX);
            let expired_before = Timestamp::from_micros(now.as_micros().saturating_sub(timeout));
            let owner = &self.config.owner;
            let taken = patience
                .attempt(|| self.ports.registry.acquire(key, owner, now, expired_before))
                .await?;
            if let Some(lease) = taken {
                return Ok(lease);
            }
            self.reporter.set(WorkerState::Standby);
            let wait = self.wait_for_lease(seen);
            seen = patience
                .token
                .run_until_cancelled(wait)
                .await
                .ok_or(Halt::Stopped)?;
        }
    }

    /// Waits for a sign from the registry, a second apart at least, a heartbeat at most.
    async fn wait_for_lease(&self, seen: u64) -> u64 {
        tokio::time::sleep(Duration::from_secs(1).min(self.config.heartbeat)).await;
        let change = self.ports.registry.wait_change(&self.stream, seen);
        tokio::time::timeout(self.config.heartbeat, change)
            .await
            .unwrap_or(seen)
    }

    /// Renews the lease beside the work; ends when the lease or the sink is another.
    async fn heartbeat(&self, key: &WorkKey, lease: &Lease) -> Halt {
        let mut interval = self.config.heartbeat;
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.nudge.notified() => {}
            }
            interval = self.config.heartbeat;
            let now = self.ports.clock.now();
            match self.ports.registry.renew(key, lease, now).await {
                Ok(true) => {}
                Ok(false) => return Halt::LookAgain("the lease has gone".to_owned()),
                Err(error) => {
                    tracing::warn!(%error, stream = %self.stream, "heartbeat not answered");
                    interval = self.config.heartbeat / 4;
                }
            }
            match self.handler.sink(&self.stream).await {
                Ok(sink) if sink.generation != key.sink => {
                    return Halt::LookAgain("the sink was made anew".to_owned());
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "sink not seen at heartbeat"),
            }
        }
    }

    async fn release(&self, key: &WorkKey, lease: &Lease) {
        let released = self.ports.registry.release(key, lease);
        match tokio::time::timeout(RELEASE_PATIENCE, released).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, stream = %self.stream, "lease not released"),
            Err(_) => tracing::warn!(stream = %self.stream, "lease not released in time"),
        }
    }
}

/// Whether a log is sealed and `done` lies behind its seal.
pub(crate) async fn is_finished(
    log: &dyn Log,
    stream: &StreamId,
    done: LogPosition,
) -> StoreResult<bool> {
    let Some(last) = done.0.checked_sub(1) else {
        return Ok(false);
    };
    let tail = log.read(stream, LogPosition(last), 2).await?;
    Ok(tail.len() == 1 && is_seal(&tail[0], stream))
}
