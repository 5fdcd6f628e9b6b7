//! The clock.

use crate::time::Timestamp;

/// Returns the time. It may jump; only people rely on it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
