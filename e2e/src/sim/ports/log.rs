//! The log behind a gate. An append may lose its answer.

use async_trait::async_trait;
use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        log::{Append, Batch, Log, Record},
    },
    time::Timestamp,
};
use spice_testing::MemoryLog;

use crate::sim::{
    faults::{Fate, Port},
    gate::Gate,
};

/// The log of one node.
pub struct GatedLog {
    /// The way to it.
    pub gate: Gate,
    /// The log.
    pub inner: MemoryLog,
}

#[async_trait]
impl Log for GatedLog {
    async fn streams(&self) -> StoreResult<Vec<StreamId>> {
        let effect = self.inner.streams();
        self.gate.call(Port::Log, "streams", effect).await
    }

    async fn end(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let effect = self.inner.end(stream);
        self.gate.call(Port::Log, "end", effect).await
    }

    async fn append(&self, stream: &StreamId, batch: Batch) -> StoreResult<Append> {
        let effect = async {
            match self.gate.faults.fate(stream, &batch) {
                None => self.inner.append(stream, batch).await,
                Some(Fate::Landed) => {
                    self.inner.append(stream, batch).await?;
                    Ok(Append::Unknown)
                }
                Some(Fate::Never | Fate::Late(_)) => Ok(Append::Unknown),
            }
        };
        self.gate.call(Port::Log, "append", effect).await
    }

    async fn read(
        &self,
        stream: &StreamId,
        from: LogPosition,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let effect = self.inner.read(stream, from, limit);
        self.gate.call(Port::Log, "read", effect).await
    }

    async fn position_after(&self, stream: &StreamId, time: Timestamp) -> StoreResult<LogPosition> {
        let effect = self.inner.position_after(stream, time);
        self.gate.call(Port::Log, "position_after", effect).await
    }

    async fn wait_beyond(&self, stream: &StreamId, end: LogPosition) {
        self.gate
            .until(|| self.inner.wait_beyond(stream, end))
            .await;
    }

    async fn wait_streams(&self, known: usize) {
        self.gate.until(|| self.inner.wait_streams(known)).await;
    }

    async fn checkpoint(&self, stream: &StreamId) -> StoreResult<LogPosition> {
        let effect = self.inner.checkpoint(stream);
        self.gate.call(Port::Log, "checkpoint", effect).await
    }

    async fn move_checkpoint(
        &self,
        stream: &StreamId,
        from: LogPosition,
        to: LogPosition,
    ) -> StoreResult<bool> {
        let effect = self.inner.move_checkpoint(stream, from, to);
        self.gate.call(Port::Log, "move_checkpoint", effect).await
    }
}
