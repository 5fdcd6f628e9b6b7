//! What an engine knows during one turn, and what it reads and writes in the registry for it.

use spice_core::{
    chain::ChainHead,
    error::StoreError,
    id::LogPosition,
    port::{
        hints::{Hints, Listener, Topic},
        log::{Record, missing},
        registry::{WorkKey, WorkRecord},
        sink::{Sink, SinkPosition},
    },
};
use tokio::time::Instant;

use super::{
    ledger::Ledger,
    letters::{Ahead, Letters},
    patience::{Halt, Patience},
    worker::Engine,
};
use crate::event::Event;

/// The size of the first read, before the size of the log's envelopes is known.
const FIRST_READ: usize = 200;

/// The state while the sink stays the same.
pub(super) struct Session<'e> {
    pub(super) engine: &'e Engine,
    pub(super) patience: &'e Patience,
    /// The next position to process.
    pub(super) position: LogPosition,
    /// The position in the registry's record. It is greater than `position` while a sink that has
    /// lost its last batches is refilled.
    pub(super) recorded: LogPosition,
    pub(super) letters: Letters,
    /// The chain at `position`, extended with what the log and the bus deliver.
    pub(super) head: ChainHead,
    pub(super) read_limit: usize,
    /// Hears of requests.
    pub(super) requests: Listener<&'e dyn Hints>,
    /// When the requested retries were last looked for.
    pub(super) looked: Instant,
}

impl<'e> Session<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        patience: &'e Patience,
        (position, recorded): (LogPosition, LogPosition),
        seen: ChainHead,
    ) -> Self {
        let unknown = || ChainHead::at(&engine.stream, position).with_guards(engine.config.guards);
        Self {
            engine,
            patience,
            position,
            recorded,
            letters: Letters::default(),
            head: Some(seen)
                .filter(|seen| seen.position() == position)
                .unwrap_or_else(unknown),
            read_limit: FIRST_READ.min(engine.config.batch_records),
            requests: Listener::new(&*engine.ports.hints, Topic::Request(engine.stream.clone())),
            looked: Instant::now(),
        }
    }

    /// Returns a position with the chain there, where the records read so far end.
    pub(super) fn place_at(&self, position: LogPosition) -> SinkPosition {
        let anchor = self.head.anchor();
        SinkPosition {
            position,
            anchor: anchor.filter(|anchor| anchor.position == position),
        }
    }

    /// Reads one envelope of the log again, by position.
    pub(super) async fn reread(&self, position: LogPosition) -> Result<Record, Halt> {
        let engine = self.engine;
        let record = self
            .patience
            .attempt(|| engine.ports.log.read_one(&engine.stream, position))
            .await?;
        record.ok_or_else(|| Halt::Damaged(missing(&engine.stream, position)))
    }

    /// Loads the dead letters of this sink below its position. Letters at later positions, of this
    /// sink or of a dropped one, are decided there; those of a dropped sink below its position are
    /// settled.
    pub(super) async fn load_letters(&mut self, sinks: &[Sink]) -> Result<(), Halt> {
        let engine = self.engine;
        let known = self
            .patience
            .attempt(|| engine.ports.registry.dead_letters(Some(&engine.stream)))
            .await?;
        let handlers = engine.handler.projection().handlers();
        let is_live = sinks
            .first()
            .is_some_and(|live| live.generation == engine.key.sink);
        for letter in known {
            let Some(name) = handlers.iter().find(|name| **name == letter.handler) else {
                continue;
            };
            let is_own = letter.sink == engine.key.sink;
            let is_gone = sinks.iter().all(|sink| sink.generation != letter.sink);
            let is_ours = is_own || (is_live && is_gone);
            let ahead = letter.position >= self.position;
            if is_ours && (ahead || is_gone) {
                let key = WorkKey {
                    sink: letter.sink,
                    ..engine.key.clone()
                };
                let letter = (key, *name, letter.position);
                if ahead {
                    self.letters.expect(letter);
                } else {
                    self.clear_ahead(vec![letter]).await?;
                }
            } else if is_own {
                let record = self.reread(letter.position).await?;
                let event = Event::read(&record, &engine.stream).map_err(StoreError::from)?;
                self.letters.park(name, &event);
            }
        }
        Ok(())
    }

    /// Removes letters of events that this sink has processed.
    pub(super) async fn clear_ahead(&self, letters: Vec<Ahead>) -> Result<(), Halt> {
        let registry = &self.engine.ports.registry;
        for (key, handler, position) in letters {
            let at = [position];
            self.patience
                .attempt(|| registry.clear_dead_letters(&key, handler, &at))
                .await?;
            self.engine.tell_progress();
        }
        Ok(())
    }

    /// Moves the worker's farthest position to the record of a live sink. A swap may come after the
    /// former live sink has applied a batch and before that is recorded; then the farthest position
    /// stays behind what this sink recorded as a shadow.
    pub(super) async fn confirm_farthest(&mut self) -> Result<(), Halt> {
        if self.recorded == LogPosition::ZERO {
            return Ok(());
        }
        let engine = self.engine;
        let registry = &engine.ports.registry;
        let farthest = self
            .patience
            .attempt(|| registry.farthest_positions(&engine.stream))
            .await?;
        let has_this = |(worker, position): &(String, LogPosition)| {
            *worker == engine.key.worker && *position >= self.recorded
        };
        if farthest.iter().any(has_this) {
            return Ok(());
        }
        let confirmed = Ledger {
            live: true,
            ..Ledger::default()
        };
        self.write_record(confirmed, self.recorded).await
    }

    /// Records the batch in one round trip, under the lease.
    pub(super) async fn record(
        &mut self,
        ledger: Ledger,
        through: LogPosition,
    ) -> Result<(), Halt> {
        let through = through.max(self.recorded);
        let nothing = ledger.processed.is_empty() && ledger.parked.is_empty();
        if nothing && through == self.recorded {
            return Ok(());
        }
        self.write_record(ledger, through).await
    }

    async fn write_record(&mut self, mut ledger: Ledger, through: LogPosition) -> Result<(), Halt> {
        let record = WorkRecord {
            key: self.engine.key.clone(),
            lease: self.engine.lease.clone(),
            from: self.recorded,
            through,
            live: ledger.live,
            processed: std::mem::take(&mut ledger.processed),
            parked: std::mem::take(&mut ledger.parked),
            at: self.engine.ports.clock.now(),
        };
        let registry = &self.engine.ports.registry;
        self.patience
            .attempt(|| registry.record(record.clone()))
            .await?;
        self.recorded = through;
        self.engine.tell_progress();
        Ok(())
    }
}
