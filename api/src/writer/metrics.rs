//! What the writer counts of its appends.

use std::time::Duration;

use spice_core::port::log::Batch;
use spice_telemetry::{Counter, Family, Histogram, Scrape, table};

/// The appends of one process.
#[derive(Clone)]
pub(crate) struct Appends {
    outcomes: Family<Counter, 1>,
    duration: Family<Histogram, 0>,
    envelopes: Family<Counter, 0>,
    bytes: Family<Counter, 0>,
}

impl Default for Appends {
    fn default() -> Self {
        Self {
            outcomes: table::APPENDS.family(),
            duration: table::APPEND_DURATION.family(),
            envelopes: table::APPENDED_ENVELOPES.family(),
            bytes: table::APPENDED_BYTES.family(),
        }
    }
}

impl Appends {
    /// Counts an append whose outcome is known; `batch` is what came into the log.
    pub(super) fn count(&self, outcome: &'static str, took: Duration, batch: Option<&Batch>) {
        self.outcomes.with([outcome.into()]).inc();
        self.duration.with([]).observe(took.as_secs_f64());
        if let Some(batch) = batch {
            let bytes: usize = batch.lines.iter().map(bytes::Bytes::len).sum();
            self.envelopes.with([]).inc_by(batch.lines.len() as u64);
            self.bytes.with([]).inc_by(bytes as u64);
        }
    }

    pub(crate) fn report(&self, scrape: &mut Scrape) {
        scrape.add(&self.outcomes);
        scrape.add(&self.duration);
        scrape.add(&self.envelopes);
        scrape.add(&self.bytes);
    }
}
