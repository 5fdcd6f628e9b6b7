//! What a check of the directory found.

use std::{fmt, path::PathBuf};

use spice_core::{chain::Chain, id::StreamId};

/// One thing that is not as it should be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The log that it concerns; none beside the logs.
    pub stream: Option<StreamId>,
    /// The file or directory.
    pub file: PathBuf,
    /// What is wrong with it, in words.
    pub reason: String,
    /// Whether the log cannot be trusted for it: it is refused. What merely does not belong
    /// there is named, and left alone.
    pub refuses: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

/// What a full check of one log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// The log.
    pub stream: StreamId,
    /// How many segments it has.
    pub segments: usize,
    /// How many envelopes were read and are in order.
    pub envelopes: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The first position that carries `chain`; those below it were written without. None when
    /// no envelope carries it.
    pub chained_from: Option<u64>,
    /// The chain at the end.
    pub chain: Option<Chain>,
}

/// What a full check of a directory found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Each log.
    pub streams: Vec<StreamReport>,
    /// Everything that is not as it should be.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether everything is as it should be.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}
