//! What the api reports at `/metrics`.

use std::fmt;

use async_trait::async_trait;
use spice_telemetry::{Scrape, Source, render, table};

use crate::http::{Api, probes::refusal_reason};

impl Api {
    /// Everything that this process reports, in the text format of Prometheus.
    pub(crate) async fn metrics_text(&self) -> Result<String, fmt::Error> {
        let others = self.sources.iter().map(|source| &**source as &dyn Source);
        let sources: Vec<&dyn Source> =
            std::iter::once(self as &dyn Source).chain(others).collect();
        render(&sources).await
    }
}

#[async_trait]
impl Source for Api {
    async fn report(&self, scrape: &mut Scrape) {
        let version = self.settings.version.clone();
        let build = scrape.sample(&table::BUILD_INFO);
        build.with([version.into()]).set(1.0);
        self.metrics.report(scrape);
        self.settings.access.report(scrape);
        self.engine.writer.appends().report(scrape);
        self.reads.waits.report(scrape);
        let followed = scrape.sample(&table::FOLLOWED_COMMANDS);
        followed
            .with([])
            .set(to_f64(self.followed_commands() as u64));
        self.report_databases(scrape);
    }
}

impl Api {
    fn report_databases(&self, scrape: &mut Scrape) {
        let writer = &self.engine.writer;
        let open = writer.open_databases();
        let count = scrape.sample(&table::OPEN_DATABASES);
        count.with([]).set(to_f64(open.len() as u64));
        let ends = scrape.sample(&table::LOG_END);
        for (database, end) in open {
            if let Some(end) = end {
                ends.with([database.to_string().into()]).set(to_f64(end.0));
            }
        }
        let refused = scrape.sample(&table::REFUSED_DATABASES);
        for (database, refusal) in writer.refused() {
            let reason = refusal_reason(&refusal).to_owned();
            refused
                .with([database.to_string().into(), reason.into()])
                .set(1.0);
        }
        let skew = scrape.sample(&table::CLOCK_SKEW);
        let micros = writer.clock_skew();
        #[allow(clippy::cast_precision_loss)]
        skew.with([]).set(micros as f64 / 1e6);
    }
}

#[allow(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}
