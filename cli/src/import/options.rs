//! What `spice import` takes.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::encoding::{self, Charset};
use crate::{failure::usage, settings::Place};

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) at: Place,
    /// The file: CSV, whose first line names the columns (see `--head-line`), or NDJSON as `spice
    /// export` writes it; `-` reads standard input.
    pub(super) file: PathBuf,
    /// The class of the instances, by id or label; NDJSON says it line by line.
    #[arg(short, long, value_name = "CLASS")]
    pub(super) class: Option<String>,
    /// How the file is written; when left out, its name says it: NDJSON as `.ndjson` and `.jsonl`,
    /// anything else CSV.
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Shape>,
    /// What a column is, when its name does not say it: `--map Preis=price`, or by its number
    /// `--map 3=price`; `--map Note=` leaves the column out.
    #[arg(long, value_name = "COLUMN=PROPERTY")]
    pub(super) map: Vec<String>,
    /// A column that is left out, by its name or its number; may be given several times. `#3` is
    /// the third column even when another is called 3; where another is called `#3`, 3 is.
    #[arg(long, value_name = "COLUMN")]
    pub(super) skip_column: Vec<String>,
    /// The columns that make the id of an instance, when the class has no primary key; without
    /// it, the id is made of all that the row says and of how many rows before it say the same.
    /// A column `_id`, which exports and rejects have, is always the id; if yours means something
    /// else, leave it out with `--skip-column _id`.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    pub(super) key: Vec<String>,
    /// A name for where the rows come from. Rows without a key that say the same are the same
    /// instance when they come from the same source, and the n-th of its kind in one file is the
    /// n-th of its kind in the other.
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<String>,
    /// What to do about a row that cannot be taken.
    #[arg(long, default_value = "skip")]
    pub(super) on_error: OnError,
    /// Where such rows go, with their line and the reason; beside the file when left out, where a
    /// dry run has a file of its own.
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// Where it is kept how far the import has come, until it is done; beside the rejects when
    /// left out.
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Rows that one command has.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000), value_name = "ROWS")]
    pub(super) batch: u16,
    /// What stands between two cells: one character, or `tab`. When left out, a first line
    /// `sep=;` says it, or the one of `,` `;` `|` and tab that separates the names of the columns.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    pub(super) delimiter: Option<u8>,
    /// A character that makes the quote after it a part of the cell, as `\` does in dumps of
    /// `MySQL`; two quotes do so in every file.
    #[arg(long, value_name = "CHARACTER", value_parser = escape)]
    pub(super) escape: Option<u8>,
    /// The line that names the columns, when there are titles above it; the first is 1.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) head_line: Option<u64>,
    /// The encoding of the file: utf-8, utf-16, utf-16le, utf-16be, cp949 (or euc-kr), shift-jis,
    /// windows-1252, and others of the WHATWG. When left out, a byte order mark says it, and
    /// without one it is UTF-8.
    #[arg(long, value_name = "NAME", value_parser = encoding::parse)]
    pub(super) encoding: Option<Charset>,
    /// A text that means "nothing", as a blank cell does: `--null NULL`; may be given several times.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(super) null: Vec<String>,
    /// A word that means true, besides true, t, yes, y, on and 1; may be given several times.
    #[arg(long = "true", value_name = "WORD")]
    pub(super) truths: Vec<String>,
    /// A word that means false, besides false, f, no, n, off and 0; may be given several times.
    #[arg(long = "false", value_name = "WORD")]
    pub(super) falses: Vec<String>,
    /// Check every row here, and send nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// One instance a row, under a line with the names of the columns.
    Csv,
    /// One instance a line, with its class and its id, as `spice export` writes it.
    Ndjson,
}

/// What to do about a row that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnError {
    /// Stop after the batch that it stands in; what was taken until then stays. With `--batch 1`
    /// nothing after it is taken.
    Abort,
    /// Put it among the rejects, and go on.
    Skip,
}

impl Shape {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Ndjson => "NDJSON",
        }
    }
}

impl Options {
    /// Whether standard input is read.
    pub(super) fn is_stream(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    pub(super) fn format(&self) -> Shape {
        let ending = self.file.extension().and_then(|it| it.to_str());
        let is_lines = ending.is_some_and(|it| {
            it.eq_ignore_ascii_case("ndjson") || it.eq_ignore_ascii_case("jsonl")
        });
        let usual = if is_lines { Shape::Ndjson } else { Shape::Csv };
        self.format.unwrap_or(usual)
    }

    /// Refuses what says how columns are read, where there are none.
    pub(super) fn refuse_table_flags(&self) -> anyhow::Result<()> {
        let given = [
            ("--map", !self.map.is_empty()),
            ("--key", !self.key.is_empty()),
            ("--skip-column", !self.skip_column.is_empty()),
            ("--source", self.source.is_some()),
            ("--null", !self.null.is_empty()),
            ("--true", !self.truths.is_empty()),
            ("--false", !self.falses.is_empty()),
            ("--delimiter", self.delimiter.is_some()),
            ("--escape", self.escape.is_some()),
            ("--head-line", self.head_line.is_some()),
            ("--state", self.state.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((flag, _)) => Err(usage(format!(
                "{flag} is for CSV, and {} is read as NDJSON; leave it out, or say --format csv",
                self.file.display()
            ))),
        }
    }

    /// The delimiter that files with such a name usually have.
    pub(super) fn usual_delimiter(&self) -> u8 {
        let is_tabbed = self.file.extension().is_some_and(|it| it == "tsv");
        if is_tabbed { b'\t' } else { b',' }
    }

    /// The file of the rejects: `orders.csv.rejects.csv` of `orders.csv`. A dry run has another, so
    /// that it does not touch rejects that someone mends.
    pub(super) fn rejects(&self) -> PathBuf {
        let ending = match (self.format(), self.dry_run) {
            (Shape::Csv, false) => ".rejects.csv",
            (Shape::Csv, true) => ".dry-run.rejects.csv",
            (Shape::Ndjson, false) => ".rejects.ndjson",
            (Shape::Ndjson, true) => ".dry-run.rejects.ndjson",
        };
        let beside = || {
            let file = if self.is_stream() {
                Path::new("stdin")
            } else {
                &self.file
            };
            with_ending(file, ending)
        };
        self.rejects.clone().unwrap_or_else(beside)
    }

    /// The file of the journal; none for what cannot be read again, and for NDJSON, which is
    /// begun again.
    pub(super) fn state(&self) -> Option<PathBuf> {
        if self.is_stream() || self.dry_run || self.format() == Shape::Ndjson {
            return None;
        }
        let beside = || with_ending(&self.rejects(), ".state");
        Some(self.state.clone().unwrap_or_else(beside))
    }
}

/// A path with something behind its name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => Err("one ASCII character that is no quote, or `tab`".to_owned()),
        },
    }
}

fn escape(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(*byte),
        _ => Err("one ASCII sign that is no quote, such as \\".to_owned()),
    }
}
