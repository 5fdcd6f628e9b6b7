//! Adapters that live in one process.
#![warn(missing_docs)]

mod bus;

pub use bus::{Bounds, LocalBus};
