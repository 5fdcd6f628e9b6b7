//! Writes output for people and programs.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, presets};
use console::{Term, style};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use spice_crds::{Exact, yaml};

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
    /// YAML.
    Yaml,
}

/// Whether standard error is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Turns colours off, also on a terminal.
pub(crate) fn disable_colours() {
    console::set_colors_enabled(false);
    console::set_colors_enabled_stderr(false);
}

/// Writes a line to standard output. A reader that has closed the pipe (`| head`) is not an error.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}

/// Writes a note to standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    // If standard error is closed, nobody reads the note.
    drop(writeln!(io::stderr(), "{}", text.as_ref()));
}

/// Writes a JSON value, indented.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)?;
    Ok(())
}

/// Writes a value for programs. Numbers keep the digits that were written.
pub(crate) fn document<T: Serialize + ?Sized>(format: Format, value: &T) -> anyhow::Result<()> {
    if format == Format::Yaml {
        line(yaml::write(&Exact::of(value)?).trim_end())?;
        return Ok(());
    }
    json(value)
}

/// Writes rows below a header. On a terminal the table fits its width.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let text = render(Some(&head), rows);
    let mut lines = text.lines();
    if let Some(first) = lines.next() {
        line(style(first).bold().to_string())?;
    }
    for row in lines {
        line(row)?;
    }
    Ok(())
}

/// Writes items: for people as rows below a header, for programs as they are.
pub(crate) fn items<T: Serialize>(
    format: Format,
    items: &[T],
    head: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if format != Format::Table {
        return document(format, items);
    }
    let rows: Vec<_> = items.iter().map(row).collect();
    Ok(table(head, &rows)?)
}

/// [`items`] for a single one, which is no list for programs either.
pub(crate) fn item<T: Serialize>(
    format: Format,
    item: &T,
    head: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if format != Format::Table {
        return document(format, item);
    }
    Ok(table(head, &[row(item)])?)
}

/// Writes names with their values, one pair per line.
pub(crate) fn pairs(pairs: &[(&str, String)]) -> io::Result<()> {
    let rows: Vec<Vec<String>> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![format!("{name}:"), value.clone()])
        .collect();
    line(render(None, &rows))
}

/// Writes the heading of a section.
pub(crate) fn heading(text: &str) -> io::Result<()> {
    line("")?;
    line(style(text).bold().to_string())
}

fn render(head: Option<&[String]>, rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    if let Some(head) = head {
        table.set_header(head);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let width = Term::stdout().size_checked().map(|(_, columns)| columns);
    match width.filter(|_| io::stdout().is_terminal()) {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table.trim_fmt()
}

/// Removes characters that would control a terminal or break a row.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

/// A value as the text of a cell: a text as it is, null as nothing.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value of a class as the text of a cell, with numbers as they were written.
pub(crate) fn render_exact(value: &Exact) -> String {
    match value {
        Exact::Null => String::new(),
        Exact::Text(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A label in one language: a text, or the first of a map.
pub(crate) fn render_label(label: &Exact) -> String {
    match label {
        Exact::Object(languages) => {
            let english = languages.get("en").or_else(|| languages.values().next());
            english.map(render_exact).unwrap_or_default()
        }
        other => render_exact(other),
    }
}

/// The values of an instance by property, as they were written: a floating point number would lose
/// digits and trailing zeros.
pub(crate) type Values = IndexMap<String, Box<RawValue>>;

/// The values of a state; empty if there is none.
pub(crate) fn values(state: Option<&RawValue>) -> serde_json::Result<Values> {
    state.map_or_else(
        || Ok(Values::new()),
        |state| serde_json::from_str(state.get()),
    )
}

/// A value as the text of a cell, as it was written: a text as it is, null as nothing.
pub(crate) fn render_as_written(value: &RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        text if text.starts_with('"') => {
            serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
        }
        text => text.to_owned(),
    }
}

/// A number or a text as the text of a cell, if there is one.
pub(crate) fn render_optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    //! Tests for tables.
    use super::*;

    #[test]
    fn data_stays_in_its_cell() {
        let rows = [
            vec!["a".to_owned(), "x\ny\u{1b}[31m".to_owned()],
            vec!["longer".to_owned(), "한국어".to_owned()],
        ];
        let text = render(Some(&["ONE".to_owned(), "TWO".to_owned()]), &rows);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["ONE     TWO", "a       x\\ny\\u{1b}[31m", "longer  한국어"]
        );
    }
}
