//! Exports spans to an OpenTelemetry collector: OTLP over HTTP, protobuf.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{Key, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter, Tracer},
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};
use url::Url;

use crate::{error::StartError, trace::TARGET};

/// The name of the service, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` sets another.
const SERVICE: &str = "spice";
/// The variables that select the traces.
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
/// The longest wait for the collector at the end of the process.
const PATIENCE: Duration = Duration::from_secs(2);

/// Exports spans in the background, on a thread of its own. A full queue drops spans.
pub(crate) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Starts to export to `/v1/traces` below a URL. The SDK reads all other settings from the
    /// standard variables `OTEL_*`.
    pub(crate) fn start(endpoint: &str) -> Result<Self, StartError> {
        let variable = |name: &str| env::var_os(name).unwrap_or_default();
        check_endpoint(endpoint)?;
        check_sampler(
            &variable(SAMPLER).to_string_lossy(),
            &variable(SAMPLER_ARG).to_string_lossy(),
        )?;
        // The error says that the process has already chosen a provider, which is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
        let exporter = Otlp::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| StartError::Exporter(Box::new(error)))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Reporting::from(exporter))
            .with_resource(resource())
            .build();
        Ok(Self(provider))
    }

    /// The layer that exports the spans of [`crate::trace`], and no others.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let spans = Targets::new().with_target(TARGET, LevelFilter::DEBUG);
        OpenTelemetryLayer::<S, Tracer>::new(self.0.tracer(SERVICE))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(spans)
    }

    /// Exports the remaining spans.
    pub(crate) fn end(self) -> Result<(), OTelSdkError> {
        self.0.shutdown_with_timeout(PATIENCE)
    }
}

/// The SDK would report neither the setting nor its value.
fn check_endpoint(url: &str) -> Result<(), StartError> {
    let parsed = Url::parse(url).ok();
    if parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Ok(());
    }
    let after_password = url.rsplit('@').next().unwrap_or_default();
    Err(StartError::Setting {
        setting: "OTEL_EXPORTER_OTLP_ENDPOINT (--otlp-endpoint)",
        value: after_password.to_owned(),
        rule: "write the URL of a collector, such as http://localhost:4318",
    })
}

/// The SDK would take every span instead. An empty value counts as none.
fn check_sampler(sampler: &str, argument: &str) -> Result<(), StartError> {
    let kind = sampler.strip_prefix("parentbased_").unwrap_or(sampler);
    if !matches!(kind, "" | "always_on" | "always_off" | "traceidratio") {
        return Err(StartError::Setting {
            setting: SAMPLER,
            value: sampler.to_owned(),
            rule: "write always_on, always_off or traceidratio, or one of them after parentbased_",
        });
    }
    let is_ratio = |text: &str| {
        text.parse::<f64>()
            .is_ok_and(|it| (0.0..=1.0).contains(&it))
    };
    if kind == "traceidratio" && !argument.is_empty() && !is_ratio(argument) {
        return Err(StartError::Setting {
            setting: SAMPLER_ARG,
            value: argument.to_owned(),
            rule: "write the share of the traces, from 0 to 1, such as 0.1",
        });
    }
    Ok(())
}

fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&Key::new("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return given;
    }
    Resource::builder().with_service_name(SERVICE).build()
}

/// An exporter that logs once that the collector is away, and once that it is back. The SDK would log
/// each batch.
#[derive(Debug)]
struct Reporting<E> {
    exporter: E,
    is_away: AtomicBool,
}

impl<E> From<E> for Reporting<E> {
    fn from(exporter: E) -> Self {
        let is_away = AtomicBool::new(false);
        Self { exporter, is_away }
    }
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exported = self.exporter.export(batch).await;
        let was_away = self.is_away.swap(exported.is_err(), Ordering::Relaxed);
        match exported {
            Ok(()) if was_away => tracing::info!("spans are exported again"),
            Err(error) if !was_away => {
                tracing::warn!(%error, "cannot export spans; they are lost until the collector is back");
            }
            _ => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// A collector that is away until it is told otherwise.
    #[derive(Debug, Default)]
    struct Collector {
        answers: AtomicBool,
    }

    impl SpanExporter for Collector {
        async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
            if self.answers.load(Ordering::Relaxed) {
                return Ok(());
            }
            Err(OTelSdkError::InternalFailure("away".to_owned()))
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_its_rule() {
        for url in ["http://localhost:4318", "https://kim:secret@collector/otlp"] {
            assert!(check_endpoint(url).is_ok(), "{url}");
        }
        for (url, shown) in [
            ("localhost:4318", "localhost:4318"),
            ("kim:secret@collector", "collector"),
            ("http://", "http://"),
            ("ftp://collector", "ftp://collector"),
        ] {
            let error = check_endpoint(url).unwrap_err().to_string();
            let expected =
                format!("OTEL_EXPORTER_OTLP_ENDPOINT (--otlp-endpoint) is {shown:?}; write");
            assert!(error.starts_with(&expected), "{error}");
        }
        for (sampler, argument) in [
            ("", "x"),
            ("always_off", "x"),
            ("traceidratio", ""),
            ("parentbased_traceidratio", "0.25"),
            ("parentbased_always_on", ""),
        ] {
            assert!(check_sampler(sampler, argument).is_ok(), "{sampler}");
        }
        for (sampler, argument, expected) in [
            (
                "always",
                "",
                "OTEL_TRACES_SAMPLER is \"always\"; write always_on",
            ),
            (
                "traceidratio",
                "1.5",
                "OTEL_TRACES_SAMPLER_ARG is \"1.5\"; write the share",
            ),
            (
                "traceidratio",
                "10%",
                "OTEL_TRACES_SAMPLER_ARG is \"10%\"; write the share",
            ),
        ] {
            let error = check_sampler(sampler, argument).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn an_outage_of_the_collector_is_logged_once_and_so_is_its_end() {
        let lines = Lines::default();
        let written = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || written.clone())
            .with_ansi(false)
            .finish();
        let exporter = Reporting::from(Collector::default());
        tracing::subscriber::with_default(log, || {
            for answers in [false, false, false, true, true, false, false] {
                exporter.exporter.answers.store(answers, Ordering::Relaxed);
                let result = futures::executor::block_on(exporter.export(Vec::new()));
                assert!(result.is_ok(), "the SDK logs every error");
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let levels: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .collect();
        assert_eq!(levels, ["WARN", "INFO", "WARN"], "{text}");
    }
}
