//! Waits until the projections show a position.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Value, json};
use spice_core::{
    error::{ErrorCode, Refusal, StoreError},
    handler::Projection,
    id::{LogPosition, StreamId},
    port::{
        hints::{LOOK_AGAIN, Topic},
        registry::DeadLetter,
    },
};
use tokio::time::{Instant, timeout};

use super::{
    reads::Reads,
    waits::{Ended, For},
};

/// How many parked events an answer names.
const NAMED: usize = 20;

/// Which sinks a read needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs(&'static [Projection]);

impl Needs {
    pub(crate) const NOTHING: Self = Self(&[]);
    pub(crate) const GRAPH: Self = Self(&[Projection::Graph]);
    pub(crate) const DOCUMENTS: Self = Self(&[Projection::Documents]);
    pub(crate) const BOTH: Self = Self(&Projection::ALL);

    fn concern(self, letter: &DeadLetter) -> bool {
        let projection = Projection::of(&letter.handler);
        projection.is_some_and(|projection| self.0.contains(&projection))
    }
}

/// What a read waits for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) stream: &'a StreamId,
    /// The sinks that must show it.
    pub(crate) needs: Needs,
    /// The events that they must show.
    pub(crate) events: RangeInclusive<LogPosition>,
}

impl<'a> Wanted<'a> {
    /// Everything up to a position, whether it is parked or not.
    pub(crate) fn position(stream: &'a StreamId, needs: Needs, last: LogPosition) -> Self {
        Self {
            stream,
            needs,
            events: last.next()..=last,
        }
    }

    /// The last position that the sinks must show.
    pub(crate) fn last(&self) -> LogPosition {
        *self.events.end()
    }
}

/// How long a read may wait, in all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) limit: Duration,
    pub(crate) deadline: Instant,
}

impl Patience {
    /// From now on.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            deadline: Instant::now() + limit,
        }
    }
}

impl Reads {
    /// Waits until the sinks show what is wanted, or refuses with `timeout`, naming what is
    /// parked.
    pub(super) async fn wait_shown(
        &self,
        wanted: &Wanted<'_>,
        patience: Patience,
    ) -> Result<(), Refusal> {
        if self.shows(wanted).await? {
            return Ok(());
        }
        let wait = self.waits.begin(For::Sink);
        let shown = self.become_shown(wanted, patience).await;
        wait.end(Ended::with(&shown));
        shown
    }

    async fn become_shown(&self, wanted: &Wanted<'_>, patience: Patience) -> Result<(), Refusal> {
        let topic = Topic::Progress(wanted.stream.clone());
        let mut progress = self.engine.writer.listen(topic);
        loop {
            let left = patience.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.late(wanted, patience.limit).await?);
            }
            let _ = timeout(left.min(LOOK_AGAIN), progress.wait()).await;
            if self.shows(wanted).await? {
                return Ok(());
            }
        }
    }

    /// Whether the sinks show what is wanted: they have passed it, and have parked nothing of it.
    async fn shows(&self, wanted: &Wanted<'_>) -> Result<bool, StoreError> {
        let (stream, events) = (wanted.stream, &wanted.events);
        for projection in wanted.needs.0 {
            if self.read_position(*projection, stream).await? <= wanted.last() {
                return Ok(false);
            }
        }
        if wanted.needs == Needs::NOTHING || events.is_empty() {
            return Ok(true);
        }
        let letters = self.seen_letters(Some(stream)).await?;
        Ok(!letters
            .iter()
            .any(|letter| events.contains(&letter.position) && wanted.needs.concern(letter)))
    }

    async fn late(&self, wanted: &Wanted<'_>, limit: Duration) -> Result<Refusal, StoreError> {
        let last = wanted.last();
        let mut parked = self.seen_letters(Some(wanted.stream)).await?;
        parked.retain(|letter| letter.position <= last && wanted.needs.concern(letter));
        let message = format!(
            "position {last} is not projected after {} s; {} event(s) up to it are parked",
            limit.as_secs_f64(),
            parked.len()
        );
        let named: Vec<Value> = parked
            .iter()
            .take(NAMED)
            .map(|letter| {
                json!({
                    "handler": letter.handler,
                    "position": letter.position,
                    "event_id": letter.event_id,
                    "aggregate_id": letter.aggregate_id,
                    "error": letter.error,
                })
            })
            .collect();
        Ok(Refusal::new(ErrorCode::Timeout, message)
            .with("position", last.0)
            .with("parked_count", parked.len())
            .with("parked", named))
    }
}
