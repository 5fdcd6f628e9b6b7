//! Hints within one process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use spice_core::port::hints::{Hints, Topic};
use tokio::sync::watch;

/// Hints within one process. A clone carries the same hints.
#[derive(Clone, Default)]
pub struct LocalHints {
    numbers: Arc<Mutex<HashMap<Topic, watch::Sender<u64>>>>,
}

impl LocalHints {
    /// Creates hints.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, topic: &Topic, work: impl FnOnce(&watch::Sender<u64>) -> T) -> T {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(topic) {
            return work(number);
        }
        work(numbers.entry(topic.clone()).or_default())
    }
}

#[async_trait]
impl Hints for LocalHints {
    fn give(&self, topic: &Topic) -> u64 {
        let mut given = 0;
        self.with(topic, |number| {
            number.send_modify(|number| {
                *number += 1;
                given = *number;
            });
        });
        given
    }

    async fn wait(&self, topic: &Topic, seen: u64) -> u64 {
        let mut number = self.with(topic, watch::Sender::subscribe);
        // Fails only when the sender is gone, and this value holds it.
        number
            .wait_for(|number| *number != seen)
            .await
            .map_or(seen, |number| *number)
    }
}
