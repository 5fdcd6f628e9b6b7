//! The bus behind a gate. Deliveries may repeat and come out of order.

use async_trait::async_trait;
use spice_core::{
    id::{LogPosition, StreamId},
    port::{
        StoreResult,
        bus::{Bus, Subscription},
        log::Record,
    },
};
use spice_store_local::LocalBus;
use spice_testing::double::Swap;

use super::{faults::Port, gate::Gate, signal::poll_once};

/// The bus of one node.
pub struct GatedBus {
    /// The gate in front of it.
    pub gate: Gate,
    /// The bus.
    pub inner: Swap<LocalBus>,
}

#[async_trait]
impl Bus for GatedBus {
    async fn publish(&self, stream: &StreamId, records: Vec<Record>) -> StoreResult<()> {
        let effect = async { self.inner.get().publish(stream, records).await };
        self.gate.call(Port::Bus, "publish", effect).await
    }

    async fn subscribe(
        &self,
        group: &str,
        stream: &StreamId,
    ) -> StoreResult<Box<dyn Subscription>> {
        let effect = async { self.inner.get().subscribe(group, stream).await };
        let inner = self.gate.call(Port::Bus, "subscribe", effect).await?;
        Ok(Box::new(GatedSubscription {
            gate: self.gate.clone(),
            inner,
            held: Vec::new(),
            delivered: Vec::new(),
        }))
    }
}

struct GatedSubscription {
    gate: Gate,
    inner: Box<dyn Subscription>,
    /// Taken from the bus and not yet delivered: an undelivered record is not lost.
    held: Vec<Record>,
    /// Delivered recently, to be delivered again.
    delivered: Vec<Record>,
}

#[async_trait]
impl Subscription for GatedSubscription {
    async fn next(&mut self, limit: usize) -> StoreResult<Vec<Record>> {
        while self.held.is_empty() {
            let seen = self.gate.faults.effects.get();
            if let Some(records) = poll_once(self.inner.next(limit)) {
                self.held = records?;
            } else {
                let changed = |count: &u64| (*count != seen).then_some(());
                self.gate.faults.effects.wait(changed).await;
            }
        }
        self.gate.call(Port::Bus, "next", async { Ok(()) }).await?;
        let mut records = std::mem::take(&mut self.held);
        if self.gate.faults.chooses_disorder() {
            let fresh = records.clone();
            records.extend(self.delivered.iter().cloned());
            records.extend(fresh.iter().cloned());
            records.reverse();
            self.delivered = fresh;
        }
        Ok(records)
    }

    async fn commit(&mut self, position: LogPosition) -> StoreResult<()> {
        let effect = self.inner.commit(position);
        self.gate.call(Port::Bus, "commit", effect).await
    }
}
