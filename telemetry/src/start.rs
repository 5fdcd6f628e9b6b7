//! Starts the log of the process and, if there is a collector, the export of spans.

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::error::StartError;
#[cfg(feature = "otel")]
use crate::export::Exporter;

/// What a process logs and exports.
#[derive(Debug)]
pub struct Settings {
    /// Which lines are logged.
    pub filter: EnvFilter,
    /// Whether each line is JSON.
    pub json: bool,
    /// Whether lines may have colours.
    pub colours: bool,
    /// The URL of the OpenTelemetry collector that receives the spans.
    pub collector: Option<String>,
}

/// Runs until the process ends.
pub struct Telemetry {
    #[cfg(feature = "otel")]
    exporter: Option<Exporter>,
}

/// Starts both. Call it once in a process, outside asynchronous code.
#[cfg(feature = "otel")]
pub fn start(settings: Settings) -> Result<Telemetry, StartError> {
    let Some(url) = settings.collector else {
        log_lines(settings.filter, settings.json, settings.colours);
        return Ok(Telemetry { exporter: None });
    };
    let exporter = Exporter::start(&url)?;
    let lines = lines(settings.json, settings.colours).with_filter(settings.filter);
    registry().with(lines).with(exporter.layer()).init();
    Ok(Telemetry {
        exporter: Some(exporter),
    })
}

/// Starts the log. Call it once in a process.
#[cfg(not(feature = "otel"))]
pub fn start(settings: Settings) -> Result<Telemetry, StartError> {
    log_lines(settings.filter, settings.json, settings.colours);
    if let Some(collector) = settings.collector {
        tracing::warn!(
            collector,
            "no spans are exported: this program was built without the feature `otel`"
        );
    }
    Ok(Telemetry {})
}

impl Telemetry {
    /// Exports the remaining spans; waits at most 2 s for the collector.
    pub fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(Err(error)) = self.exporter.map(Exporter::end) {
            tracing::warn!(%error, "the last spans may be lost");
        }
    }
}

/// One filter for everything: lines that are not logged cost least.
fn log_lines(filter: EnvFilter, json: bool, colours: bool) {
    registry().with(filter).with(lines(json, colours)).init();
}

fn lines<S>(json: bool, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    if json {
        lines.json().boxed()
    } else {
        lines.boxed()
    }
}
