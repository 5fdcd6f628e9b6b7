//! What is written for people and programs.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

/// Whether standard error is looked at by a person.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Writes a line to standard output. A reader that has gone away (`| head`) is no failure.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}

/// Writes a JSON value, indented.
pub(crate) fn json(value: &Value) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)?;
    Ok(())
}

/// Writes rows under a head, each column as wide as it needs.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(row_text(&widths, head.iter().copied()))?;
    for row in rows {
        line(row_text(&widths, row.iter().map(String::as_str)))?;
    }
    Ok(())
}

fn row_text<'a>(widths: &[usize], cells: impl Iterator<Item = &'a str>) -> String {
    let padded: Vec<String> = widths
        .iter()
        .zip(cells)
        .map(|(width, cell)| format!("{cell:width$}"))
        .collect();
    padded.join("  ").trim_end().to_owned()
}
