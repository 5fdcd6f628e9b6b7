//! The api as a role of a process: the writer, and the services on their listeners.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use spice_api::{
    Engine,
    access::Access,
    http::{self, Api, Settings, Timeouts},
    writer::{Writer, WriterSettings},
};
use spice_telemetry::Source;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

pub use spice_api::http::Surface;

use crate::{
    access::Callers,
    stores::Stores,
    tls::{Tls, TlsSettings},
};

/// How an api process works.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The callers that are accepted.
    pub callers: Callers,
    /// How the listeners use TLS; none: they do not.
    pub tls: Option<TlsSettings>,
    /// How long a connection without a request stays open.
    pub keep_alive: Duration,
    /// Whether writes are answered before the projections show them.
    pub event_sourcing: bool,
    /// Whether a command id that comes again with another payload gets the first answer instead of a
    /// refusal.
    pub keep_first_on_mismatch: bool,
}

/// An address on which a service cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("{service} cannot listen on {address}")]
pub struct ListenError {
    /// The service.
    pub service: Surface,
    /// The address.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// The listeners of a process. They accept nothing until the role starts.
pub struct Listeners {
    listeners: Vec<(Surface, TcpListener)>,
    addresses: Vec<(Surface, SocketAddr)>,
}

impl Listeners {
    /// Listens on an address for each service; port 0 takes a free port.
    pub async fn bind(wanted: &[(Surface, SocketAddr)]) -> Result<Self, ListenError> {
        let mut bound = Self {
            listeners: Vec::new(),
            addresses: Vec::new(),
        };
        for &(service, address) in wanted {
            let failed = |source| ListenError {
                service,
                address,
                source,
            };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            bound.listeners.push((service, listener));
            bound.addresses.push((service, address));
        }
        Ok(bound)
    }

    /// Where each service listens.
    pub fn addresses(&self) -> &[(Surface, SocketAddr)] {
        &self.addresses
    }
}

/// The api, running.
pub struct ApiRole {
    writer: Writer,
    servers: JoinSet<io::Result<()>>,
    catching_up: Option<JoinHandle<()>>,
}

impl ApiRole {
    /// Serves over the stores until `ending` is cancelled. Touches the registry only if a service
    /// accepts commands.
    pub(crate) fn start(
        stores: &Stores,
        listeners: Listeners,
        settings: &ApiSettings,
        (access, tls): (Arc<Access>, &Tls),
        sources: Vec<Arc<dyn Source>>,
        ending: &CancellationToken,
    ) -> Self {
        let writer = start_writer(stores, settings);
        let engine = Engine {
            writer: writer.clone(),
            graph: stores.graph.clone(),
            documents: stores.documents.clone(),
            model: stores.model.clone(),
            work: stores.work.clone(),
            log: stores.log.clone(),
            clock: stores.clock.clone(),
        };
        let api_settings = Settings {
            event_sourcing: settings.event_sourcing,
            access,
            ..Settings::default()
        };
        let api = Api::new(engine, api_settings, sources);
        let timeouts = Timeouts {
            idle: settings.keep_alive,
            ..Timeouts::default()
        };
        let mut services = listeners.addresses.iter().map(|(service, _)| service);
        let appends = services.any(|service| service.accepts_commands());
        let mut servers = JoinSet::new();
        for (service, listener) in listeners.listeners {
            let router = http::router(api.clone(), service);
            let ending = ending.clone();
            servers.spawn(http::serve_with(
                listener,
                router,
                timeouts,
                tls.of(service).cloned(),
                ending,
            ));
        }
        Self {
            catching_up: appends.then(|| tokio::spawn(catch_up(writer.clone()))),
            writer,
            servers,
        }
    }

    /// Waits until the services have ended, then accepts no more commands.
    pub async fn end(mut self) {
        while let Some(ended) = self.servers.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a listener stopped with an error"),
                Err(error) => tracing::error!(%error, "a listener failed"),
            }
        }
        self.writer.shutdown().await;
        if let Some(catching_up) = self.catching_up {
            end_task(catching_up).await;
        }
    }
}

/// Ends a task and waits until it has dropped its stores.
pub(crate) async fn end_task(task: JoinHandle<()>) {
    task.abort();
    if let Err(error) = task.await
        && !error.is_cancelled()
    {
        tracing::error!(%error, "a background task failed");
    }
}

fn start_writer(stores: &Stores, settings: &ApiSettings) -> Writer {
    Writer::new(
        stores.sinks.to_vec(),
        stores.log.clone(),
        stores.model.clone(),
        stores.hints.clone(),
        stores.clock.clone(),
        WriterSettings {
            keep_first_on_mismatch: settings.keep_first_on_mismatch,
            ..WriterSettings::default()
        },
    )
}

/// Compares every log with what registry and sinks have seen of it, and brings the registry up to date,
/// so that every command is known before anyone asks. A log that is refused is reported at once.
async fn catch_up(writer: Writer) {
    if let Err(refusal) = writer.check_logs().await {
        tracing::warn!(error = %refusal, "the registry is not up to date yet");
    }
}
