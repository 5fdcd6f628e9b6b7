//! Hints that all get lost.

use async_trait::async_trait;
use spice_core::port::hints::{Hints, Topic};

/// Loses every hint. What is right only with hints is wrong with these.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHints;

#[async_trait]
impl Hints for NoHints {
    fn give(&self, _: &Topic) -> u64 {
        0
    }

    async fn wait(&self, _: &Topic, _: u64) -> u64 {
        std::future::pending().await
    }
}
