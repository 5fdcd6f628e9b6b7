//! How far an import has come, beside the rejects: what is before its place is in the log or among
//! the rejects, so that the same command goes on there. Without it, or when it is of something
//! else, an import starts over, which is safe and only slower.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use spice_core::error::{ErrorCode, Refusal};
use uuid::Uuid;

use super::{options::with_ending, reader::Place, row::hex};

/// Bytes of the file's head that the fingerprint looks at.
const HEAD: u64 = 64 * 1024;

/// Rows so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) created: u64,
    pub(super) unchanged: u64,
    pub(super) rejected: u64,
    /// Rows without a key that say what an earlier row says; they are among the others.
    #[serde(default)]
    pub(super) equal_rows: u64,
    /// Rows and lines in which nothing stands; they are not among the others.
    #[serde(default)]
    pub(super) blank_rows: u64,
    /// Blank cells behind the last column.
    #[serde(default)]
    pub(super) surplus_cells: u64,
}

/// How far an import has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The import: its batches have the same keys when it goes on.
    pub(super) run: Uuid,
    /// What is imported, and into what.
    pub(super) task: String,
    pub(super) place: Place,
    pub(super) counts: Counts,
    /// Bytes of the rejects that count.
    pub(super) rejects: u64,
    /// Where the last command stands in the log.
    pub(super) position: Option<u64>,
    /// What it took so far.
    pub(super) seconds: f64,
}

impl Journal {
    /// One that has not begun.
    pub(super) fn new(task: String) -> Self {
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

/// The file of a journal. Standard input, which cannot be read again, has none.
pub(super) struct JournalFile(Option<PathBuf>);

impl JournalFile {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// What was written last. A file that is something else is refused: it would be written over.
    pub(super) fn load(&self) -> anyhow::Result<Option<Journal>> {
        let Some(path) = &self.0 else {
            return Ok(None);
        };
        match fs::read(path) {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                let message = format!(
                    "{} is not the state of an import; remove it, or name another with --state",
                    path.display()
                );
                Refusal::new(ErrorCode::InvalidRequest, message).into()
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Replaces it as a whole.
    pub(super) fn store(&self, journal: &Journal) -> anyhow::Result<()> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        let beside = with_ending(path, ".new");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(journal)?)?;
            file.sync_data()?;
            fs::rename(&beside, path)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Removes it: the import is done.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// What tells a file from another, and from itself after a change.
pub(super) fn fingerprint(file: &mut File) -> anyhow::Result<String> {
    let meta = file.metadata()?;
    let modified = meta
        .modified()?
        .duration_since(UNIX_EPOCH)
        .map_or(0, |it| it.as_nanos());
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    Ok(format!("{} {modified} {}", meta.len(), hex(&head)))
}
