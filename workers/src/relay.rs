//! The relay: copies a log to the bus, in order. Its checkpoint moves only after a confirmed
//! delivery: a restart may publish a record again, but never skips one.

use std::{sync::Arc, time::Duration};

use spice_backoff::{Backoff, Seeded};
use spice_core::{
    chain::ChainHead,
    error::StoreError,
    guard::Guards,
    id::{LogPosition, StreamId},
    port::{
        bus::Bus,
        clock::Clock,
        hints::{Hints, Listener, Topic},
        log::{Log, Record},
    },
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    BACKOFF,
    engine::{End, Halt, Patience, is_finished},
    event::is_seal,
    status::{Reporter, WorkerState, WorkerStatus},
};

/// The settings of a relay.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// The maximum number of records in one publication.
    pub batch_records: usize,
    /// About the maximum size in bytes of one publication.
    pub batch_bytes: usize,
    /// How long a moved checkpoint may stay unwritten.
    pub checkpoint_interval: Duration,
    /// How many records a checkpoint may lag behind while the relay is busy.
    pub checkpoint_records: u64,
    /// A relay that has had nothing to publish for this long ends.
    pub idle: Duration,
    /// The waits while log or bus is unavailable.
    pub backoff: Backoff,
    /// The seed of the jitter.
    pub seed: u64,
    /// The active guards.
    pub guards: Guards,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            batch_records: 1_000,
            batch_bytes: 4 << 20,
            checkpoint_interval: Duration::from_secs(1),
            checkpoint_records: 10_000,
            idle: Duration::from_secs(10),
            backoff: BACKOFF,
            seed: 0,
            guards: Guards::default(),
        }
    }
}

/// The relay of one log.
pub struct Relay {
    log: Arc<dyn Log>,
    bus: Arc<dyn Bus>,
    hints: Arc<dyn Hints>,
    stream: StreamId,
    config: RelayConfig,
    reporter: Reporter,
}

/// The relay's position, and how much of it is written to the checkpoint.
struct Place<'a> {
    position: LogPosition,
    /// The chain there; published records were checked against it.
    head: ChainHead,
    saved: LogPosition,
    saved_at: Option<Instant>,
    /// Hears of a longer log.
    appends: Listener<&'a dyn Hints>,
    read_limit: usize,
}

impl Relay {
    /// The relay of `stream`.
    pub fn new(
        log: Arc<dyn Log>,
        bus: Arc<dyn Bus>,
        hints: Arc<dyn Hints>,
        clock: Arc<dyn Clock>,
        stream: StreamId,
        config: RelayConfig,
    ) -> Self {
        Self {
            log,
            bus,
            hints,
            stream,
            config,
            reporter: Reporter::new(clock),
        }
    }

    #[must_use]
    pub(crate) fn report_to(mut self, reporter: Reporter) -> Self {
        self.reporter = reporter;
        self
    }

    /// Returns the relay's status.
    pub fn status(&self) -> watch::Receiver<WorkerStatus> {
        self.reporter.subscribe()
    }

    /// Relays until it is stopped, has been idle, has delivered the seal, or finds damage in the
    /// log.
    pub async fn run(self, token: CancellationToken) -> Result<End, StoreError> {
        let salt = format!("relay/{}", self.stream);
        let patience = Patience {
            reporter: self.reporter.clone(),
            token,
            backoff: Seeded::new(self.config.backoff, self.config.seed, &salt),
        };
        let (mut failures, mut reached) = (0, LogPosition::ZERO);
        let end = loop {
            match self.relay(&patience).await {
                Halt::Stopped => break End::Stopped,
                Halt::Sealed => break End::Sealed,
                Halt::Idle | Halt::Gone => break End::Idle,
                Halt::Refused(error) | Halt::Damaged(error) => {
                    self.reporter.report_damage(error.to_string());
                    return Err(error);
                }
                Halt::LookAgain(reason) => {
                    let position = self.reporter.subscribe().borrow().position;
                    failures = if position == reached { failures + 1 } else { 1 };
                    reached = position;
                    if patience.pause(reason, failures).await.is_err() {
                        break End::Stopped;
                    }
                }
            }
        };
        if end != End::Idle {
            self.reporter.set(WorkerState::Ended);
        }
        Ok(end)
    }

    async fn relay(&self, patience: &Patience) -> Halt {
        let start = match self.start(patience).await {
            Ok(start) => start,
            Err(halt) => return halt,
        };
        self.reporter.report_running(start);
        let mut place = Place {
            position: start,
            head: ChainHead::at(&self.stream, start).with_guards(self.config.guards),
            saved: start,
            saved_at: None,
            appends: Listener::new(&*self.hints, Topic::Log(self.stream.clone())),
            read_limit: self.config.batch_records.min(200),
        };
        let halt = loop {
            if let Err(halt) = self.step(&mut place, patience).await {
                break halt;
            }
        };
        if !matches!(halt, Halt::Sealed) {
            return self.save(&mut place).await.err().unwrap_or(halt);
        }
        // A sealed log is never relayed again, so its last checkpoint is written now.
        let (from, to) = (place.saved, place.position);
        let moved = patience.attempt(|| self.log.move_checkpoint(&self.stream, from, to));
        match moved.await {
            Ok(true) => halt,
            Ok(false) => lose_checkpoint(),
            Err(stopped) => stopped,
        }
    }

    async fn start(&self, patience: &Patience) -> Result<LogPosition, Halt> {
        let start = patience
            .attempt(|| self.log.checkpoint(&self.stream))
            .await?;
        let finished = patience
            .attempt(|| is_finished(&*self.log, &self.stream, start))
            .await?;
        if finished {
            return Err(Halt::Sealed);
        }
        Ok(start)
    }

    /// Publishes once, or waits for records to publish.
    async fn step(&self, place: &mut Place<'_>, patience: &Patience) -> Result<(), Halt> {
        let records = loop {
            if patience.token.is_cancelled() {
                return Err(Halt::Stopped);
            }
            let (from, limit) = (place.position, place.read_limit);
            let records = patience
                .attempt(|| self.log.read(&self.stream, from, limit))
                .await?;
            if !records.is_empty() {
                break records;
            }
            self.wait(place, patience).await?;
        };
        self.check(&records, place)?;
        patience
            .attempt(|| self.bus.publish(&self.stream, records.clone()))
            .await?;
        place.position = place.position.plus(records.len() as u64);
        self.reporter.count_batch();
        self.reporter.report_running(place.position);
        self.save_when_due(place).await?;
        match records.last() {
            Some(last) if is_seal(last, &self.stream) => Err(Halt::Sealed),
            _ => Ok(()),
        }
    }

    /// Waits for a hint that the log is longer. Writes a checkpoint that falls due meanwhile.
    async fn wait(&self, place: &mut Place<'_>, patience: &Patience) -> Result<(), Halt> {
        let hint = patience.token.run_until_cancelled(place.appends.wait());
        let is_saved = place.saved == place.position;
        let until = if is_saved {
            Instant::now() + self.config.idle
        } else {
            let due = place
                .saved_at
                .map(|at| at + self.config.checkpoint_interval);
            due.unwrap_or_else(Instant::now)
        };
        match timeout_at(until, hint).await {
            Ok(Some(())) => {}
            Ok(None) => return Err(Halt::Stopped),
            Err(_) if is_saved => return Err(Halt::Idle),
            Err(_) => self.save(place).await?,
        }
        Ok(())
    }

    fn check(&self, records: &[Record], place: &mut Place<'_>) -> Result<(), Halt> {
        let mut bytes = 0;
        for record in records {
            let checked = place.head.take(record.position, &record.line);
            checked.map_err(StoreError::from)?;
            bytes += record.line.len();
        }
        let average = (bytes / records.len().max(1)).max(1);
        let upper = self.config.batch_records.min(place.read_limit * 4).max(1);
        place.read_limit = (self.config.batch_bytes / average).clamp(1, upper);
        Ok(())
    }

    async fn save_when_due(&self, place: &mut Place<'_>) -> Result<(), Halt> {
        let behind = place.position.0 - place.saved.0;
        let interval = self.config.checkpoint_interval;
        let due = place.saved_at.is_none_or(|at| at.elapsed() >= interval);
        if due || behind >= self.config.checkpoint_records {
            self.save(place).await?;
        }
        Ok(())
    }

    /// Writes the checkpoint. After a failure it is written later: relaying a record again is
    /// harmless.
    async fn save(&self, place: &mut Place<'_>) -> Result<(), Halt> {
        if place.saved == place.position {
            return Ok(());
        }
        place.saved_at = Some(Instant::now());
        let (from, to) = (place.saved, place.position);
        match self.log.move_checkpoint(&self.stream, from, to).await {
            Ok(true) => place.saved = to,
            Ok(false) => return Err(lose_checkpoint()),
            Err(error) => {
                tracing::warn!(%error, stream = %self.stream, "cannot write the checkpoint");
            }
        }
        Ok(())
    }
}

fn lose_checkpoint() -> Halt {
    Halt::LookAgain("another relay moved the checkpoint".to_owned())
}
