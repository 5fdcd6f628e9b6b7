//! What to import, into what, and how.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use spice_core::{ontology::Class, unicode::nfc};

use crate::{convert::Words, encoding::Charset, text::trim};

/// An import: its target, how the input is read and what happens to rows that cannot be taken.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database.
    pub database: String,
    /// The branch.
    pub branch: String,
    /// The class of the instances, by id or label. NDJSON names it line by line.
    pub class: Option<String>,
    /// How the input is written.
    pub format: Format,
    /// How the cells of a table are separated.
    pub cells: Cells,
    /// The encoding; when left out, a byte order mark says it, and without one it is UTF-8.
    pub encoding: Option<Charset>,
    /// What the columns of a table stand for.
    pub mapping: Mapping,
    /// What to do about a row that cannot be taken.
    pub on_error: OnError,
    /// The file of the rows that cannot be taken.
    pub rejects: PathBuf,
    /// The file that says how far the import is; none: the import starts over each time.
    pub state: Option<PathBuf>,
    /// Rows of one command.
    pub batch: usize,
    /// Check every row, and send nothing.
    pub dry_run: bool,
}

/// How an input is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One instance a row, under a line with the names of the columns.
    Csv,
    /// One instance a line, with its class and its id, as an export writes it.
    Ndjson,
}

/// What to do about a row that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Stop after the batch of the row. What was taken until then stays.
    Abort,
    /// Write it to the rejects, and go on.
    Skip,
}

/// How the cells of a table are separated, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cells {
    /// Between two cells.
    pub delimiter: Option<u8>,
    /// The delimiter of a file that shows none; a comma when left out.
    pub usual_delimiter: Option<u8>,
    /// Before a quote that is part of the cell.
    pub escape: Option<u8>,
    /// The line that names the columns; the first is 1.
    pub head_line: Option<u64>,
}

/// What the columns of a table stand for, where their names do not say it.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// `column=property`; `column=` leaves the column out.
    pub map: Vec<String>,
    /// Columns that are left out.
    pub skip: Vec<String>,
    /// The columns that make the id.
    pub key: Vec<String>,
    /// Texts that mean "nothing", as an empty cell does.
    pub nulls: Vec<String>,
    /// Words for true and false.
    pub words: Words,
    /// Where the rows come from; part of the ids of rows without a key.
    pub source: Option<String>,
}

/// Where the rows come from.
pub enum Input {
    /// A file: it can be read twice, and an import of it can go on where it stopped.
    File(PathBuf),
    /// A stream, which is read once.
    Stream {
        /// Its name in messages.
        name: String,
        /// Its bytes.
        bytes: Box<dyn BufRead + Send>,
    },
}

impl Format {
    /// The format that the name of a file says: NDJSON as `.ndjson` and `.jsonl`, anything else CSV.
    pub fn of_file(path: &Path) -> Self {
        let ending = path.extension().and_then(|it| it.to_str());
        let is_lines = ending.is_some_and(|it| {
            it.eq_ignore_ascii_case("ndjson") || it.eq_ignore_ascii_case("jsonl")
        });
        if is_lines { Self::Ndjson } else { Self::Csv }
    }
}

impl Input {
    /// The name of the input in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stream { name, .. } => name.clone(),
        }
    }

    /// The file; none for a stream.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Stream { .. } => None,
        }
    }
}

impl Mapping {
    /// Whether the class or the mapping knows the name of a column.
    pub(crate) fn knows(&self, class: &Class, name: &str) -> bool {
        let name = nfc(trim(name));
        let mapped = self.map.iter().filter_map(|it| it.rsplit_once('='));
        let mut named = mapped
            .map(|(it, _)| it)
            .chain(self.skip.iter().map(String::as_str));
        class.resolve(&name).is_some() || named.any(|it| nfc(trim(it)) == name)
    }
}

/// Reads a delimiter: one ASCII character, or `tab`.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => Err("one ASCII character that is not a quote, or `tab`".to_owned()),
        },
    }
}

/// Reads an escape: one ASCII sign.
pub fn parse_escape(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(*byte),
        _ => Err("one ASCII character that is not a quote, such as \\".to_owned()),
    }
}
