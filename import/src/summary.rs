//! The summary of an import.

use std::path::PathBuf;

use serde::Serialize;

use crate::{column::LeftOut, observer::Counts};

/// The summary of an import, including its earlier runs.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Rows by result.
    #[serde(flatten)]
    pub counts: Counts,
    /// The elapsed time.
    pub seconds: f64,
    /// Rows per second.
    pub rows_per_second: f64,
    /// The position of its last command in the log.
    pub last_position: Option<u64>,
    /// The file of the rejected rows, if any.
    pub rejects_file: Option<PathBuf>,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Lines above the header: titles and `sep=`.
    pub lines_before_head: u64,
    /// Columns that are left out.
    pub left_out: Vec<LeftOut>,
}

/// Where an import stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Rows before the line.
    pub counts: Counts,
    /// The line.
    pub line: u64,
    /// Whether the same import resumes there. Otherwise it starts over, and existing rows count as
    /// unchanged.
    pub is_resumable: bool,
}

/// The result of an import.
#[derive(Debug)]
pub enum Outcome {
    /// It was cancelled before anything was imported.
    NotStarted,
    /// Every row was accepted or rejected.
    Complete(Summary),
    /// A row was rejected, and the options require to stop there.
    Rejected(Summary, Stop),
    /// It was cancelled.
    Cancelled(Stop),
}

/// An import that failed.
#[derive(Debug)]
pub struct Failure {
    /// The error.
    pub error: crate::error::Error,
    /// Where it stopped; none if nothing was imported.
    pub stop: Option<Stop>,
}

impl<E: Into<crate::error::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            stop: None,
        }
    }
}

/// Rows per second.
#[allow(clippy::cast_precision_loss)]
pub fn rate(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds.max(1e-3)
}
