//! One batch: what is parked is held back, the rest goes to the sink, what the sink refuses for
//! good is tried again and then parked, and all of it is recorded in one round trip.

use std::collections::{HashMap, HashSet};

use spice_core::{
    envelope::EventType,
    error::StoreError,
    id::{BranchGeneration, LogPosition},
    port::{
        graph::SinkPosition,
        registry::{DeadLetter, Outcome, Processed, WorkRecord},
    },
};

use super::{handler::Effects, patience::Halt, session::Session};
use crate::event::Event;

/// What a batch's record will say.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) processed: Vec<Processed>,
    pub(super) parked: Vec<DeadLetter>,
    /// Letters of an earlier filling of the sink that took effect now.
    cleared: HashMap<&'static str, Vec<LogPosition>>,
}

impl Ledger {
    pub(super) fn done(&mut self, handler: &'static str, event: &Event<'_>, outcome: Outcome) {
        self.processed.push(Processed {
            handler,
            event_id: event.event_id,
            position: event.position,
            aggregate_id: event.aggregate_id.clone().into_owned(),
            sequence: event.sequence,
            outcome,
        });
    }
}

/// A part of a batch that goes to the sink in one call.
struct Segment<'b, 'r> {
    from: LogPosition,
    events: Vec<&'b Event<'r>>,
    names: Vec<&'static str>,
    aggregates: HashSet<(&'b str, BranchGeneration)>,
}

impl<'b, 'r> Segment<'b, 'r> {
    fn new(from: LogPosition) -> Self {
        Self {
            from,
            events: Vec::new(),
            names: Vec::new(),
            aggregates: HashSet::new(),
        }
    }

    fn holds_aggregate_of(&self, event: &'b Event<'r>) -> bool {
        self.aggregates
            .contains(&(event.aggregate_id.as_ref(), event.branch()))
    }

    fn push(&mut self, name: &'static str, event: &'b Event<'r>) {
        self.aggregates
            .insert((event.aggregate_id.as_ref(), event.branch()));
        self.events.push(event);
        self.names.push(name);
    }
}

impl Session<'_> {
    /// Deals with events that follow one another from the position on.
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
            // Its place in the order counts: all before it is recorded, letters included.
            self.discard(&rest[0]).await?;
            self.process_batch(&rest[..1]).await?;
            rest = &rest[1..];
        }
        Ok(())
    }

    async fn process_batch(&mut self, events: &[Event<'_>]) -> Result<(), Halt> {
        let Some(through) = events.last().map(|event| event.position.next()) else {
            return Ok(());
        };
        let mut ledger = Ledger::default();
        let mut segment = Segment::new(self.position);
        for event in events {
            let Some(name) = self.engine.handler.name_of(event) else {
                continue;
            };
            if segment.holds_aggregate_of(event) {
                self.apply(segment, event.position, &mut ledger).await?;
                segment = Segment::new(event.position);
            }
            if let Some(head) = self.letters.blocks(name, event) {
                self.park_behind(name, event, head, &mut ledger);
            } else {
                segment.push(name, event);
            }
        }
        self.apply(segment, through, &mut ledger).await?;
        self.clear_ahead(&mut ledger).await?;
        self.record(ledger, through).await?;
        self.position = through;
        Ok(())
    }

    fn park_behind(
        &mut self,
        name: &'static str,
        event: &Event<'_>,
        head: LogPosition,
        ledger: &mut Ledger,
    ) {
        let error = format!("waits behind position {head}");
        self.park(name, event, ("behind", error, 0), ledger);
    }

    fn park(
        &mut self,
        name: &'static str,
        event: &Event<'_>,
        (class, error, attempts): (&str, String, u32),
        ledger: &mut Ledger,
    ) {
        let now = self.engine.ports.clock.now();
        ledger.done(name, event, Outcome::Parked);
        ledger.parked.push(DeadLetter {
            handler: name.to_owned(),
            stream: self.engine.stream.clone(),
            position: event.position,
            event_id: event.event_id,
            aggregate_id: event.aggregate_id.clone().into_owned(),
            error,
            class: class.to_owned(),
            attempts,
            first_at: now,
            last_at: now,
        });
        self.letters.park(name, event);
    }

    async fn apply(
        &mut self,
        segment: Segment<'_, '_>,
        through: LogPosition,
        ledger: &mut Ledger,
    ) -> Result<(), Halt> {
        if segment.from == through {
            return Ok(());
        }
        let reached = self.reached(through);
        let effects = self.call(&segment.events, segment.from, reached).await?;
        let stale: HashSet<usize> = effects.stale.into_iter().collect();
        let mut refused: HashMap<usize, StoreError> = effects.refused.into_iter().collect();
        for (index, (event, name)) in segment.events.iter().zip(segment.names).enumerate() {
            let outcome = match refused.remove(&index) {
                None if stale.contains(&index) => Ok(Outcome::SkippedStale),
                None => Ok(Outcome::Done),
                Some(first) => self.try_again(event, first, through).await?,
            };
            match outcome {
                Ok(outcome) => {
                    ledger.done(name, event, outcome);
                    if let Some(known) = self.letters.ahead.remove(&event.position) {
                        ledger
                            .cleared
                            .entry(known)
                            .or_default()
                            .push(event.position);
                    }
                }
                Err(error) => {
                    let attempts = self.engine.config.attempts;
                    self.park(
                        name,
                        event,
                        ("permanent", error.to_string(), attempts),
                        ledger,
                    );
                }
            }
        }
        Ok(())
    }

    /// Tries a refused event as often as the budget says; the sink's position is past it already.
    async fn try_again(
        &self,
        event: &Event<'_>,
        first: StoreError,
        position: LogPosition,
    ) -> Result<Result<Outcome, StoreError>, Halt> {
        let mut last = first;
        for _ in 1..self.engine.config.attempts {
            match self.try_once(event, position).await? {
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(error) => last = error,
            }
        }
        Ok(Err(last))
    }

    /// Tries one event; the sink's position stays where it is.
    pub(super) async fn try_once(
        &self,
        event: &Event<'_>,
        position: LogPosition,
    ) -> Result<Result<Outcome, StoreError>, Halt> {
        let mut effects = self.call(&[event], position, position.into()).await?;
        Ok(match effects.refused.pop() {
            Some((_, error)) => Err(error),
            None if effects.stale.is_empty() => Ok(Outcome::Done),
            None => Ok(Outcome::SkippedStale),
        })
    }

    /// Calls the sink. One that refuses a call as a whole gets its events one by one.
    async fn call(
        &self,
        events: &[&Event<'_>],
        from: LogPosition,
        through: SinkPosition,
    ) -> Result<Effects, Halt> {
        match self.send(events, from, through).await {
            Err(Halt::Refused(_)) if !events.is_empty() => {}
            answer => return answer,
        }
        let mut effects = Effects::default();
        for (index, event) in events.iter().enumerate() {
            match self.send(&[event], from, from.into()).await {
                Ok(alone) => {
                    effects
                        .refused
                        .extend(alone.refused.into_iter().map(|(_, e)| (index, e)));
                    effects.stale.extend(alone.stale.iter().map(|_| index));
                }
                Err(Halt::Refused(error)) => effects.refused.push((index, error)),
                Err(halt) => return Err(halt),
            }
        }
        if from != through.position {
            self.send(&[], from, through).await?;
        }
        Ok(effects)
    }

    async fn send(
        &self,
        events: &[&Event<'_>],
        from: LogPosition,
        through: SinkPosition,
    ) -> Result<Effects, Halt> {
        let engine = self.engine;
        let (stream, sink) = (&engine.stream, &self.key.sink);
        self.patience
            .attempt(|| engine.handler.apply(stream, sink, from, through, events))
            .await
    }

    /// Takes out the letters of an earlier filling whose events took effect in this one. Before
    /// the record, so that a crash in between leaves no letter that nothing would clear.
    async fn clear_ahead(&self, ledger: &mut Ledger) -> Result<(), Halt> {
        let engine = self.engine;
        for (handler, positions) in ledger.cleared.drain() {
            let registry = &engine.ports.registry;
            self.patience
                .attempt(|| registry.clear_dead_letters(handler, &engine.stream, &positions))
                .await?;
        }
        Ok(())
    }

    /// Records what was done, in one round trip, under the lease.
    pub(super) async fn record(
        &mut self,
        mut ledger: Ledger,
        through: LogPosition,
    ) -> Result<(), Halt> {
        let through = through.max(self.recorded);
        let nothing = ledger.processed.is_empty() && ledger.parked.is_empty();
        if nothing && through == self.recorded {
            return Ok(());
        }
        let record = WorkRecord {
            key: self.key.clone(),
            lease: self.engine.lease.clone(),
            from: self.recorded,
            through,
            processed: std::mem::take(&mut ledger.processed),
            parked: std::mem::take(&mut ledger.parked),
            at: self.engine.ports.clock.now(),
        };
        let registry = &self.engine.ports.registry;
        self.patience
            .attempt(|| registry.record(record.clone()))
            .await?;
        self.recorded = through;
        Ok(())
    }
}
