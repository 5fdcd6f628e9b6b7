//! The installation of a store: one log store, and the registry and the sinks that follow its logs. A
//! process compares them at its start, so that two log stores never share a registry or a sink.

use async_trait::async_trait;

use super::StoreResult;
use crate::id::InstallationId;

/// A store that remembers its installation.
#[async_trait]
pub trait Installed: Send + Sync {
    /// The installation; none for a store that was never part of one.
    async fn installation(&self) -> StoreResult<Option<InstallationId>>;

    /// Makes the store part of an installation, unless it is part of one. Returns the installation
    /// that it is part of afterwards.
    async fn install(&self, id: InstallationId) -> StoreResult<InstallationId>;
}
