//! What a batch adds to the registry's records.

use spice_core::{
    id::LogPosition,
    port::registry::{DeadLetter, Outcome, Processed},
};

use super::letters::Ahead;

/// The content of a batch's record.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) processed: Vec<Processed>,
    pub(super) parked: Vec<DeadLetter>,
    /// Whether the sink was the live one when the batch was applied.
    pub(super) live: bool,
    /// Letters at later positions, of events that took effect now.
    pub(super) settled: Vec<Ahead>,
    /// Letters of dropped sinks, of events that this sink has now parked.
    pub(super) replaced: Vec<Ahead>,
}

impl Ledger {
    /// Notes the outcome of a single event.
    pub(super) fn outcome(
        &mut self,
        handler: &'static str,
        position: LogPosition,
        outcome: Outcome,
    ) {
        self.processed.push(Processed {
            handler,
            position,
            outcome,
        });
    }
}
