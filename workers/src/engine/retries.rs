//! Retries and discards of dead letters: what each of them releases, in order.

use spice_core::{
    error::StoreError,
    event::EventDiscarded,
    id::{EventId, LogPosition},
    port::registry::{DeadLetter, Outcome, Processed, Processing},
};
use tokio::time::Instant;

use super::{ledger::Ledger, letters::ParkedAggregate, patience::Halt, session::Session};
use crate::event::Event;

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
            for aggregate in self.letters.find_named(&handler, &aggregate_id) {
                let waiting = self.letters.list_waiting(&aggregate);
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
        let waiting = self.letters.list_waiting(&aggregate);
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
            .attempt(|| registry.outcomes_at(&engine.stream, position))
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
                        .update_letter(aggregate, position, event.event_id, &error)
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

    async fn update_letter(
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
