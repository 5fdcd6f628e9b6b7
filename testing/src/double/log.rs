//! The double of a log.

use async_trait::async_trait;
use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        log::{Append, Batch, Log, Record},
    },
    time::Timestamp,
};

use super::{Call, Double, Hook, Port, Reach, forward};

fn call(method: &'static str) -> Call<'static> {
    Call::new(Port::Log, method)
}

#[async_trait]
impl<S: Reach<Store: Log>, H: Hook> Log for Double<S, H> {
    async fn streams(&self) -> StoreResult<Vec<StreamId>> {
        forward!(self, call("streams"), streams())
    }

    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        forward!(self, call("end").of(stream), end(stream))
    }

    async fn known_end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let effect = async {
            let log = self.store.reach();
            self.hook.known_end(&*log, stream).await
        };
        self.hook.around(call("known_end").of(stream), effect).await
    }

    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append> {
        let call = call("append").of(stream).at(batch.first);
        let call = call.count(batch.lines.len());
        let effect = async {
            let log = self.store.reach();
            self.hook.append(&*log, stream, batch).await
        };
        self.hook.around(call, effect).await
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let call = call("read").of(stream).at(from).count(limit);
        forward!(self, call, read(stream, from, limit))
    }

    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition> {
        let call = call("position_after").of(stream);
        forward!(self, call, position_after(stream, time))
    }

    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        forward!(self, call("checkpoint").of(stream), checkpoint(stream))
    }

    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool> {
        let call = call("move_checkpoint").of(stream).at(from);
        forward!(self, call, move_checkpoint(stream, from, to))
    }
}
