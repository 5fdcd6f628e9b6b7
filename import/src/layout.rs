//! The layout of a file: the line of its header, and its delimiter. The delimiter is found by the
//! names that the class has, so a comma in a title does not mislead.

use crate::{
    options::{Cells, parse_delimiter},
    reader::{Dialect, Place, Reader, Record},
};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// The number of rows that must agree on a delimiter, and of lines in which a header is looked for.
const ROWS: usize = 20;
const LINES: u64 = 40;
/// The size of a sample in bytes from which its last row may be cut.
const CUT: usize = 30_000;

/// Whether the class or the mapping knows the name of a column.
pub(crate) type Knows<'a> = &'a dyn Fn(&str) -> bool;

/// The layout of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) dialect: Dialect,
    /// The line of the header; by default the first that is not blank.
    pub(crate) head_line: Option<u64>,
    /// A later line that looks more like a header.
    pub(crate) likely_head: Option<u64>,
}

/// The result of reading the first rows.
#[derive(Default)]
struct Reading {
    line: u64,
    columns: usize,
    known: usize,
    /// Whether all rows have as many fields as the header.
    is_even: bool,
}

impl Layout {
    /// Determines the layout from the first bytes of a file, decoded.
    pub(crate) fn find(cells: &Cells, sample: &[u8], knows: Knows<'_>) -> Self {
        let separator = separator(sample).filter(|_| cells.head_line != Some(1));
        let head_line = cells.head_line.or_else(|| separator.map(|_| 2));
        let mut dialect = Dialect {
            escape: cells.escape,
            ..Dialect::new(cells.usual_delimiter.unwrap_or(b','))
        };
        let usual = read(sample, dialect, head_line, knows);
        match cells.delimiter.or(separator) {
            Some(delimiter) => dialect.delimiter = delimiter,
            None => dialect.delimiter = detect(sample, dialect, head_line, knows, &usual),
        }
        let found = read(sample, dialect, head_line, knows);
        // After `sep=;`, the header is the next line that is not blank.
        let head_line = match cells.head_line {
            None if separator.is_some() && found.line > 0 => Some(found.line),
            _ => head_line,
        };
        let likely_head = match cells.head_line {
            Some(_) => None,
            None => find_likely_head(sample, dialect, &found, knows),
        };
        Self {
            dialect,
            head_line,
            likely_head,
        }
    }
}

/// The delimiter of a first line `sep=;`, as in Excel.
fn separator(sample: &[u8]) -> Option<u8> {
    let text = sample.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(sample);
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    let line = std::str::from_utf8(&text[..end?]).ok()?;
    let line = line.trim_matches('"');
    let (word, delimiter) = line.split_at_checked(4)?;
    let is_separator = word.eq_ignore_ascii_case("sep=");
    parse_delimiter(delimiter).ok().filter(|_| is_separator)
}

/// The delimiter with the most names that the class knows; the usual one if no other is better.
fn detect(
    sample: &[u8],
    usual_dialect: Dialect,
    head_line: Option<u64>,
    knows: Knows<'_>,
    usual: &Reading,
) -> u8 {
    let worth = |reading: &Reading| (reading.known, reading.columns > 1 && reading.is_even);
    let mut best = (worth(usual), usual_dialect.delimiter);
    for delimiter in DELIMITERS {
        let dialect = Dialect {
            delimiter,
            ..usual_dialect
        };
        let found = worth(&read(sample, dialect, head_line, knows));
        if found > best.0 {
            best = (found, delimiter);
        }
    }
    best.1
}

fn find_likely_head(
    sample: &[u8],
    dialect: Dialect,
    found: &Reading,
    knows: Knows<'_>,
) -> Option<u64> {
    let mut best = (found.known, None);
    let mut last = found.line;
    while last < LINES {
        let reading = read(sample, dialect, Some(last + 1), knows);
        if reading.line == 0 {
            break;
        }
        if reading.known > best.0 {
            best = (reading.known, Some(reading.line));
        }
        last = reading.line;
    }
    best.1
}

fn read(sample: &[u8], dialect: Dialect, head_line: Option<u64>, knows: Knows<'_>) -> Reading {
    let mut reader = Reader::new(sample, dialect, Place::START);
    let is_there = reader.skip_to_line(head_line.unwrap_or(1));
    let Some(head) = next(&mut reader).filter(|_| is_there.unwrap_or(false)) else {
        return Reading::default();
    };
    let names = head
        .fields()
        .filter_map(|name| std::str::from_utf8(name).ok());
    let known_names = names.filter(|name| knows(name)).count();
    let mut is_even = true;
    let mut before: Option<Record> = None;
    for _ in 0..ROWS {
        let record = next(&mut reader);
        let is_whole = record.is_some() || sample.len() < CUT;
        if let Some(before) = before.filter(|_| is_whole) {
            is_even &= before.len() == head.len();
        }
        before = record;
    }
    Reading {
        line: head.line,
        columns: head.len(),
        known: known_names,
        is_even,
    }
}

/// The next record of a sample. Errors are reported when the file is read.
fn next(reader: &mut Reader<&[u8]>) -> Option<Record> {
    reader.read().ok().flatten()
}

/// The first rows after the header, as far as the sample contains them.
pub(crate) fn read_first_rows(sample: &[u8], layout: &Layout) -> Vec<Record> {
    let mut reader = Reader::new(sample, layout.dialect, Place::START);
    if reader.skip_to_line(layout.head_line.unwrap_or(1)).is_err() {
        return Vec::new();
    }
    let rows = std::iter::from_fn(|| next(&mut reader));
    rows.take(ROWS).skip(1).collect()
}
