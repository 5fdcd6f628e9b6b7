//! The journal: the progress of an import. Everything before its place is in the log or in the
//! rejects, so the same import can resume there. Without it, or with that of another import, the
//! import starts over, which is safe but slower.

use std::{fs, io::ErrorKind, path::PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    error::{Result, refuse_input, write_error},
    observer::Counts,
    paths::{remove, replace},
    reader::Place,
    task::Task,
};

/// The progress of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// The id of the import: with it, the keys of its batches stay the same after a resume.
    pub(crate) run: Uuid,
    /// What is imported, and the target.
    pub(crate) task: Task,
    pub(crate) place: Place,
    pub(crate) counts: Counts,
    /// The valid bytes of the rejects.
    pub(crate) rejects: u64,
    /// The position of the last command in the log.
    pub(crate) position: Option<u64>,
    /// The elapsed time.
    pub(crate) seconds: f64,
}

impl Journal {
    /// The progress at the start.
    pub(crate) fn new(task: Task) -> Self {
        Self {
            run: Uuid::new_v4(),
            task,
            place: Place::START,
            counts: Counts::default(),
            rejects: 0,
            position: None,
            seconds: 0.0,
        }
    }
}

/// The file of a journal. An import that cannot resume has none.
pub(crate) struct JournalFile(pub(crate) Option<PathBuf>);

impl JournalFile {
    /// The last written state. A file with other content is refused, because it would be
    /// overwritten.
    pub(crate) fn load(&self) -> Result<Option<Journal>> {
        let Some(path) = &self.0 else {
            return Ok(None);
        };
        match fs::read(path) {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                let message = format!(
                    "{} is not the state of an import; remove it, or name another file with --state",
                    path.display()
                );
                refuse_input(message)
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(write_error(path, "read")(error)),
        }
    }

    /// Replaces the file.
    pub(crate) fn store(&self, journal: &Journal) -> Result<()> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        let written = replace(path, |out| Ok(serde_json::to_writer(out, journal)?));
        written.map_err(write_error(path, "written"))
    }

    /// Removes the file: the import is complete.
    pub(crate) fn remove(&self) -> Result<()> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        remove(path).map_err(write_error(path, "removed"))
    }
}
