//! One batch: parked aggregates are held back, the rest goes to the sink, refused events are tried
//! again and then parked, and everything is recorded in one round trip.

use std::collections::{HashMap, HashSet};

use spice_core::{
    error::StoreError,
    id::{BranchGeneration, LogPosition},
    port::{
        registry::{DeadLetter, Outcome},
        sink::{Applied, SinkPosition},
    },
};
use spice_telemetry::trace;
use tracing::Instrument;

use super::{ledger::Ledger, patience::Halt, session::Session};
use crate::event::Event;

/// The part of a batch that goes to the sink in one call.
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
    pub(super) async fn process_batch(&mut self, events: &[Event<'_>]) -> Result<(), Halt> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Ok(());
        };
        let engine = self.engine;
        let worker = engine.handler.projection().worker();
        let span = trace::batch(worker, &engine.stream, first.position.0, events.len());
        trace::link(&span, events.iter().filter_map(Event::traceparent));
        let through = last.position.next();
        self.apply_batch(events, through).instrument(span).await
    }

    async fn apply_batch(
        &mut self,
        events: &[Event<'_>],
        through: LogPosition,
    ) -> Result<(), Halt> {
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
        // In this order no crash leaves a letter that nothing clears, or loses one that is needed.
        self.clear_ahead(std::mem::take(&mut ledger.settled))
            .await?;
        let replaced = std::mem::take(&mut ledger.replaced);
        self.record(ledger, through).await?;
        self.clear_ahead(replaced).await?;
        self.position = through;
        self.engine.reporter.count_batch();
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
        ledger.outcome(name, event.position, Outcome::Parked);
        let own = &self.engine.key;
        let replaced = self.letters.take_ahead(event.position);
        ledger
            .replaced
            .extend(replaced.into_iter().filter(|letter| letter.0 != *own));
        ledger.parked.push(DeadLetter {
            handler: name.to_owned(),
            stream: self.engine.stream.clone(),
            sink: self.engine.key.sink.clone(),
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
        let reached = self.place_at(through);
        let applied = self.call(&segment.events, segment.from, reached).await?;
        ledger.live = applied.live;
        let mut refused: HashMap<usize, StoreError> = applied.refused.into_iter().collect();
        for (index, (event, name)) in segment.events.iter().zip(segment.names).enumerate() {
            let tried = match refused.remove(&index) {
                None => Ok(()),
                Some(first) => self.try_again(event, first, through).await?,
            };
            match tried {
                Ok(()) => {
                    let settled = self.letters.take_ahead(event.position);
                    if !settled.is_empty() {
                        ledger.outcome(name, event.position, Outcome::Done);
                    }
                    ledger.settled.extend(settled);
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

    /// Tries a refused event up to the limit; the sink's position is already past it.
    async fn try_again(
        &self,
        event: &Event<'_>,
        first: StoreError,
        position: LogPosition,
    ) -> Result<Result<(), StoreError>, Halt> {
        let mut last = first;
        for _ in 1..self.engine.config.attempts {
            match self.try_once(event, position).await? {
                Ok(()) => return Ok(Ok(())),
                Err(error) => last = error,
            }
        }
        Ok(Err(last))
    }

    /// Tries one event; the sink's position does not change.
    pub(super) async fn try_once(
        &self,
        event: &Event<'_>,
        position: LogPosition,
    ) -> Result<Result<(), StoreError>, Halt> {
        let mut applied = self.call(&[event], position, position.into()).await?;
        Ok(match applied.refused.pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        })
    }

    /// Calls the sink. If it refuses the call as a whole, sends the events one by one.
    async fn call(
        &self,
        events: &[&Event<'_>],
        from: LogPosition,
        through: SinkPosition,
    ) -> Result<Applied, Halt> {
        match self.send(events, from, through).await {
            Err(Halt::Refused(_)) if !events.is_empty() => {}
            answer => return answer,
        }
        let mut applied = Applied::default();
        for (index, event) in events.iter().enumerate() {
            match self.send(&[event], from, from.into()).await {
                Ok(alone) => {
                    applied
                        .refused
                        .extend(alone.refused.into_iter().map(|(_, e)| (index, e)));
                    applied.stale.extend(alone.stale.iter().map(|_| index));
                }
                Err(Halt::Refused(error)) => applied.refused.push((index, error)),
                Err(halt) => return Err(halt),
            }
        }
        if from != through.position {
            applied.live = self.send(&[], from, through).await?.live;
        }
        Ok(applied)
    }

    async fn send(
        &self,
        events: &[&Event<'_>],
        from: LogPosition,
        through: SinkPosition,
    ) -> Result<Applied, Halt> {
        let engine = self.engine;
        let (stream, sink) = (&engine.stream, &engine.key.sink);
        self.patience
            .attempt(|| engine.handler.apply(stream, sink, from, through, events))
            .await
    }
}
