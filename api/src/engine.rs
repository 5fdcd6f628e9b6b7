//! The engine of the api: the writer and the ports that reads use.

use std::sync::Arc;

use spice_core::port::{
    clock::Clock,
    documents::Documents,
    graph::Graph,
    log::Log,
    registry::{WorkerRegistry, WriteModel},
};

use crate::writer::Writer;

/// The parts of the api's engine.
#[derive(Clone)]
pub struct Engine {
    /// Decides and appends commands.
    pub writer: Writer,
    /// Graph queries, and reads at a position.
    pub graph: Arc<dyn Graph>,
    /// Lists and search.
    pub documents: Arc<dyn Documents>,
    /// The registry's write model.
    pub model: Arc<dyn WriteModel>,
    /// The workers' records.
    pub work: Arc<dyn WorkerRegistry>,
    /// The log, for times, envelopes and probes.
    pub log: Arc<dyn Log>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}
