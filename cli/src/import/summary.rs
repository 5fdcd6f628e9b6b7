//! The summary of an import, as text and as a row.

use std::path::Path;

use spice_import::{Counts, LeftOut, Stop, Summary, reveal};

use crate::output::{self, Format};

/// Writes the summary: what was left out to standard error, the counts to standard output.
pub(super) fn write(summary: &Summary, format: Format) -> anyhow::Result<()> {
    for sentence in describe_left_out(summary) {
        output::note(sentence);
    }
    if format != Format::Table {
        return output::document(format, summary);
    }
    let head = [
        "ROWS",
        "CREATED",
        "UNCHANGED",
        "REJECTED",
        "SECONDS",
        "ROWS/S",
    ];
    let counts = summary.counts;
    let row = [
        counts.rows.to_string(),
        counts.created.to_string(),
        counts.unchanged.to_string(),
        counts.rejected.to_string(),
        format!("{:.1}", summary.seconds),
        format!("{:.0}", summary.rows_per_second),
    ];
    output::table(&head, &[row.to_vec()])?;
    Ok(())
}

/// What is not in the graph, and which rows were equal, as sentences.
fn describe_left_out(summary: &Summary) -> Vec<String> {
    let counts = &summary.counts;
    let counted = [
        (
            summary.lines_before_head,
            "line above the column names was skipped",
            "lines above the column names were skipped",
        ),
        (
            counts.blank_rows,
            "blank row was skipped",
            "blank rows were skipped",
        ),
        (
            counts.surplus_cells,
            "blank cell after the last column was skipped",
            "blank cells after the last column were skipped",
        ),
        (
            counts.equal_rows,
            "row equals an earlier row; it is a separate instance",
            "rows equal an earlier row; each is a separate instance",
        ),
    ];
    let columns = summary.left_out.iter().map(|column| {
        let LeftOut {
            column,
            name,
            reason,
        } = column;
        match name.as_str() {
            "" => format!("column {column} is left out: {reason}"),
            _ => format!("column {column}, {}, is left out: {reason}", reveal(name)),
        }
    });
    let counted = counted
        .into_iter()
        .filter_map(|(count, one, many)| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {many}")),
        });
    let items = counts.blank_item_line.map(|line| {
        let items = match counts.blank_items {
            1 => "1 blank item of a list is",
            many => &format!("{many} blank items of lists are"),
        };
        format!("{items} left out, first in line {line}")
    });
    columns.chain(counted).chain(items).collect()
}

/// The number of rejected rows, and their file.
pub(super) fn describe_rejects(counts: &Counts, path: &Path) -> String {
    format!(
        "rejected: {}, in {} with line and reason; correct them there and import that file",
        counts.rejected,
        path.display()
    )
}

/// Where an import stopped, and how to resume it.
pub(super) fn describe_stop(stop: &Stop) -> String {
    let Counts {
        rows,
        created,
        unchanged,
        rejected,
        ..
    } = stop.counts;
    let again = if stop.is_resumable {
        "the same command resumes there"
    } else {
        "the same command starts over and counts existing rows as unchanged"
    };
    format!(
        "stopped before line {} after {rows} rows ({created} created, {unchanged} unchanged, {rejected} rejected); {again}",
        stop.line
    )
}
