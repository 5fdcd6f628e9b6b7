//! One turn of an engine: it processes the log's records in order, from the bus while the bus
//! delivers without gaps, and from the log otherwise.

use std::{convert::Infallible, pin::pin};

use spice_core::{
    chain::ChainHead,
    envelope::EventType,
    error::StoreError,
    guard::Guard,
    id::StreamId,
    port::{bus::Subscription, log::Record},
};

use super::{patience::Halt, session::Session};
use crate::event::{Damage, Event};

impl Session<'_> {
    /// Works until something ends it.
    pub(super) async fn work(&mut self) -> Halt {
        match self.follow().await {
            Err(halt) => halt,
            Ok(never) => match never {},
        }
    }

    /// Carries out what people requested for a log that is sealed and processed.
    pub(super) async fn finish(&mut self) -> Halt {
        match self.carry_out_retries().await {
            Ok(()) => Halt::Sealed,
            Err(halt) => halt,
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
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return Err(Halt::Stopped),
                () = self.requests.wait() => {}
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
            self.engine.reporter.report_running(self.position);
            if rest[count - 1].seals() {
                return Err(Halt::Sealed);
            }
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Processes consecutive events from the current position on.
    pub(super) async fn process(&mut self, events: &[Event<'_>]) -> Result<(), Halt> {
        let mut rest = events;
        while !rest.is_empty() {
            let is_discard = |event: &Event<'_>| event.event_type == EventType::EventDiscarded;
            let before = rest.iter().take_while(|event| !is_discard(event)).count();
            if before > 0 {
                self.process_batch(&rest[..before]).await?;
                rest = &rest[before..];
                continue;
            }
            // Order matters: everything before it is recorded, letters included.
            self.discard(&rest[0]).await?;
            self.process_batch(&rest[..1]).await?;
            rest = &rest[1..];
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
        head.take(record.position, &record.line)
            .map_err(StoreError::from)?;
        events.push(Event::read(record, stream).map_err(StoreError::from)?);
    }
    Ok(events)
}
