//! Dead letters: which aggregates are parked, and what a retry or a discard releases, in order.

use std::collections::{BTreeSet, HashMap};

use spice_core::{
    error::StoreError,
    event::EventDiscarded,
    id::{BranchGeneration, EventId, LogPosition},
    port::registry::{DeadLetter, Outcome, Processed, Processing, WorkKey},
};

use tokio::time::Instant;

use super::{batch::Ledger, patience::Halt, session::Session};
use crate::event::Event;

/// A parked aggregate. A reused branch name is another aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ParkedAggregate {
    handler: &'static str,
    aggregate_id: Box<str>,
    branch: BranchGeneration,
}

/// The dead letters of one worker on one log, up to its position.
#[derive(Debug, Default)]
pub(super) struct Letters {
    parked: HashMap<ParkedAggregate, BTreeSet<LogPosition>>,
    /// Letters at positions that are processed (again) later, of this sink or of a dropped one: the
    /// event decides about them then.
    ahead: HashMap<LogPosition, Vec<Ahead>>,
}

/// A letter of a sink, its handler, and the position of its event.
pub(super) type Ahead = (WorkKey, &'static str, LogPosition);

impl ParkedAggregate {
    fn of(handler: &'static str, event: &Event<'_>) -> Self {
        Self {
            handler,
            aggregate_id: event.aggregate_id.as_ref().into(),
            branch: event.branch(),
        }
    }
}

impl Letters {
    /// Parks an event.
    pub(super) fn park(&mut self, handler: &'static str, event: &Event<'_>) {
        let aggregate = ParkedAggregate::of(handler, event);
        self.parked
            .entry(aggregate)
            .or_default()
            .insert(event.position);
    }

    /// Returns the position of the parked event that an event must wait for.
    pub(super) fn blocks(&self, handler: &'static str, event: &Event<'_>) -> Option<LogPosition> {
        if self.parked.is_empty() {
            return None;
        }
        let waiting = self.parked.get(&ParkedAggregate::of(handler, event))?;
        waiting.first().copied()
    }

    /// Remembers a letter until its position is processed.
    pub(super) fn expect(&mut self, letter: Ahead) {
        self.ahead.entry(letter.2).or_default().push(letter);
    }

    /// Returns the letters to decide at a position.
    pub(super) fn take_ahead(&mut self, position: LogPosition) -> Vec<Ahead> {
        self.ahead.remove(&position).unwrap_or_default()
    }

    fn clear(&mut self, aggregate: &ParkedAggregate, position: LogPosition) {
        if let Some(waiting) = self.parked.get_mut(aggregate) {
            waiting.remove(&position);
            if waiting.is_empty() {
                self.parked.remove(aggregate);
            }
        }
    }

    fn find(&self, handler: &str, position: LogPosition) -> Option<ParkedAggregate> {
        self.parked
            .iter()
            .find(|(aggregate, waiting)| {
                aggregate.handler == handler && waiting.contains(&position)
            })
            .map(|(aggregate, _)| aggregate.clone())
    }

    fn named(&self, handler: &str, aggregate_id: &str) -> Vec<ParkedAggregate> {
        let mut found: Vec<_> = self
            .parked
            .keys()
            .filter(|key| key.handler == handler && &*key.aggregate_id == aggregate_id)
            .cloned()
            .collect();
        found.sort_by_key(|key| key.branch);
        found
    }

    fn waiting(&self, aggregate: &ParkedAggregate) -> Vec<LogPosition> {
        self.parked
            .get(aggregate)
            .map_or_else(Vec::new, |waiting| waiting.iter().copied().collect())
    }
}

impl Session<'_> {
    /// Whether reads see this sink: then people's requests are for it.
    async fn is_live(&self) -> Result<bool, Halt> {
        let sinks = self.engine.sinks(self.patience).await?;
        let live = sinks.first().map(|live| &live.generation);
        Ok(live == Some(&self.engine.key.sink))
    }

    /// Carries out the retries that people requested.
    pub(super) async fn carry_out_retries(&mut self) -> Result<(), Halt> {
        let engine = self.engine;
        let registry = &engine.ports.registry;
        self.looked = Instant::now();
        let asked = self
            .patience
            .attempt(|| registry.retries(&engine.stream))
            .await?;
        let handlers = engine.handler.projection().handlers();
        let asked = asked
            .into_iter()
            .filter(|(handler, _)| handlers.contains(&handler.as_str()));
        let asked: Vec<(String, String)> = asked.collect();
        if asked.is_empty() || !self.is_live().await? {
            return Ok(());
        }
        for (handler, aggregate_id) in asked {
            for aggregate in self.letters.named(&handler, &aggregate_id) {
                let waiting = self.letters.waiting(&aggregate);
                self.drain(&aggregate, &waiting, None).await?;
            }
            self.patience
                .attempt(|| registry.clear_retry(&handler, &engine.stream, &aggregate_id))
                .await?;
            engine.tell_progress();
        }
        Ok(())
    }

    /// Skips an event that a person discarded for one handler, and releases the events behind it.
    pub(super) async fn discard(&mut self, event: &Event<'_>) -> Result<(), Halt> {
        let discarded: EventDiscarded = event.data().map_err(StoreError::from)?;
        let position = discarded.event_position;
        let Some(aggregate) = self.letters.find(&discarded.handler, position) else {
            return self.note_done(&discarded.handler, position).await;
        };
        let waiting = self.letters.waiting(&aggregate);
        let is_head = waiting.first() == Some(&position);
        let followers = if is_head { &waiting[1..] } else { &[] };
        let skipped = Processed {
            handler: aggregate.handler,
            position,
            outcome: Outcome::Discarded,
        };
        self.drain(&aggregate, followers, Some(skipped)).await
    }

    /// Notes that an event took effect in this sink before a person discarded it.
    async fn note_done(&mut self, handler: &str, position: LogPosition) -> Result<(), Halt> {
        let mut handlers = self.engine.handler.projection().handlers().iter();
        let Some(handler) = handlers.find(|name| **name == handler) else {
            return Ok(());
        };
        let engine = self.engine;
        let registry = &engine.ports.registry;
        let known = self
            .patience
            .attempt(|| registry.processed(&engine.stream, position))
            .await?;
        let is_own = |row: &Processing| {
            row.sink == engine.key.sink && row.handler.as_deref() == Some(handler)
        };
        if known.iter().any(is_own) {
            // It was discarded before a crash, or drained by a retry.
            return Ok(());
        }
        let mut ledger = Ledger::default();
        ledger.outcome(handler, position, Outcome::Done);
        self.record(ledger, self.position).await
    }

    /// Applies parked events of one aggregate in order, up to the first that is refused again. It
    /// records first and clears afterwards, the discarded event last: after a crash in between the
    /// same steps run again.
    async fn drain(
        &mut self,
        aggregate: &ParkedAggregate,
        positions: &[LogPosition],
        given_up: Option<Processed>,
    ) -> Result<(), Halt> {
        let mut ledger = Ledger::default();
        let mut freed = Vec::new();
        for &position in positions {
            let record = self.reread(position).await?;
            let event = Event::read(&record, &self.engine.stream).map_err(StoreError::from)?;
            match self.try_once(&event, self.position).await? {
                Ok(()) => {
                    ledger.outcome(aggregate.handler, position, Outcome::Done);
                    freed.push(position);
                }
                Err(error) => {
                    let letter = self
                        .refused_again(aggregate, position, event.event_id, &error)
                        .await?;
                    ledger.parked.push(letter);
                    break;
                }
            }
        }
        let given_up_at = given_up.as_ref().map(|skipped| skipped.position);
        ledger.processed.extend(given_up);
        self.record(ledger, self.position).await?;
        self.clear(aggregate, &freed).await?;
        self.clear(aggregate, given_up_at.as_slice()).await
    }

    async fn clear(
        &mut self,
        aggregate: &ParkedAggregate,
        positions: &[LogPosition],
    ) -> Result<(), Halt> {
        if positions.is_empty() {
            return Ok(());
        }
        let engine = self.engine;
        let registry = &engine.ports.registry;
        self.patience
            .attempt(|| registry.clear_dead_letters(&engine.key, aggregate.handler, positions))
            .await?;
        engine.tell_progress();
        for position in positions {
            self.letters.clear(aggregate, *position);
        }
        Ok(())
    }

    async fn refused_again(
        &self,
        aggregate: &ParkedAggregate,
        position: LogPosition,
        event_id: EventId,
        error: &StoreError,
    ) -> Result<DeadLetter, Halt> {
        let engine = self.engine;
        let known = self
            .patience
            .attempt(|| engine.ports.registry.dead_letters(Some(&engine.stream)))
            .await?;
        let before = known.into_iter().find(|letter| {
            letter.sink == engine.key.sink
                && letter.handler == aggregate.handler
                && letter.position == position
        });
        let now = engine.ports.clock.now();
        Ok(DeadLetter {
            handler: aggregate.handler.to_owned(),
            stream: engine.stream.clone(),
            sink: engine.key.sink.clone(),
            position,
            event_id,
            aggregate_id: aggregate.aggregate_id.to_string(),
            error: error.to_string(),
            class: "permanent".to_owned(),
            attempts: before.as_ref().map_or(0, |letter| letter.attempts) + 1,
            first_at: before.map_or(now, |letter| letter.first_at),
            last_at: now,
        })
    }
}
