//! The stores of one process, opened from their addresses. What is open is known by its port only.

mod error;
mod hints;
mod installation;
mod log;
mod tables;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use spice_core::{
    error::Refusal,
    id::StreamId,
    port::{
        Store, StoreResult,
        bus::Bus,
        clock::Clock,
        documents::Documents,
        graph::Graph,
        hints::Hints,
        log::Log,
        registry::{Anchors, WorkerRegistry, WriteModel},
    },
};
use spice_store_local::LocalBus;
use spice_store_sqlite::Claim;
use spice_workers::{
    audit::{self, Followers},
    supervisor::Ports,
    verify::Sources,
};

pub use self::{
    error::OpenError,
    log::{check_segments, open_log},
    tables::{Witness, open_witnesses},
};
use self::{
    installation::{Installations, Setup},
    log::{Appender, OpenLog},
    tables::{Files, Tables, claim_all, exists},
};
use crate::{
    address::{Addresses, BusAddress, HintsAddress, LogAddress},
    clock::SystemClock,
    logs::refuse_missing,
};

/// How often a process looks whether the one that appends to the log is still there.
const LOOK_FOR_OWNER: Duration = Duration::from_millis(500);

/// What this process may do with the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It appends to the log, and no other process may have the log open. What is missing is created.
    Own,
    /// As [`Access::Own`], but some of the stores must exist.
    OwnExisting,
    /// It owns the log unless another process does. There must be a log.
    OwnOrShare,
    /// It only reads: nothing is created or set aside, and another process may own the log.
    Look,
}

/// The stores of one process, open.
#[derive(Clone)]
pub struct Stores {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The write model of the registry.
    pub model: Arc<dyn WriteModel>,
    /// The workers' part of the registry.
    pub work: Arc<dyn WorkerRegistry>,
    /// The graph.
    pub graph: Arc<dyn Graph>,
    /// The documents.
    pub documents: Arc<dyn Documents>,
    /// The hints.
    pub hints: Arc<dyn Hints>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the graph and the documents have seen of the logs.
    pub(crate) sinks: [Arc<dyn Anchors>; 2],
    installations: Installations,
    open_log: OpenLog,
    appender: Appender,
    /// Held as long as the stores are open.
    _claims: Arc<[Claim]>,
}

impl Stores {
    /// Opens the stores. Fails if the log and another store do not belong together.
    pub async fn open(addresses: &Addresses, access: Access) -> Result<Self, OpenError> {
        let addresses = addresses.clone();
        let opened = tokio::task::spawn_blocking(move || Opened::new(&addresses, access));
        match opened.await?? {
            Opened::Free(stores) => {
                let setup = match access {
                    _ if !stores.is_owner() => Setup::Compare,
                    Access::OwnExisting => Setup::InstallIfKnown,
                    _ => Setup::Install,
                };
                stores.installations.compare(setup).await?;
                Ok(stores)
            }
            Opened::Taken(stores, taken) => {
                stores.installations.compare(Setup::Compare).await?;
                Err(taken)
            }
        }
    }

    /// Makes a new log the log of the other stores, after a person has accepted that theirs is lost.
    pub async fn adopt_log(&self) -> Result<(), OpenError> {
        self.installations.adopt_log().await
    }

    fn assemble(
        addresses: &Addresses,
        open_log: OpenLog,
        appender: Appender,
        tables: Tables,
        claims: Vec<Claim>,
    ) -> Self {
        let log = addresses.log();
        let BusAddress::Local = addresses.bus();
        let HintsAddress::Local = addresses.hints();
        let installations = Installations {
            address: log.clone(),
            log: open_log.installed(),
            followers: [
                (Store::Registry, tables.registry.clone()),
                (Store::Graph, tables.graph.clone()),
                (Store::Documents, tables.documents.clone()),
            ],
        };
        Self {
            installations,
            log: open_log.port(),
            bus: Arc::new(LocalBus::new()),
            model: tables.registry.clone(),
            work: tables.registry,
            sinks: [tables.graph.clone(), tables.documents.clone()],
            graph: tables.graph,
            documents: tables.documents,
            hints: hints::open(log, appender),
            clock: Arc::new(SystemClock),
            open_log,
            appender,
            _claims: claims.into(),
        }
    }

    /// Whether this process appends to the log, so that no other one does.
    pub fn is_owner(&self) -> bool {
        self.appender == Appender::This
    }

    /// Returns once no process appends to the log.
    pub async fn wait_unowned(&self) -> StoreResult<()> {
        while self.open_log.is_owned().await? {
            tokio::time::sleep(LOOK_FOR_OWNER).await;
        }
        Ok(())
    }

    /// Keeps the log in shape; never returns.
    pub(crate) async fn maintain_log(&self) {
        self.open_log.maintain().await;
    }

    /// The stores that remember what they have seen of each log.
    pub fn anchors(&self) -> [&dyn Anchors; 3] {
        let [graph, documents] = &self.sinks;
        [&*self.model, &**graph, &**documents]
    }

    /// What is compared when the sinks are checked.
    pub fn sources(&self) -> Sources<'_> {
        Sources {
            log: &*self.log,
            graph: &*self.graph,
            documents: &*self.documents,
            registry: &*self.work,
        }
    }

    /// The stores that follow the log.
    pub fn followers(&self) -> Followers<'_> {
        Followers {
            model: &*self.model,
            work: &*self.work,
            graph: &*self.graph,
            documents: &*self.documents,
        }
    }

    pub(crate) fn ports(&self) -> Ports {
        Ports {
            log: self.log.clone(),
            bus: self.bus.clone(),
            registry: self.work.clone(),
            model: self.model.clone(),
            hints: self.hints.clone(),
            graph: self.graph.clone(),
            documents: self.documents.clone(),
            clock: self.clock.clone(),
        }
    }

    /// The newest log of each database, or of one, which must be there. A log that is gone counts while
    /// any store has seen it.
    pub async fn newest_logs(&self, database: Option<&str>) -> Result<Vec<StreamId>, Refusal> {
        let mut newest: Vec<StreamId> = Vec::new();
        for stream in audit::streams(&*self.log, &self.anchors()).await? {
            newest.retain(|other| other.database != stream.database);
            newest.push(stream);
        }
        let Some(name) = database else {
            return Ok(newest);
        };
        match newest.iter().find(|it| it.database.as_str() == name) {
            Some(found) => Ok(vec![found.clone()]),
            None => Err(refuse_missing(name, &newest)),
        }
    }

    /// Fails if a log is not one chain, or not the log that registry, graph and documents have seen.
    pub async fn check_log(&self, stream: &StreamId) -> StoreResult<()> {
        let mut anchors = Vec::new();
        for store in self.anchors() {
            anchors.extend(store.anchor(stream).await?);
        }
        audit::check(&*self.log, stream, &anchors, &[]).await?;
        Ok(())
    }
}

/// Stores that were opened, before they are compared with their log.
enum Opened {
    /// This process may use them.
    Free(Stores),
    /// Another process has their files open, as the error says. They are only compared: that it serves
    /// another log says more.
    Taken(Stores, OpenError),
}

impl Opened {
    /// Opens the stores. Blocks.
    fn new(addresses: &Addresses, access: Access) -> Result<Self, OpenError> {
        let log = addresses.log();
        let ((open_log, appender), files) = match access {
            Access::OwnExisting if !any_exists(addresses) => {
                return Err(OpenError::NoStore(log.clone()));
            }
            Access::Own | Access::OwnExisting => (OpenLog::open_owned(log)?, Files::Prepare),
            Access::OwnOrShare => (OpenLog::open_owned_or_shared(log)?, Files::Prepare),
            Access::Look => (OpenLog::open_read_only(log)?, Files::Keep),
        };
        let claims = match appender {
            Appender::This => claim_all(addresses),
            Appender::Other | Appender::Unknown => Ok(Vec::new()),
        };
        let assemble =
            |tables, claims| Stores::assemble(addresses, open_log, appender, tables, claims);
        match claims {
            Ok(claims) => Ok(Self::Free(assemble(
                Tables::open(addresses, files)?,
                claims,
            ))),
            Err(taken) => match Tables::open(addresses, Files::Keep) {
                Ok(tables) => Ok(Self::Taken(assemble(tables, Vec::new()), taken)),
                Err(_) => Err(taken),
            },
        }
    }
}

fn any_exists(addresses: &Addresses) -> bool {
    let LogAddress::Directory(log) = addresses.log();
    let mut tables = [
        addresses.registry(),
        addresses.graph(),
        addresses.documents(),
    ]
    .into_iter();
    log.is_dir() || tables.any(exists)
}
