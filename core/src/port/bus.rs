//! The bus: delivers each log in order to the workers, at least once. It holds nothing that the log
//! does not have.

use async_trait::async_trait;

use super::{StoreResult, log::Record};
use crate::id::{LogPosition, StreamId};

/// Delivers the records of a log to its followers.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes records in order. Success confirms the delivery to the bus.
    async fn publish(&self, stream: &StreamId, records: Vec<Record>) -> StoreResult<()>;

    /// Follows a log's topic for `group`, from the group's last commit.
    async fn subscribe(&self, group: &str, stream: &StreamId)
    -> StoreResult<Box<dyn Subscription>>;
}

/// One follower of one topic.
#[async_trait]
pub trait Subscription: Send {
    /// The next records, at most `limit`, waiting until there is at least one. They may repeat, be
    /// reordered, or have gaps: positions show it, and the log has what is missing.
    async fn next(&mut self, limit: usize) -> StoreResult<Vec<Record>>;

    /// Confirms that everything below `position` has taken effect.
    async fn commit(&mut self, position: LogPosition) -> StoreResult<()>;
}
