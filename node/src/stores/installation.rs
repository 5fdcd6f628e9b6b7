//! Compares the installations of the stores: two log stores never share a registry or a sink.

use std::sync::Arc;

use spice_core::{
    error::StoreError,
    id::InstallationId,
    port::{Store, StoreResult, installation::Installed},
};
use uuid::Uuid;

use super::error::OpenError;
use crate::address::LogAddress;

/// What a process may do about stores without an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// It makes new stores part of the installation. A new log is refused beside stores that follow
    /// another one.
    Install,
    /// The same, but a log without an installation stays as it is: a person has to accept that the
    /// log of the other stores is lost.
    InstallIfKnown,
    /// It only compares.
    Compare,
}

/// The installations of the stores of one process.
#[derive(Clone)]
pub(super) struct Installations {
    pub(super) address: LogAddress,
    pub(super) log: Arc<dyn Installed>,
    /// The stores that follow the log.
    pub(super) followers: [(Store, Arc<dyn Installed>); 3],
}

impl Installations {
    /// Fails if the log and another store are of two installations.
    pub(super) async fn compare(&self, setup: Setup) -> Result<(), OpenError> {
        let of_log = self.log.installation().await;
        let of_log = of_log.map_err(failed(Store::Log))?;
        let known = self.find_follower().await?;
        let id = match (of_log, known) {
            (Some(id), _) => id,
            (None, Some((store, _))) if setup == Setup::Install => {
                return Err(OpenError::NewLog {
                    log: self.address.clone(),
                    store,
                });
            }
            (None, None) if setup == Setup::Install => self.install_log(new_id()).await?,
            (None, _) => return Ok(()),
        };
        for (store, follower) in &self.followers {
            let found = if setup == Setup::Compare {
                follower.installation().await
            } else {
                follower.install(id).await.map(Some)
            };
            let found = found.map_err(failed(*store))?;
            if found.is_some_and(|found| found != id) {
                return Err(OpenError::OtherInstallation {
                    log: self.address.clone(),
                    store: *store,
                });
            }
        }
        Ok(())
    }

    /// Makes a log without an installation part of the installation of the stores that follow it.
    pub(super) async fn adopt_log(&self) -> Result<(), OpenError> {
        if let Some((_, id)) = self.find_follower().await? {
            self.install_log(id).await?;
        }
        Ok(())
    }

    async fn install_log(&self, id: InstallationId) -> Result<InstallationId, OpenError> {
        self.log.install(id).await.map_err(failed(Store::Log))
    }

    /// Returns the first store beside the log that has an installation.
    async fn find_follower(&self) -> Result<Option<(Store, InstallationId)>, OpenError> {
        for (store, follower) in &self.followers {
            let found: StoreResult<_> = follower.installation().await;
            if let Some(id) = found.map_err(failed(*store))? {
                return Ok(Some((*store, id)));
            }
        }
        Ok(None)
    }
}

fn new_id() -> InstallationId {
    InstallationId(Uuid::new_v4())
}

fn failed(store: Store) -> impl Fn(StoreError) -> OpenError {
    move |source| OpenError::Store { store, source }
}
