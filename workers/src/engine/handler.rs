//! What a handler is to the engine: it turns events into effects on one sink.

use async_trait::async_trait;
use spice_core::{
    error::StoreError,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        graph::{Sink, SinkPosition},
    },
};

use crate::event::Event;

/// What became of the events of one call, by their index. All others took effect.
#[derive(Debug, Default)]
pub struct Effects {
    /// Refused by the sink for good, and why.
    pub refused: Vec<(usize, StoreError)>,
    /// The sink had them already, or something newer.
    pub stale: Vec<usize>,
}

/// Applies events to one sink. It holds no state: what it needs is in the event.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The worker's name: of its lease and of its group on the bus.
    fn worker(&self) -> &'static str;

    /// The names under which its work is recorded.
    fn names(&self) -> &'static [&'static str];

    /// The name under which an event is recorded; none for what has no place in this sink.
    fn name_of(&self, event: &Event<'_>) -> Option<&'static str>;

    /// The sink's generation and position.
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink>;

    /// Throws away what the sink knows of a log.
    async fn reset(&self, stream: &StreamId) -> StoreResult<Sink>;

    /// Applies events, and moves the sink's position. Never holds two events of one aggregate,
    /// so that a refusal can hold back what follows.
    async fn apply(
        &self,
        stream: &StreamId,
        generation: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Effects>;
}
