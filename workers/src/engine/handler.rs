//! The handler of a worker: it applies events to one sink.

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

/// Applies events to the sinks of one store. It holds no state: everything it needs is in the
/// event.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The projection of its sinks.
    fn projection(&self) -> Projection {
        self.sinks().projection()
    }

    /// The name under which an event is recorded; none for events that do not belong in this store.
    fn name_of(&self, event: &Event<'_>) -> Option<&'static str>;

    /// Its sinks.
    fn sinks(&self) -> &dyn Sinks;

    /// Applies events to a sink, and moves its position. A call never holds two events of one
    /// aggregate, so that a refused event can hold back the ones after it. The answer has the
    /// indexes of the events.
    async fn apply(
        &self,
        stream: &StreamId,
        sink: &str,
        from: LogPosition,
        through: SinkPosition,
        events: &[&Event<'_>],
    ) -> StoreResult<Applied>;
}
