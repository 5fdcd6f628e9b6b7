//! The time.

use crate::time::Timestamp;

/// Tells the time. It may jump; nothing rests on it but what people read.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
