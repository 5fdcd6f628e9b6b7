//! Each port behind a gate.

mod bus;
mod documents;
mod graph;
mod log;
mod registry;

pub use bus::GatedBus;
pub use documents::{GatedDocuments, Poison};
pub use graph::GatedGraph;
pub use log::GatedLog;
pub use registry::GatedRegistry;
