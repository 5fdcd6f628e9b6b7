//! What HTTP itself counts.

use std::time::Duration;

use spice_telemetry::{Counter, Family, Histogram, Scrape, table};

use crate::http::Surface;

/// Requests, and the commands in them.
pub(crate) struct Metrics {
    requests: Family<Counter, 4>,
    duration: Family<Histogram, 0>,
    commands: Family<Counter, 2>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: table::HTTP_REQUESTS.family(),
            duration: table::HTTP_REQUEST_DURATION.family(),
            commands: table::COMMANDS.family(),
        }
    }
}

impl Metrics {
    pub(crate) fn request(
        &self,
        surface: Surface,
        method: &'static str,
        route: &str,
        status: u16,
        took: Duration,
    ) {
        let (route, status) = (route.to_owned().into(), status.to_string().into());
        let labels = [surface.as_str().into(), method.into(), route, status];
        self.requests.with(labels).inc();
        self.duration.with([]).observe(took.as_secs_f64());
    }

    pub(crate) fn accepted(&self) {
        self.commands.with(["accepted".into(), "".into()]).inc();
    }

    pub(crate) fn refused(&self, code: &'static str) {
        self.commands.with(["refused".into(), code.into()]).inc();
    }

    pub(crate) fn report(&self, scrape: &mut Scrape) {
        scrape.add(&self.requests);
        scrape.add(&self.duration);
        scrape.add(&self.commands);
    }
}
