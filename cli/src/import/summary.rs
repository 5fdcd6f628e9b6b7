//! What an import did, in sentences and as a row.

use std::path::Path;

use spice_import::{Counts, LeftOut, Stop, Summary};

use crate::output::{self, Format};

/// Writes what was done: what was left out to standard error, the counts to standard output.
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

/// What of the file is not in the graph, and what was there more than once, in sentences.
fn describe_left_out(summary: &Summary) -> Vec<String> {
    let counts = &summary.counts;
    let counted = [
        (
            summary.lines_before_head,
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
    let columns = summary.left_out.iter().map(|column| {
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

/// Says how many rows were rejected, and where they are.
pub(super) fn describe_rejects(counts: &Counts, path: &Path) -> String {
    format!(
        "rejected: {}, in {} with line and reason; correct them there and import that file",
        counts.rejected,
        path.display()
    )
}

/// Says where an import stopped, and how to go on.
pub(super) fn describe_stop(stop: &Stop) -> String {
    let Counts {
        rows,
        created,
        unchanged,
        rejected,
        ..
    } = stop.counts;
    let again = if stop.is_resumable {
        "the same command goes on there"
    } else {
        "the same command takes what is in already as unchanged"
    };
    format!(
        "stopped before line {} after {rows} rows ({created} created, {unchanged} unchanged, {rejected} rejected); {again}",
        stop.line
    )
}
