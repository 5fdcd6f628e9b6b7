//! What a handler is to the engine: it turns events into effects on one sink.

use async_trait::async_trait;
use spice_core::{
    handler::Projection,
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        sink::{Applied, SinkPosition, Sinks},
    },
};

use crate::event::Event;

/// Applies events to the sinks of one store. It holds no state: what it needs is in the event.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The projection that it feeds.
    fn projection(&self) -> Projection {
        self.sinks().projection()
    }

    /// The name under which an event is recorded; none for what has no place in this store.
    fn name_of(&self, event: &Event<'_>) -> Option<&'static str>;

    /// The sinks that it feeds.
    fn sinks(&self) -> &dyn Sinks;

    /// Applies events to a sink, and moves its position. Never holds two events of one aggregate,
    /// so that a refusal can hold back what follows. The indexes in the answer are those of the
    /// events.
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Applied>;
}
