//! The bus: carries each log, in order, to the workers. At least once; never relied on to hold
//! anything that the log does not.

use async_trait::async_trait;

use super::{StoreResult, log::Record};
use crate::id::{LogPosition, StreamId};

/// Delivers the records of a log to whoever follows it.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes records in their order; the answer is the confirmation of delivery to the bus.
    async fn publish(&self, stream: &StreamId, records: Vec<Record>) -> StoreResult<()>;

    /// Follows a log's topic on behalf of `group`, from where that group last committed.
    async fn subscribe(&self, group: &str, stream: &StreamId)
    -> StoreResult<Box<dyn Subscription>>;
}

/// One follower of one topic.
#[async_trait]
pub trait Subscription: Send {
    /// The next records, at most `limit`, waiting until there is at least one. They may repeat,
    /// come out of order, or leave holes: positions tell, and the log has what is missing.
    async fn next(&mut self, limit: usize) -> StoreResult<Vec<Record>>;

    /// Says that everything below `position` has taken effect.
    async fn commit(&mut self, position: LogPosition) -> StoreResult<()>;
}
