//! Why stores cannot be opened.

use spice_core::{
    error::{ErrorCode, StoreError},
    port::Store,
};

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
    /// Two stores are of different installations.
    #[error(
        "the {store} belongs to another log than {log}: two logs cannot share a {store}; name the \
         stores that belong together"
    )]
    OtherInstallation {
        /// The log.
        log: LogAddress,
        /// The other store.
        store: Store,
    },
    /// A log without an installation is beside a store that follows another one.
    #[error(
        "the {store} belongs to another log, and the log at {log} is new; name the log that belongs \
         to it, or, if that one is lost, accept this with `spice audit accept-truncation`"
    )]
    NewLog {
        /// The log.
        log: LogAddress,
        /// The other store.
        store: Store,
    },
    /// The task that opens the stores was stopped.
    #[error("the stores were not opened")]
    Stopped(#[from] tokio::task::JoinError),
}

impl OpenError {
    /// The code of the failure, which gives the exit code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoLog(_) | Self::NoStore(_) => ErrorCode::NotFound,
            Self::Store { source, .. } => source.code(),
            Self::OtherInstallation { .. } | Self::NewLog { .. } => ErrorCode::FailedPrecondition,
            Self::Stopped(_) => ErrorCode::Internal,
        }
    }
}
