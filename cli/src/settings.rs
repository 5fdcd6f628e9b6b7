//! Arguments that several commands share. Each comes from a flag, the environment, the config file
//! or a default.

pub(crate) mod file;
mod place;
mod stores;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::FalseyValueParser};
use spice_node::{
    access::Callers,
    api::{ApiSettings, Surface},
    tls::TlsSettings,
    work::WorkSettings,
};

pub(crate) use self::{
    file::ConfigFile,
    place::{CredentialFiles, OfDatabase, Output, Place, Server},
    stores::{LogPlace, StorePlaces},
};
use crate::failure::usage;

/// The listener for metrics and health checks.
#[derive(Debug, Clone, Args)]
pub(crate) struct MetricsListen {
    /// One more address for metrics and health checks only, for example in a network of their own.
    #[arg(long, env = "SPICE_METRICS_LISTEN", value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// The listeners, and how long they keep a connection.
#[allow(clippy::struct_field_names)] // the flags' names
#[derive(Debug, Clone, Args)]
pub(crate) struct Listen {
    /// The address of the gateway, the api for clients; port 0 selects a free port.
    #[arg(
        long,
        env = "SPICE_GATEWAY_LISTEN",
        default_value = "127.0.0.1:8002",
        value_name = "ADDR"
    )]
    pub(crate) gateway_listen: SocketAddr,
    /// The address of the ontology management service (oms).
    #[arg(
        long,
        env = "SPICE_OMS_LISTEN",
        default_value = "127.0.0.1:8000",
        value_name = "ADDR"
    )]
    pub(crate) oms_listen: SocketAddr,
    /// The address of the funnel (health checks only for now).
    #[arg(
        long,
        env = "SPICE_FUNNEL_LISTEN",
        default_value = "127.0.0.1:8003",
        value_name = "ADDR"
    )]
    pub(crate) funnel_listen: SocketAddr,
    #[command(flatten)]
    metrics: MetricsListen,
    /// Seconds for which an idle connection stays open; must be longer than the timeout of a load
    /// balancer in front of it (often 60).
    #[arg(
        long,
        env = "SPICE_KEEP_ALIVE_SECONDS",
        default_value_t = 90,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        value_name = "SECONDS"
    )]
    pub(crate) keep_alive_seconds: u64,
}

impl Listen {
    /// The address of each service.
    pub(crate) fn services(&self) -> Vec<(Surface, SocketAddr)> {
        let mut services = vec![
            (Surface::Gateway, self.gateway_listen),
            (Surface::Oms, self.oms_listen),
            (Surface::Funnel, self.funnel_listen),
        ];
        let metrics = self.metrics.metrics_listen;
        services.extend(metrics.map(|address| (Surface::Metrics, address)));
        services
    }
}

/// The callers that are accepted.
#[derive(Debug, Clone, Args)]
pub(crate) struct Access {
    /// The file of the principals that may call, with the SHA-256 of their tokens (`spice token
    /// new`); read again when it changes. Without it, anybody on this machine may do everything.
    #[arg(long, env = "SPICE_TOKENS", value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// Let anybody do everything, also from other machines. Without it, a listener that other
    /// machines can reach needs `--tokens`.
    #[arg(long, env = "SPICE_ALLOW_ANONYMOUS", value_parser = FalseyValueParser::new())]
    pub(crate) allow_anonymous: bool,
}

impl Access {
    /// The same for a node.
    pub(crate) fn callers(&self) -> anyhow::Result<Callers> {
        match (&self.tokens, self.allow_anonymous) {
            (Some(_), true) => Err(usage(
                "--tokens lets only principals in, and --allow-anonymous anybody; give one of them",
            )),
            (Some(path), false) => Ok(Callers::Principals(path.clone())),
            (None, true) => Ok(Callers::Anybody),
            (None, false) => Ok(Callers::Local),
        }
    }
}

/// TLS on the listeners.
#[allow(clippy::struct_field_names)] // the flags' names
#[derive(Debug, Clone, Args)]
pub(crate) struct Tls {
    /// The file of the listeners' certificate, first, and of those that it was signed with (PEM). With
    /// it, all listeners use TLS. Read again when it changes.
    #[arg(long, env = "SPICE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The file of the certificate's private key (PEM), not encrypted. Read again when it changes.
    #[arg(long, env = "SPICE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Let the listener of `--metrics-listen` not use TLS, for health checks and scrapers in a network
    /// of their own.
    #[arg(long, env = "SPICE_METRICS_PLAIN", value_parser = FalseyValueParser::new())]
    metrics_plain: bool,
}

impl Tls {
    /// How the listeners use TLS, if they do.
    pub(crate) fn of_listeners(&self) -> anyhow::Result<Option<TlsSettings>> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsSettings {
                certificate: certificate.clone(),
                key: key.clone(),
                plain_metrics: self.metrics_plain,
            })),
            (Some(_), None) => Err(usage(
                "--tls-cert needs --tls-key, the key of the certificate",
            )),
            (None, Some(_)) => Err(usage(
                "--tls-key needs --tls-cert, the certificate of the key",
            )),
        }
    }
}

/// Settings with the names of the earlier system.
#[derive(Debug, Clone, Args)]
pub(crate) struct Knobs {
    /// Whether writes answer 202 immediately; if false, they wait for the projections by default.
    #[arg(long, env = "ENABLE_EVENT_SOURCING", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) enable_event_sourcing: bool,
    /// What to do if a command id is reused with another payload.
    #[arg(
        long,
        env = "EVENT_STORE_IDEMPOTENCY_MISMATCH_MODE",
        default_value = "error"
    )]
    pub(crate) idempotency_mismatch: Mismatch,
    /// Seconds after which another worker process takes over a lease that was not renewed.
    #[arg(
        long,
        env = "PROCESSED_EVENT_LEASE_TIMEOUT_SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub(crate) lease_timeout_seconds: u64,
    /// Seconds between two renewals of a lease.
    #[arg(
        long,
        env = "PROCESSED_EVENT_HEARTBEAT_INTERVAL_SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub(crate) heartbeat_seconds: u64,
    /// Attempts before an event that a projection refuses is parked.
    #[arg(long, env = "PROJECTION_WORKER_MAX_RETRIES", default_value_t = 5)]
    pub(crate) max_retries: u32,
}

impl Knobs {
    /// How the api works.
    pub(crate) fn api(
        &self,
        listen: &Listen,
        callers: Callers,
        tls: Option<TlsSettings>,
    ) -> ApiSettings {
        ApiSettings {
            callers,
            tls,
            keep_alive: Duration::from_secs(listen.keep_alive_seconds),
            event_sourcing: self.enable_event_sourcing,
            keep_first_on_mismatch: self.idempotency_mismatch == Mismatch::Warn,
        }
    }

    /// How the workers work.
    pub(crate) fn work(&self) -> anyhow::Result<WorkSettings> {
        let lease_timeout = Duration::from_secs(self.lease_timeout_seconds);
        let heartbeat = Duration::from_secs(self.heartbeat_seconds);
        anyhow::ensure!(
            lease_timeout >= heartbeat * 2 && !heartbeat.is_zero(),
            "PROCESSED_EVENT_LEASE_TIMEOUT_SECONDS ({}) must be at least twice \
             PROCESSED_EVENT_HEARTBEAT_INTERVAL_SECONDS ({}), which must be at least 1",
            self.lease_timeout_seconds,
            self.heartbeat_seconds
        );
        Ok(WorkSettings {
            lease_timeout,
            heartbeat,
            attempts: self.max_retries,
        })
    }
}

/// See [`Knobs::idempotency_mismatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mismatch {
    /// Refuse the command.
    Error,
    /// Keep the first command and log a warning.
    Warn,
}

/// The export of spans. The SDK reads the other standard variables.
#[derive(Debug, Clone, Args)]
pub(crate) struct Traces {
    /// The OpenTelemetry collector that receives the spans, as a URL (OTLP over HTTP); needs the feature
    /// `otel`.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true
    )]
    otlp_endpoint: Option<String>,
}

impl Traces {
    /// The collector, if there is one and the export is not disabled.
    pub(crate) fn collector(&self) -> Option<String> {
        // The SDK does not read this variable.
        let is_disabled = std::env::var_os("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let url = self.otlp_endpoint.clone();
        url.filter(|url| !is_disabled && !url.is_empty())
    }
}

/// Settings of the operator.
#[derive(Debug, Clone, Args)]
pub(crate) struct OperatorSettings {
    /// Watch only this namespace.
    #[arg(long, env = "SPICE_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Reconcile only the resources whose spec.instance is this name; default: those without one.
    #[arg(long, env = "SPICE_INSTANCE")]
    pub(crate) instance: Option<String>,
    /// Seconds after which every resource is reconciled again.
    #[arg(long, env = "SPICE_RESYNC_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) resync_seconds: u64,
    /// The Lease object of the process that reconciles, for several operators of which one works:
    /// NAMESPACE/NAME. Default: this process is alone.
    #[arg(long, env = "SPICE_LEASE", value_name = "NAMESPACE/NAME")]
    pub(crate) lease: Option<String>,
}
