//! The options of an import.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use spice_core::{ontology::Class, unicode::nfc};

use crate::{convert::Words, encoding::Charset, text::trim};

/// An import: its target, how to read the input, and what to do with refused rows.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database.
    pub database: String,
    /// The branch.
    pub branch: String,
    /// The class of the instances, by id or label. In NDJSON each line names its class.
    pub class: Option<String>,
    /// The format of the input.
    pub format: Format,
    /// How the cells of a table are separated.
    pub cells: Cells,
    /// The encoding; by default from the byte order mark, or UTF-8.
    pub encoding: Option<Charset>,
    /// The meaning of the columns of a table.
    pub mapping: Mapping,
    /// What to do with an invalid row.
    pub on_error: OnError,
    /// The file of the rejected rows.
    pub rejects: PathBuf,
    /// The file with the progress; if none, the import starts over each time.
    pub state: Option<PathBuf>,
    /// The number of rows per command.
    pub batch: usize,
    /// Check every row, and send nothing.
    pub dry_run: bool,
}

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One instance per row, after a line with the column names.
    Csv,
    /// One instance per line, with its class and its id, as an export writes it.
    Ndjson,
}

/// What to do with an invalid row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Stop after the batch of the row. Accepted rows stay.
    Abort,
    /// Write it to the rejects and continue.
    Skip,
}

/// How the cells of a table are separated, if known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cells {
    /// The separator of cells.
    pub delimiter: Option<u8>,
    /// The default delimiter of a file that does not show one; a comma if none.
    pub usual_delimiter: Option<u8>,
    /// The escape character before a quote inside a cell.
    pub escape: Option<u8>,
    /// The line that names the columns; the first is 1.
    pub head_line: Option<u64>,
}

/// The meaning of the columns of a table, if their names differ from the properties.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// `column=property`; `column=` leaves the column out.
    pub map: Vec<String>,
    /// Columns that are left out.
    pub skip: Vec<String>,
    /// The columns that form the id.
    pub key: Vec<String>,
    /// Texts that mean "no value", like an empty cell.
    pub nulls: Vec<String>,
    /// Words for true and false.
    pub words: Words,
    /// The source of the rows; part of the ids of rows without a key.
    pub source: Option<String>,
}

/// The source of the rows.
pub enum Input {
    /// A file: it can be read twice, and its import can resume.
    File(PathBuf),
    /// A stream, which can be read once.
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
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("ndjson" | "jsonl") => Self::Ndjson,
            _ => Self::Csv,
        }
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

/// Parses a delimiter: one ASCII character, or `tab`.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => Err("one ASCII character that is not a quote, or `tab`".to_owned()),
        },
    }
}

/// Parses an escape: one ASCII character.
pub fn parse_escape(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(*byte),
        _ => Err("one ASCII character that is not a quote, such as \\".to_owned()),
    }
}
