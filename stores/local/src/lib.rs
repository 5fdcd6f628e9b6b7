//! Adapters that live in one process.
#![warn(missing_docs)]

mod bus;
mod hints;

pub use bus::{Bounds, LocalBus};
pub use hints::LocalHints;
