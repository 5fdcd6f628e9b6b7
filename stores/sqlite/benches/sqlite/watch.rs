//! Measures a step and prints its rate.

use tokio::time::Instant;

pub(crate) struct Watch {
    what: String,
    started: Instant,
    processor: f64,
}

/// Returns the processor time of this process in seconds, to 10 ms; zero where the system does not
/// report it.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

impl Watch {
    pub(crate) fn start(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            started: Instant::now(),
            processor: processor_seconds(),
        }
    }

    pub(crate) fn rate(self, count: u64) {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = count as f64 / seconds;
        let processor = processor_seconds() - self.processor;
        println!(
            "{:<56} {rate:>10.0}/s {:>9.2} ms, processor {:>6.0} ms",
            self.what,
            seconds * 1e3,
            processor * 1e3
        );
    }
}
