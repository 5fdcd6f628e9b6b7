//! The double of a store of sinks.

use async_trait::async_trait;
use spice_core::{
    handler::Projection,
    id::StreamId,
    port::{
        StoreResult,
        sink::{Sink, SinkRole, Sinks},
    },
};

use super::{Call, Double, Hook, Port, Reach, forward};

impl<S: Reach<Store: Sinks>, H> Double<S, H> {
    fn call<'a>(&self, method: &'static str, stream: &'a StreamId) -> Call<'a> {
        let port = match self.store.reach().projection() {
            Projection::Graph => Port::Graph,
            Projection::Documents => Port::Documents,
        };
        Call::new(port, method).of(stream)
    }
}

#[async_trait]
impl<S: Reach<Store: Sinks>, H: Hook> Sinks for Double<S, H> {
    fn projection(&self) -> Projection {
        self.store.reach().projection()
    }

    async fn sinks(&self, stream: &StreamId) -> StoreResult<Vec<Sink>> {
        forward!(self, self.call("sinks", stream), sinks(stream))
    }

    async fn create_shadow(&self, stream: &StreamId) -> StoreResult<Sink> {
        let call = self.call("create_shadow", stream);
        forward!(self, call, create_shadow(stream))
    }

    async fn swap(&self, stream: &StreamId, shadow: &str) -> StoreResult<bool> {
        forward!(self, self.call("swap", stream), swap(stream, shadow))
    }

    async fn drop_sink(
        &self,
        stream: &StreamId,
        generation: &str,
        role: SinkRole,
    ) -> StoreResult<()> {
        let call = self.call("drop_sink", stream);
        forward!(self, call, drop_sink(stream, generation, role))
    }
}
