//! The hints behind a gate; a deaf one loses them all.

use async_trait::async_trait;
use spice_core::port::hints::{Hints, Topic};
use spice_store_local::LocalHints;

use super::gate::Gate;

/// The hints of one node.
pub struct GatedHints {
    /// The gate in front of them.
    pub gate: Gate,
    /// The hints.
    pub inner: LocalHints,
}

#[async_trait]
impl Hints for GatedHints {
    fn give(&self, topic: &Topic) -> u64 {
        self.inner.give(topic)
    }

    async fn wait(&self, topic: &Topic, seen: u64) -> u64 {
        self.gate.until(|| self.inner.wait(topic, seen)).await
    }
}
