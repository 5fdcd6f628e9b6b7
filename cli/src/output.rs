//! Writes output for people and programs.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    slice,
};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, presets};
use console::{Term, style};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;
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

/// Writes a value for programs. Numbers keep the digits that were written.
pub(crate) fn document<T: Serialize + ?Sized>(format: Format, value: &T) -> anyhow::Result<()> {
    let text = match format {
        Format::Yaml => yaml::write(&Exact::of(value)?),
        Format::Json | Format::Table => serde_json::to_string_pretty(value)?,
    };
    Ok(line(text.trim_end())?)
}

/// Writes a document: for programs as it is, for people as the rows of a table.
pub(crate) fn show<T: Serialize + ?Sized>(
    format: Format,
    value: &T,
    columns: &str,
) -> anyhow::Result<()> {
    match format {
        Format::Table => fields(value, columns),
        Format::Json | Format::Yaml => document(format, value),
    }
}

/// Writes fields of a document as a table; a list has a row for each item. `columns` are headings
/// and paths of fields: `NAME=name, POSITION=data.position`.
pub(crate) fn fields<T: Serialize + ?Sized>(value: &T, columns: &str) -> anyhow::Result<()> {
    let value = Exact::of(value)?;
    let items = value.as_list().unwrap_or_else(|| slice::from_ref(&value));
    let (head, paths): (Vec<&str>, Vec<&str>) = split_columns(columns).unzip();
    let row = |item| paths.iter().map(|path| field(item, path)).collect();
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    Ok(table(&head, &rows)?)
}

/// Writes rows below a header. On a terminal the table fits its width.
pub(crate) fn table(head: &[impl Display], rows: &[Vec<String>]) -> io::Result<()> {
    let text = render(head, rows);
    let mut lines = text.lines();
    if let Some(first) = lines.next() {
        line(style(first).bold().to_string())?;
    }
    lines.try_for_each(line)
}

/// Writes names with fields of a document, one pair per line. `pairs` are like the columns of
/// [`fields`]; a field without a value is left out.
pub(crate) fn pairs<T: Serialize>(value: &T, pairs: &str) -> anyhow::Result<()> {
    let value = Exact::of(value)?;
    let pairs = split_columns(pairs).map(|(name, path)| (name, field(&value, path)));
    let rows: Vec<Vec<String>> = pairs
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| vec![format!("{name}:"), text])
        .collect();
    Ok(line(render(&[] as &[&str], &rows))?)
}

fn split_columns(columns: &str) -> impl Iterator<Item = (&str, &str)> {
    columns.split(", ").filter_map(|it| it.split_once('='))
}

/// The field of a document at a path, as the text of a cell.
fn field(document: &Exact, path: &str) -> String {
    let found = path.split('.').try_fold(document, Exact::get);
    found.map(cell).unwrap_or_default()
}

/// Writes the heading of a section.
pub(crate) fn heading(text: &str) -> io::Result<()> {
    line("")?;
    line(style(text).bold().to_string())
}

/// Rows as text, below a header if there is one.
fn render(head: &[impl Display], rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    if !head.is_empty() {
        table.set_header(head);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    if io::stdout().is_terminal()
        && let Some((_, width)) = Term::stdout().size_checked()
    {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
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

/// A JSON value as the text of a cell: numbers as they were written, a text without its quotes, null
/// as nothing.
pub(crate) fn cell(json: &(impl Display + ?Sized)) -> String {
    let text = json.to_string();
    match text.as_bytes() {
        b"null" => String::new(),
        [b'"', ..] => serde_json::from_str(&text).unwrap_or(text),
        _ => text,
    }
}

/// A label in one language: a text, or of several the English or the first one.
pub(crate) fn select_label(label: &Exact) -> &Exact {
    let languages = label.as_object();
    let chosen = languages.and_then(|it| it.get("en").or_else(|| it.values().next()));
    chosen.unwrap_or(label)
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

/// The value of a property as the text of a cell.
pub(crate) fn value_cell(values: &Values, property: &str) -> String {
    values.get(property).map(cell).unwrap_or_default()
}

/// A row for each changed property: the cells of the change, then the property, its value before and its
/// value after. Without properties, one row with the cells of the change only.
pub(crate) fn changed_rows(
    change: &[String],
    properties: &[String],
    [before, after]: [Option<&RawValue>; 2],
) -> serde_json::Result<Vec<Vec<String>>> {
    let (before, after) = (values(before)?, values(after)?);
    let row = |property: &String| {
        let [before, after] = [&before, &after].map(|it| value_cell(it, property));
        [change, &[property.clone(), before, after]].concat()
    };
    if properties.is_empty() {
        return Ok(vec![[change, &[const { String::new() }; 3]].concat()]);
    }
    Ok(properties.iter().map(row).collect())
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
        let text = render(&["ONE", "TWO"], &rows);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["ONE     TWO", "a       x\\ny\\u{1b}[31m", "longer  한국어"]
        );
    }

    #[test]
    fn a_column_shows_the_field_at_its_path() {
        let document = Exact::parse(r#"{"a": {"b": 1.10}, "n": null, "t": "\"x\" y"}"#).unwrap();
        let paths = [
            ("a.b", "1.10"),
            ("n", ""),
            ("t", "\"x\" y"),
            ("a.c", ""),
            ("t.u", ""),
        ];
        for (path, expected) in paths {
            assert_eq!(field(&document, path), expected, "{path}");
        }
        let columns: Vec<_> = split_columns("NAME=name, ROWS/S=it.speed").collect();
        assert_eq!(columns, [("NAME", "name"), ("ROWS/S", "it.speed")]);
    }
}
