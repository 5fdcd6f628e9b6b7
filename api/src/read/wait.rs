//! Waits until the projections show a position.

use std::time::Duration;

use serde_json::{Value, json};
use spice_core::{
    error::{ErrorCode, Refusal, StoreError},
    handler::Projection,
    id::{LogPosition, StreamId},
    port::{hints::Topic, registry::DeadLetter},
};
use tokio::time::{Instant, timeout};

use super::{
    reads::Reads,
    waits::{Ended, For},
};

/// A hint of a change may get lost; after this long the stores are asked anyway.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How many parked events an answer names.
const NAMED: usize = 20;

/// Which sinks a read needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) graph: bool,
    pub(crate) documents: bool,
}

impl Needs {
    pub(crate) const GRAPH: Self = Self {
        graph: true,
        documents: false,
    };
    pub(crate) const DOCUMENTS: Self = Self {
        graph: false,
        documents: true,
    };
    pub(crate) const BOTH: Self = Self {
        graph: true,
        documents: true,
    };
    pub(crate) const NOTHING: Self = Self {
        graph: false,
        documents: false,
    };

    fn include(self, projection: Projection) -> bool {
        match projection {
            Projection::Graph => self.graph,
            Projection::Documents => self.documents,
        }
    }

    fn concern(self, letter: &DeadLetter) -> bool {
        Projection::of(&letter.handler).is_some_and(|projection| self.include(projection))
    }
}

/// Events of a log, first and last, that a read must show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) first: LogPosition,
    pub(crate) last: LogPosition,
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
        stream: &StreamId,
        needs: Needs,
        wanted: Wanted,
        patience: Patience,
    ) -> Result<(), Refusal> {
        if self.shows(stream, needs, wanted).await? {
            return Ok(());
        }
        let wait = self.waits.begin(For::Sink);
        let shown = self.become_shown(stream, needs, wanted, patience).await;
        wait.end(Ended::with(&shown));
        shown
    }

    async fn become_shown(
        &self,
        stream: &StreamId,
        needs: Needs,
        wanted: Wanted,
        patience: Patience,
    ) -> Result<(), Refusal> {
        let mut waiting = Waiting::new(self, stream, patience);
        while waiting.again().await {
            if self.shows(stream, needs, wanted).await? {
                return Ok(());
            }
        }
        Err(self.late(stream, needs, wanted, patience.limit).await?)
    }

    async fn shows(
        &self,
        stream: &StreamId,
        needs: Needs,
        wanted: Wanted,
    ) -> Result<bool, StoreError> {
        let passed = self.has_passed(stream, needs, wanted.last).await?;
        Ok(passed && self.parked(stream, needs, wanted).await?.is_empty())
    }

    async fn has_passed(
        &self,
        stream: &StreamId,
        needs: Needs,
        position: LogPosition,
    ) -> Result<bool, StoreError> {
        for projection in Projection::ALL {
            if needs.include(projection) && self.passed(projection, stream).await? <= position {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The wanted events that a sink in need has parked. A read that needs a position only asks
    /// for no event, and for no dead letter.
    async fn parked(
        &self,
        stream: &StreamId,
        needs: Needs,
        wanted: Wanted,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        if needs == Needs::NOTHING || wanted.first > wanted.last {
            return Ok(Vec::new());
        }
        let mut letters = self.seen_letters(Some(stream)).await?;
        letters.retain(|letter| {
            (wanted.first..=wanted.last).contains(&letter.position) && needs.concern(letter)
        });
        Ok(letters)
    }

    async fn late(
        &self,
        stream: &StreamId,
        needs: Needs,
        wanted: Wanted,
        limit: Duration,
    ) -> Result<Refusal, StoreError> {
        let mut parked = self.seen_letters(Some(stream)).await?;
        parked.retain(|letter| letter.position <= wanted.last && needs.concern(letter));
        let message = format!(
            "position {} is not projected after {} s; {} event(s) up to it are parked",
            wanted.last,
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
            .with("position", wanted.last.0)
            .with("parked_count", parked.len())
            .with("parked", named))
    }
}

/// A wait with a limit.
struct Waiting<'a> {
    reads: &'a Reads,
    stream: &'a StreamId,
    deadline: Instant,
    seen: u64,
}

impl<'a> Waiting<'a> {
    fn new(reads: &'a Reads, stream: &'a StreamId, patience: Patience) -> Self {
        Self {
            reads,
            stream,
            deadline: patience.deadline,
            seen: 0,
        }
    }

    /// Waits for something to change. False when the time is over.
    async fn again(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.deadline {
            return false;
        }
        let pause = LOOK_AGAIN.min(self.deadline - now);
        let topic = Topic::Progress(self.stream.clone());
        let hint = self.reads.engine.writer.hints().wait(&topic, self.seen);
        self.seen = timeout(pause, hint).await.unwrap_or(self.seen);
        true
    }
}
