//! Hints that are all lost.

use async_trait::async_trait;
use spice_core::port::hints::{Hints, Topic};

/// Loses every hint. Code that is correct only with hints fails with these.
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
