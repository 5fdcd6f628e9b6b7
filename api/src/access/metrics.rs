//! What access counts.

use spice_telemetry::{Counter, Family, Scrape, table};

/// The reasons for which a request is denied.
const REASONS: [&str; 5] = ["missing", "malformed", "unknown", "slowed", "forbidden"];

/// Requests that were refused.
pub(super) struct Metrics {
    denied: Family<Counter, 1>,
}

impl Default for Metrics {
    fn default() -> Self {
        let denied = table::ACCESS_DENIED.family();
        // A counter that is there from the start can be alerted on.
        for reason in REASONS {
            denied.with([reason.into()]);
        }
        Self { denied }
    }
}

impl Metrics {
    pub(super) fn denied(&self, reason: &'static str) {
        self.denied.with([reason.into()]).inc();
    }

    pub(super) fn report(&self, tokens: usize, scrape: &mut Scrape) {
        scrape.add(&self.denied);
        #[allow(clippy::cast_precision_loss)]
        let count = tokens as f64;
        scrape.sample(&table::ACCESS_TOKENS).with([]).set(count);
    }
}
