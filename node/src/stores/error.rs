//! Why stores cannot be opened.

use spice_core::{error::StoreError, port::Store};

use crate::address::LogAddress;

/// Stores that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no log to read.
    #[error("there is no log at {0}")]
    NoLog(LogAddress),
    /// There is neither a log nor another store to look at.
    #[error("there is no log at {0}, and no registry, graph or documents")]
    NoStore(LogAddress),
    /// A store does not open.
    #[error("cannot open the {store}")]
    Store {
        /// The store.
        store: Store,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The task that opens the stores was stopped.
    #[error("the stores were not opened")]
    Stopped(#[from] tokio::task::JoinError),
}
