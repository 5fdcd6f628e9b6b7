//! Adapters that live in one process.
#![warn(missing_docs)]

mod bus;
mod hints;
mod socket;

pub use bus::{Bounds, LocalBus};
pub use hints::LocalHints;
pub use socket::{HintListener, HintSender};
