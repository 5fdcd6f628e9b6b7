//! One turn of an engine: it processes the log's records in order, from the bus while the bus
//! delivers without gaps, and from the log otherwise.

use std::{convert::Infallible, pin::pin};

use spice_core::{
    chain::ChainHead,
    error::StoreError,
    guard::Guard,
    id::{LogPosition, StreamId},
    port::{
        Store,
        bus::Subscription,
        hints::Topic,
        log::Record,
        registry::WorkKey,
        sink::{Sink, SinkPosition},
    },
};

use tokio::time::Instant;

use super::{
    Engine,
    letters::Letters,
    patience::{Halt, Patience},
};
use crate::event::{Damage, Event};

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
    head: ChainHead,
    read_limit: usize,
    /// The newest hint of a request that was followed.
    seen: u64,
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
        let unknown = || ChainHead::at(&engine.stream, position).guarded(engine.config.guards);
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
            seen: 0,
            looked: Instant::now(),
        }
    }

    /// Returns a position with the chain there, where the records read so far end.
    pub(super) fn reached(&self, position: LogPosition) -> SinkPosition {
        let anchor = self.head.anchor();
        SinkPosition {
            position,
            anchor: anchor.filter(|anchor| anchor.position == position),
        }
    }

    /// Works until something ends it.
    pub(super) async fn work(&mut self) -> Halt {
        match self.follow().await {
            Err(halt) => halt,
            Ok(never) => match never {},
        }
    }

    async fn follow(&mut self) -> Result<Infallible, Halt> {
        let engine = self.engine;
        let worker = engine.handler.projection().worker();
        // Envelopes appended after the log has been read to its end are published after this point.
        let mut subscription = self
            .patience
            .attempt(|| engine.ports.bus.subscribe(worker, &engine.stream))
            .await?;
        self.catch_up().await?;
        self.carry_out_retries().await?;
        subscription.commit(self.position).await?;
        loop {
            let delivered = self.next(&mut *subscription).await?;
            self.take(delivered).await?;
            subscription.commit(self.position).await?;
            // A hint may get lost, and a busy engine is never idle.
            if self.looked.elapsed() >= engine.config.look_again {
                self.carry_out_retries().await?;
            }
        }
    }

    /// Returns the next delivery; between deliveries it carries out the requested retries.
    async fn next(&mut self, subscription: &mut dyn Subscription) -> Result<Vec<Record>, Halt> {
        let engine = self.engine;
        let token = self.patience.token.clone();
        let mut delivery = pin!(subscription.next(engine.config.batch_records));
        let mut idle = pin!(tokio::time::sleep(engine.config.idle));
        let topic = Topic::Request(engine.stream.clone());
        loop {
            let request = engine.ports.hints.wait(&topic, self.seen);
            tokio::select! {
                biased;
                () = token.cancelled() => return Err(Halt::Stopped),
                given = request => self.seen = given,
                delivered = &mut delivery => return Ok(delivered?),
                () = &mut idle => return Err(Halt::Idle),
            }
            self.carry_out_retries().await?;
        }
    }

    /// Processes a delivery: sorted, without duplicates, with gaps filled from the log.
    async fn take(&mut self, mut delivered: Vec<Record>) -> Result<(), Halt> {
        delivered.retain(|record| record.position >= self.position);
        delivered.sort_by_key(|record| record.position);
        delivered.dedup_by_key(|record| record.position);
        let (events, damaged) = self.read_delivery(&delivered);
        let mut rest = events.as_slice();
        if damaged {
            self.catch_up().await?;
        }
        loop {
            let done = rest.partition_point(|event| event.position < self.position);
            rest = &rest[done..];
            let Some(first) = rest.first() else {
                return Ok(());
            };
            if first.position == self.position {
                let run = contiguous(rest);
                self.check_links(&rest[..run])?;
                self.process_all(&rest[..run]).await?;
                continue;
            }
            let wanted = first.position;
            self.catch_up().await?;
            if self.position < wanted {
                return Err(Halt::LookAgain(format!(
                    "the bus delivers position {wanted}, the log ends at {}",
                    self.position
                )));
            }
        }
    }

    /// Extends the chain with a delivery, before any of it is projected.
    fn check_links(&mut self, events: &[Event<'_>]) -> Result<(), Halt> {
        for event in events {
            self.head
                .take(event.position, event.line)
                .map_err(|fault| Halt::Damaged(fault.into()))?;
        }
        Ok(())
    }

    fn read_delivery<'r>(&self, delivered: &'r [Record]) -> (Vec<Event<'r>>, bool) {
        let stream = &self.engine.stream;
        let mut events = Vec::with_capacity(delivered.len());
        let mut damaged = false;
        for record in delivered {
            match self.read_record(record, stream) {
                Ok(event) => events.push(event),
                Err(error @ Damage::Foreign { .. }) => {
                    tracing::warn!(%error, %stream, "delivery dropped");
                }
                Err(error @ Damage::Unreadable { .. }) => {
                    tracing::warn!(%error, %stream, "dropped a delivery; reading the log instead");
                    damaged = true;
                }
            }
        }
        (events, damaged)
    }

    fn read_record<'r>(&self, record: &'r Record, stream: &StreamId) -> Result<Event<'r>, Damage> {
        let read = Event::read(record, stream);
        match read {
            Err(Damage::Foreign { generation, .. })
                if !self.engine.config.guards.has(Guard::Generations) =>
            {
                let as_written = StreamId {
                    database: stream.database.clone(),
                    generation,
                };
                Event::read(record, &as_written)
            }
            read => read,
        }
    }

    /// Processes the log from the current position to its end.
    pub(super) async fn catch_up(&mut self) -> Result<(), Halt> {
        let engine = self.engine;
        loop {
            if self.patience.token.is_cancelled() {
                return Err(Halt::Stopped);
            }
            let (from, limit) = (self.position, self.read_limit);
            let records = self
                .patience
                .attempt(|| engine.ports.log.read(&engine.stream, from, limit))
                .await?;
            if records.is_empty() {
                return Ok(());
            }
            let events = read_log(&records, &mut self.head, &engine.stream)?;
            self.learn_size(&events);
            self.process_all(&events).await?;
        }
    }

    /// Sets the size of the next read to about the envelopes of one batch.
    fn learn_size(&mut self, events: &[Event<'_>]) {
        let bytes: usize = events.iter().map(|event| event.line.len()).sum();
        let average = (bytes / events.len().max(1)).max(1);
        let config = &self.engine.config;
        let upper = config
            .batch_records
            .min(self.read_limit.saturating_mul(4))
            .max(1);
        self.read_limit = (config.batch_bytes / average).clamp(1, upper);
    }

    /// Processes consecutive events from the current position on, batch by batch.
    async fn process_all(&mut self, events: &[Event<'_>]) -> Result<(), Halt> {
        let mut rest = events;
        while !rest.is_empty() {
            if self.patience.token.is_cancelled() {
                return Err(Halt::Stopped);
            }
            let count = self.batch_length(rest);
            self.process(&rest[..count]).await?;
            self.engine.reporter.running(self.position);
            if rest[count - 1].seals() {
                return Err(Halt::Sealed);
            }
            rest = &rest[count..];
        }
        Ok(())
    }

    fn batch_length(&self, events: &[Event<'_>]) -> usize {
        let config = &self.engine.config;
        let mut bytes = 0;
        let fitting = events
            .iter()
            .take(config.batch_records.max(1))
            .take_while(|event| {
                bytes += event.line.len();
                bytes <= config.batch_bytes
            })
            .count();
        fitting.max(1)
    }

    /// Reads one envelope of the log again, by position.
    pub(super) async fn reread(&self, position: LogPosition) -> Result<Record, Halt> {
        let engine = self.engine;
        let records = self
            .patience
            .attempt(|| engine.ports.log.read(&engine.stream, position, 1))
            .await?;
        match records.into_iter().next() {
            Some(record) if record.position == position => Ok(record),
            _ => Err(hole(position, &engine.stream)),
        }
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
}

fn contiguous(events: &[Event<'_>]) -> usize {
    let follows = |pair: &[Event<'_>]| pair[1].position == pair[0].position.next();
    1 + events.windows(2).take_while(|pair| follows(pair)).count()
}

/// Reads envelopes of the log; anything but the envelopes that follow the head is damage.
fn read_log<'r>(
    records: &'r [Record],
    head: &mut ChainHead,
    stream: &StreamId,
) -> Result<Vec<Event<'r>>, Halt> {
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        if record.position != head.position() {
            return Err(hole(head.position(), stream));
        }
        head.take(record.position, &record.line)
            .map_err(StoreError::from)?;
        events.push(Event::read(record, stream).map_err(StoreError::from)?);
    }
    Ok(events)
}

fn hole(position: LogPosition, stream: &StreamId) -> Halt {
    Halt::Damaged(StoreError::Damaged {
        store: Store::Log,
        reason: format!("{stream} has no envelope at position {position}"),
    })
}
