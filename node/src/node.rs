//! A node: the roles of one process, over whatever stores are named.

use std::{net::SocketAddr, sync::Arc};

use spice_workers::supervisor::Workers;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    access::{ExposedError, FileError},
    address::Addresses,
    api::{ApiRole, ApiSettings, ListenError, Listeners, Surface, end_task},
    files::FileStates,
    stores::{Access, OpenError, Stores},
    tls::{Tls, TlsError},
    work::{WorkSettings, start_workers},
};

/// A node that does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Other machines can reach a listener, and the accepted callers are not declared.
    #[error(transparent)]
    Exposed(#[from] ExposedError),
    /// The principals cannot be read.
    #[error(transparent)]
    Principals(#[from] FileError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A service cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The stores cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A running node.
pub struct Node {
    api: ApiRole,
    workers: Workers,
    log_maintenance: JoinHandle<()>,
    addresses: Vec<(Surface, SocketAddr)>,
    tls: Tls,
}

impl Node {
    /// Starts the workers and the services to listen for. Without gateway and oms it is a process of
    /// workers only. The services end when `ending` is cancelled.
    pub async fn start(
        addresses: &Addresses,
        listen: &[(Surface, SocketAddr)],
        (api, work): (ApiSettings, WorkSettings),
        ending: &CancellationToken,
    ) -> Result<Self, StartError> {
        api.callers.check(listen)?;
        let states = Arc::new(FileStates::default());
        let access = api.callers.open(&states, ending).await?;
        let tls = if let Some(settings) = &api.tls {
            settings.open(&states, ending).await?
        } else {
            api.callers.warn_of_clear_text(listen);
            Tls::default()
        };
        let listeners = Listeners::bind(listen).await?;
        let stores = Stores::open(addresses, Access::Own).await?;
        let bound = listeners.addresses().to_vec();
        let workers = start_workers(&stores, work);
        let api = ApiRole::start(
            &stores,
            listeners,
            &api,
            (access, &tls),
            vec![workers.source(), states],
            ending,
        );
        let log_maintenance = tokio::spawn(async move { stores.maintain_log().await });
        Ok(Self {
            api,
            workers,
            log_maintenance,
            addresses: bound,
            tls,
        })
    }

    /// Where each service listens.
    pub fn addresses(&self) -> &[(Surface, SocketAddr)] {
        &self.addresses
    }

    /// The URL of each service.
    pub fn urls(&self) -> impl Iterator<Item = (Surface, String)> {
        let addresses = self.addresses.iter();
        addresses.map(|&(service, address)| {
            let scheme = self.tls.scheme(service);
            (service, format!("{scheme}://{address}"))
        })
    }

    /// The URL at which this process itself can call a service.
    pub fn own_url(&self, service: Surface) -> Option<String> {
        let mut addresses = self.addresses.iter();
        let (_, address) = addresses.find(|(it, _)| *it == service)?;
        Some(self.tls.own_url(service, *address))
    }

    /// Ends cleanly, after `ending` was cancelled: the services end, then the writer, then the workers,
    /// who finish their batches and give their leases back. The log is closed after that.
    pub async fn end(self) {
        self.api.end().await;
        self.workers.shutdown().await;
        end_task(self.log_maintenance).await;
    }
}
