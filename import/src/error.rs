//! Why an import cannot continue, as values.

use std::{
    io,
    path::{Path, PathBuf},
};

use spice_core::{
    error::{ErrorCode, Refusal},
    name::InvalidName,
};

/// The error of an import that cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input or the options are invalid.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The api refused a call, or could not be reached.
    #[error(transparent)]
    Api(#[from] spice_client::Error),
    /// A file of the import itself failed: the rejects or the state.
    #[error("{} cannot be {action}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The action: `written`, `renamed` …
        action: &'static str,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Reading the input failed.
    #[error(transparent)]
    Input(#[from] io::Error),
    /// A class is stored in a form that this version cannot read.
    #[error(transparent)]
    Class(#[from] serde_json::Error),
    /// Every row is in the log, but the projections do not have all of them in time.
    #[error(
        "every row is in the log, but not all of them are projected; see `spice dead-letters list`"
    )]
    NotShown(#[source] spice_client::Error),
    /// The task that opens the input ended early.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// The result of a step of an import.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<InvalidName> for Error {
    fn from(invalid: InvalidName) -> Self {
        Self::Refused(invalid.into())
    }
}

/// A refusal of the input or of the options.
pub(crate) fn refuse_input(message: impl Into<String>) -> Error {
    Error::Refused(Refusal::new(ErrorCode::InvalidRequest, message))
}

/// The error of a file that could not be written, renamed or removed.
pub(crate) fn write_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File {
        path: path.to_owned(),
        action,
        source,
    }
}
