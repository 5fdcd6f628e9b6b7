//! What an import did, for people and programs.

use std::path::PathBuf;

use serde::Serialize;

use super::{journal::Counts, progress::rate};
use crate::{output, settings::Format};

/// What an import did; with its earlier starts, when it was stopped in between.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) seconds: f64,
    pub(super) rows_per_second: f64,
    /// Where its last command stands in the log.
    pub(super) last_position: Option<u64>,
    pub(super) rejects_file: Option<PathBuf>,
    pub(super) dry_run: bool,
}

impl Summary {
    pub(super) fn new(counts: Counts, seconds: f64) -> Self {
        Self {
            counts,
            seconds,
            rows_per_second: rate(counts.rows, seconds),
            last_position: None,
            rejects_file: None,
            dry_run: false,
        }
    }

    pub(super) fn write(&self, format: Format) -> anyhow::Result<()> {
        if format != Format::Table {
            return output::document(format, self);
        }
        let head = [
            "ROWS",
            "CREATED",
            "UNCHANGED",
            "REJECTED",
            "SECONDS",
            "ROWS/S",
        ];
        let counts = self.counts;
        let row = [
            counts.rows.to_string(),
            counts.created.to_string(),
            counts.unchanged.to_string(),
            counts.rejected.to_string(),
            format!("{:.1}", self.seconds),
            format!("{:.0}", self.rows_per_second),
        ];
        output::table(&head, &[row.to_vec()])?;
        Ok(())
    }
}
