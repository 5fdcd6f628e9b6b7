//! The summary of an import, as text and as a row.

use std::path::Path;

use serde_json::json;
use spice_import::{Counts, Stop, Summary, reveal};

use crate::output::{self, Format};

/// Writes the summary: what was left out to standard error, the counts to standard output.
pub(super) fn write(summary: &Summary, format: Format) -> anyhow::Result<()> {
    for sentence in describe_left_out(summary) {
        output::note(sentence);
    }
    if format != Format::Table {
        return output::document(format, summary);
    }
    let seconds = format!("{:.1}", summary.seconds);
    let speed = format!("{:.0}", summary.rows_per_second);
    output::fields(
        &json!({"counts": summary.counts, "seconds": seconds, "speed": speed}),
        "ROWS=counts.rows, CREATED=counts.created, UNCHANGED=counts.unchanged, \
         REJECTED=counts.rejected, SECONDS=seconds, ROWS/S=speed",
    )
}

/// What is not in the graph, and which rows were equal, as sentences.
fn describe_left_out(summary: &Summary) -> Vec<String> {
    let counts = &summary.counts;
    let skipped = |count: u64, noun: &str, place: &str| {
        let (ending, was) = if count == 1 {
            ("", "was")
        } else {
            ("s", "were")
        };
        (count > 0).then(|| format!("{count} {noun}{ending}{place} {was} skipped"))
    };
    let equal = match counts.equal_rows {
        0 => None,
        1 => Some("1 row equals an earlier row; it is a separate instance".to_owned()),
        many => Some(format!(
            "{many} rows equal an earlier row; each is a separate instance"
        )),
    };
    let counted = [
        skipped(summary.lines_before_head, "line", " above the column names"),
        skipped(counts.blank_rows, "blank row", ""),
        skipped(counts.surplus_cells, "blank cell", " after the last column"),
        equal,
    ];
    let columns = summary.left_out.iter().map(|left| {
        let (column, reason) = (left.column, left.reason);
        match left.name.as_str() {
            "" => format!("column {column} is left out: {reason}"),
            name => format!("column {column}, {}, is left out: {reason}", reveal(name)),
        }
    });
    let items = counts.blank_item_line.map(|line| {
        let items = match counts.blank_items {
            1 => "1 blank item of a list is",
            many => &format!("{many} blank items of lists are"),
        };
        format!("{items} left out, first in line {line}")
    });
    columns
        .chain(counted.into_iter().flatten())
        .chain(items)
        .collect()
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
