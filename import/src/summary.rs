//! What an import did.

use std::path::PathBuf;

use serde::Serialize;

use crate::{column::LeftOut, observer::Counts};

/// What an import did, its earlier starts included.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Rows by their outcome.
    #[serde(flatten)]
    pub counts: Counts,
    /// How long it took.
    pub seconds: f64,
    /// Rows a second.
    pub rows_per_second: f64,
    /// The position of its last command in the log.
    pub last_position: Option<u64>,
    /// The file of the rejected rows, if there are any.
    pub rejects_file: Option<PathBuf>,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Lines above the head: titles, and `sep=`.
    pub lines_before_head: u64,
    /// Columns of which nothing is imported.
    pub left_out: Vec<LeftOut>,
}

/// Where an import stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Rows before the line.
    pub counts: Counts,
    /// The line.
    pub line: u64,
    /// Whether the same import goes on there. Otherwise it starts over, and rows that are in already
    /// count as unchanged.
    pub is_resumable: bool,
}

/// How an import ended.
#[derive(Debug)]
pub enum Outcome {
    /// It was cancelled before anything was imported.
    NotStarted,
    /// Every row was taken or rejected.
    Complete(Summary),
    /// A row was rejected, and the options say to stop there.
    Rejected(Summary, Stop),
    /// It was cancelled.
    Cancelled(Stop),
}

/// An import that failed.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: crate::error::Error,
    /// Where it stopped; none: nothing was imported.
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

/// Rows a second.
#[allow(clippy::cast_precision_loss)]
pub fn rate(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds.max(1e-3)
}
