//! Dead letters: which aggregates are parked, and at which positions.

use std::collections::{BTreeSet, HashMap};

use spice_core::{
    id::{BranchGeneration, LogPosition},
    port::registry::WorkKey,
};

use crate::event::Event;

/// A parked aggregate. A reused branch name is another aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ParkedAggregate {
    pub(super) handler: &'static str,
    pub(super) aggregate_id: Box<str>,
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

    pub(super) fn clear(&mut self, aggregate: &ParkedAggregate, position: LogPosition) {
        if let Some(waiting) = self.parked.get_mut(aggregate) {
            waiting.remove(&position);
            if waiting.is_empty() {
                self.parked.remove(aggregate);
            }
        }
    }

    pub(super) fn find(&self, handler: &str, position: LogPosition) -> Option<ParkedAggregate> {
        self.parked
            .iter()
            .find(|(aggregate, waiting)| {
                aggregate.handler == handler && waiting.contains(&position)
            })
            .map(|(aggregate, _)| aggregate.clone())
    }

    pub(super) fn find_named(&self, handler: &str, aggregate_id: &str) -> Vec<ParkedAggregate> {
        let mut found: Vec<_> = self
            .parked
            .keys()
            .filter(|key| key.handler == handler && &*key.aggregate_id == aggregate_id)
            .cloned()
            .collect();
        found.sort_by_key(|key| key.branch);
        found
    }

    pub(super) fn list_waiting(&self, aggregate: &ParkedAggregate) -> Vec<LogPosition> {
        self.parked
            .get(aggregate)
            .map_or_else(Vec::new, |waiting| waiting.iter().copied().collect())
    }
}
