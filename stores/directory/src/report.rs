//! The result of a check of the directory.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer};
use spice_core::{chain::Chain, id::StreamId};

/// One problem, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The log that it concerns; none if it concerns no log.
    #[serde(skip)]
    pub stream: Option<StreamId>,
    /// The file or directory.
    #[serde(serialize_with = "write_path")]
    pub file: PathBuf,
    /// A description of the problem.
    pub reason: String,
    /// Whether the log is refused because of it. A foreign file is only reported, and left alone.
    pub refuses: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

fn write_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn write_stream<S: Serializer>(stream: &StreamId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(stream)
}

/// The result of a full check of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// The log.
    #[serde(rename = "log", serialize_with = "write_stream")]
    pub stream: StreamId,
    /// The number of segments.
    pub segments: usize,
    /// The number of envelopes that were read and are in order.
    pub envelopes: u64,
    /// The size on disk in bytes.
    pub bytes: u64,
    /// The first position that carries `chain`; earlier envelopes were written without it. None if
    /// no envelope carries it.
    pub chained_from: Option<u64>,
    /// The chain at the end.
    pub chain: Option<Chain>,
}

/// The result of a full check of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One report for each log.
    pub streams: Vec<StreamReport>,
    /// Every problem.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Returns whether no log is refused. A foreign file does no harm.
    pub fn is_clean(&self) -> bool {
        self.problems.iter().all(|problem| !problem.refuses)
    }
}
