//! What an import did, for people and programs.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{columns::LeftOut, journal::Counts, progress::rate};
use crate::output::{self, Format};

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
    /// Lines above the head: titles, and `sep=`.
    pub(super) lines_before_head: u64,
    /// Columns of which nothing is imported.
    pub(super) left_out: Vec<LeftOut>,
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
            lines_before_head: 0,
            left_out: Vec::new(),
        }
    }

    /// What of the file is not in the graph, and what was there more than once, in sentences.
    pub(super) fn describe_left_out(&self) -> Vec<String> {
        let counts = &self.counts;
        let counted = [
            (
                self.lines_before_head,
                "line above the names of the columns is left out",
                "lines above the names of the columns are left out",
            ),
            (
                counts.blank_rows,
                "blank row is left out",
                "blank rows are left out",
            ),
            (
                counts.surplus_cells,
                "blank cell behind the last column is left out",
                "blank cells behind the last column are left out",
            ),
            (
                counts.equal_rows,
                "row says what an earlier row says; it is an instance of its own",
                "rows say what an earlier row says; each is an instance of its own",
            ),
        ];
        let columns = self.left_out.iter().map(|column| {
            let LeftOut {
                column,
                name,
                reason,
            } = column;
            match name.as_str() {
                "" => format!("column {column} is left out: {reason}"),
                _ => format!("column {column}, {name}, is left out: {reason}"),
            }
        });
        let counted = counted
            .into_iter()
            .filter_map(|(count, one, many)| match count {
                0 => None,
                1 => Some(format!("1 {one}")),
                _ => Some(format!("{count} {many}")),
            });
        columns.chain(counted).collect()
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

/// Says how many rows were rejected, and where they are.
pub(super) fn describe_rejects(counts: &Counts, path: &Path) -> String {
    format!(
        "rejected: {}, in {} with line and reason; mend them there and import that file",
        counts.rejected,
        path.display()
    )
}

/// Says where an import stopped, and how to go on.
pub(super) fn describe_stop(counts: &Counts, line: u64, has_journal: bool) -> String {
    let Counts {
        rows,
        created,
        unchanged,
        rejected,
        ..
    } = counts;
    let again = if has_journal {
        "the same command goes on there"
    } else {
        "the same command takes what is in already as unchanged"
    };
    format!(
        "stopped before line {line} after {rows} rows ({created} created, {unchanged} unchanged, {rejected} rejected); {again}"
    )
}
