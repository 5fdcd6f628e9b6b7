//! The log as this process has opened it: to append, or to read beside the process that appends.

use std::sync::Arc;

use spice_core::{
    error::StoreError,
    port::{Store, StoreResult, installation::Installed, log::Log},
};
use spice_store_directory::{Claim, DirectoryLog, report::Report, verify};

use super::error::OpenError;
use crate::address::LogAddress;

/// An open log.
#[derive(Clone)]
pub(super) enum OpenLog {
    Directory(DirectoryLog),
}

/// Which process appends to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appender {
    /// This one; no other can.
    This,
    /// Another one.
    Other,
    /// Perhaps another one.
    Unknown,
}

impl OpenLog {
    /// Opens a log to append. Fails if another process has it open. Blocks.
    pub(super) fn open_owned(address: &LogAddress) -> Result<(Self, Appender), OpenError> {
        let LogAddress::Directory(path) = address;
        let log = DirectoryLog::open(path).map_err(open_failure)?;
        Ok((Self::new(log), Appender::This))
    }

    /// Opens a log to append, or to read if another process has it open. Blocks.
    pub(super) fn open_owned_or_shared(
        address: &LogAddress,
    ) -> Result<(Self, Appender), OpenError> {
        let LogAddress::Directory(path) = address;
        if !path.is_dir() {
            return Err(OpenError::NoLog(address.clone()));
        }
        match DirectoryLog::claim(path).map_err(open_failure)? {
            Claim::Owned(log) => Ok((Self::new(log), Appender::This)),
            Claim::Taken(_) => {
                let (log, _) = Self::open_read_only(address)?;
                Ok((log, Appender::Other))
            }
        }
    }

    /// Opens a log to read. Blocks.
    pub(super) fn open_read_only(address: &LogAddress) -> Result<(Self, Appender), OpenError> {
        let LogAddress::Directory(path) = address;
        if !path.is_dir() {
            return Err(OpenError::NoLog(address.clone()));
        }
        let log = DirectoryLog::open_read_only(path).map_err(open_failure)?;
        Ok((Self::new(log), Appender::Unknown))
    }

    fn new(log: DirectoryLog) -> Self {
        for problem in log.problems() {
            tracing::warn!(%problem, "in the log directory; see `spice log verify`");
        }
        Self::Directory(log)
    }

    pub(super) fn port(&self) -> Arc<dyn Log> {
        match self {
            Self::Directory(log) => Arc::new(log.clone()),
        }
    }

    pub(super) fn installed(&self) -> Arc<dyn Installed> {
        match self {
            Self::Directory(log) => Arc::new(log.clone()),
        }
    }

    /// Whether a process has the log open to append.
    pub(super) async fn is_owned(&self) -> StoreResult<bool> {
        match self {
            Self::Directory(log) => log.is_owned().await,
        }
    }

    /// Merges small segments; never returns.
    pub(super) async fn maintain(&self) {
        match self {
            Self::Directory(log) => log.maintain().await,
        }
    }
}

fn open_failure(source: StoreError) -> OpenError {
    OpenError::Store {
        store: Store::Log,
        source,
    }
}

/// Opens a log to read, also while another process appends to it.
pub async fn open_log(address: &LogAddress) -> Result<Arc<dyn Log>, OpenError> {
    let address = address.clone();
    let opened = tokio::task::spawn_blocking(move || OpenLog::open_read_only(&address)).await?;
    Ok(opened?.0.port())
}

/// Checks every byte, line and envelope of every log, also while another process appends to it.
pub async fn check_segments(address: &LogAddress) -> Result<Report, OpenError> {
    let LogAddress::Directory(path) = address.clone();
    if !path.is_dir() {
        return Err(OpenError::NoLog(address.clone()));
    }
    let checked = tokio::task::spawn_blocking(move || verify::verify(&path)).await?;
    checked.map_err(open_failure)
}
