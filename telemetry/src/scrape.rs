//! A scrape: everything that a process reports now, as Prometheus text.

use std::fmt;

use async_trait::async_trait;
use prometheus_client::{encoding::prometheus_text, registry::Registry};

use crate::metric::{Family, Kind, Metric};

/// The type of the text that [`render`] returns.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// A part of the process that has metrics.
#[async_trait]
pub trait Source: Send + Sync {
    /// Adds its metrics. Series of things that are gone are left out.
    async fn report(&self, scrape: &mut Scrape);
}

/// The metrics that are reported now.
#[derive(Default)]
pub struct Scrape(Registry);

impl Scrape {
    /// Adds a family that the process keeps.
    pub fn add<K: Kind, const N: usize>(&mut self, family: &Family<K, N>) {
        // The encoder adds the ending of counters.
        let name = family.metric.name;
        let name = name.strip_suffix("_total").unwrap_or(name);
        let help = family.metric.help;
        self.0.register(name, help, family.series.clone());
    }

    /// Adds a family whose values are looked up for this scrape.
    pub fn sample<K: Kind, const N: usize>(
        &mut self,
        metric: &'static Metric<K, N>,
    ) -> Family<K, N> {
        let family = metric.family();
        self.add(&family);
        family
    }
}

/// What all sources report, in the text format of Prometheus.
pub async fn render(sources: &[&dyn Source]) -> Result<String, fmt::Error> {
    let mut scrape = Scrape::default();
    for source in sources {
        source.report(&mut scrape).await;
    }
    let mut text = String::new();
    prometheus_text::encode(&mut text, &scrape.0)?;
    Ok(text)
}
