//! `spice import`: the arguments of an import, its progress bar and what is said of it at the end.

mod progress;
mod summary;

use std::{
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use spice_import::{
    Cells, Charset, Failure, Format, Input, Mapping, OnError, Outcome, Words, parse_delimiter,
    parse_encoding, parse_escape, with_ending,
};

use self::progress::Progress;
use crate::{
    failure::{of_import, usage},
    output,
    session::Session,
    settings::Place,
    signals::end_on_signal,
};

/// Exit codes: rows were rejected, Ctrl-C.
const REJECTED: u8 = 2;
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    at: Place,
    /// The file: CSV, whose first line names the columns (see `--head-line`), or NDJSON as `spice
    /// export` writes it; `-` reads standard input.
    file: PathBuf,
    /// The class of the instances, by id or label; NDJSON says it line by line.
    #[arg(short, long, value_name = "CLASS")]
    class: Option<String>,
    /// How the file is written; when left out, its name says it: NDJSON as `.ndjson` and `.jsonl`,
    /// anything else CSV.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Shape>,
    /// What a column is, when its name does not say it: `--map Preis=price`, or by its number
    /// `--map 3=price`; `--map Note=` leaves the column out.
    #[arg(long, value_name = "COLUMN=PROPERTY")]
    map: Vec<String>,
    /// A column that is left out, by its name or its number; may be given several times. `#3` is
    /// the third column even when another is called 3; where another is called `#3`, 3 is.
    #[arg(long, value_name = "COLUMN")]
    skip_column: Vec<String>,
    /// The columns that make the id of an instance, when the class has no primary key; without
    /// it, the id is made of all that the row says and of how many rows before it say the same.
    /// A column `_id`, which exports and rejects have, is always the id; if yours means something
    /// else, leave it out with `--skip-column _id`.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    key: Vec<String>,
    /// A name for where the rows come from. Rows without a key that say the same are the same
    /// instance when they come from the same source, and the n-th of its kind in one file is the
    /// n-th of its kind in the other.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// What to do about a row that cannot be taken.
    #[arg(long, default_value = "skip")]
    on_error: AtReject,
    /// Where such rows go, with their line and the reason; beside the file when left out, where a
    /// dry run has a file of its own.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Where it is kept how far the import has come, until it is done; beside the rejects when
    /// left out.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Rows that one command has.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000), value_name = "ROWS")]
    batch: u16,
    /// What stands between two cells: one character, or `tab`. When left out, a first line
    /// `sep=;` says it, or the one of `,` `;` `|` and tab that separates the names of the columns.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// A character that makes the quote after it a part of the cell, as `\` does in dumps of
    /// `MySQL`; two quotes do so in every file.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_escape)]
    escape: Option<u8>,
    /// The line that names the columns, when there are titles above it; the first is 1.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..))]
    head_line: Option<u64>,
    /// The encoding of the file: utf-8, utf-16, utf-16le, utf-16be, cp949 (or euc-kr), shift-jis,
    /// windows-1252, and others of the WHATWG. When left out, a byte order mark says it, and
    /// without one it is UTF-8.
    #[arg(long, value_name = "NAME", value_parser = parse_encoding)]
    encoding: Option<Charset>,
    /// A text that means "nothing", as a blank cell does: `--null NULL`; may be given several times.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    null: Vec<String>,
    /// A word that means true, besides true, t, yes, y, on and 1; may be given several times.
    #[arg(long = "true", value_name = "WORD")]
    truths: Vec<String>,
    /// A word that means false, besides false, f, no, n, off and 0; may be given several times.
    #[arg(long = "false", value_name = "WORD")]
    falses: Vec<String>,
    /// Check every row here, and send nothing.
    #[arg(long)]
    dry_run: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// One instance a row, under a line with the names of the columns.
    Csv,
    /// One instance a line, with its class and its id, as `spice export` writes it.
    Ndjson,
}

/// What to do about a row that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AtReject {
    /// Stop after the batch that it stands in; what was taken until then stays. With `--batch 1`
    /// nothing after it is taken.
    Abort,
    /// Put it among the rejects, and go on.
    Skip,
}

impl Options {
    fn format(&self) -> Format {
        match self.format {
            None => Format::of_file(&self.file),
            Some(Shape::Csv) => Format::Csv,
            Some(Shape::Ndjson) => Format::Ndjson,
        }
    }

    /// Refuses flags that say how columns are read, where there are none.
    fn refuse_table_flags(&self) -> anyhow::Result<()> {
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

    /// The file of the rejects: `orders.csv.rejects.csv` of `orders.csv`. A dry run has another, so
    /// that it does not touch rejects that someone corrects.
    fn rejects(&self) -> PathBuf {
        let ending = match (self.format(), self.dry_run) {
            (Format::Csv, false) => ".rejects.csv",
            (Format::Csv, true) => ".dry-run.rejects.csv",
            (Format::Ndjson, false) => ".rejects.ndjson",
            (Format::Ndjson, true) => ".dry-run.rejects.ndjson",
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

    /// The file that says how far the import is; none for what cannot be read again, and for
    /// NDJSON, which starts over.
    fn state(&self) -> Option<PathBuf> {
        if self.is_stream() || self.dry_run || self.format() == Format::Ndjson {
            return None;
        }
        let beside = || with_ending(&self.rejects(), ".state");
        Some(self.state.clone().unwrap_or_else(beside))
    }

    /// Whether standard input is read.
    fn is_stream(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    fn input(&self) -> Input {
        if self.is_stream() {
            return Input::Stream {
                name: "standard input".to_owned(),
                bytes: Box::new(BufReader::new(io::stdin())),
            };
        }
        Input::File(self.file.clone())
    }

    fn import(self, database: String) -> spice_import::Options {
        let is_tabbed = self.file.extension().is_some_and(|it| it == "tsv");
        spice_import::Options {
            database,
            format: self.format(),
            cells: Cells {
                delimiter: self.delimiter,
                usual_delimiter: is_tabbed.then_some(b'\t'),
                escape: self.escape,
                head_line: self.head_line,
            },
            encoding: self.encoding,
            on_error: match self.on_error {
                AtReject::Abort => OnError::Abort,
                AtReject::Skip => OnError::Skip,
            },
            rejects: self.rejects(),
            state: self.state(),
            batch: self.batch.into(),
            dry_run: self.dry_run,
            branch: self.at.branch,
            class: self.class,
            mapping: Mapping {
                map: self.map,
                skip: self.skip_column,
                key: self.key,
                nulls: self.null,
                words: Words {
                    truths: self.truths,
                    falses: self.falses,
                },
                source: self.source,
            },
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let ending = end_on_signal()?;
    let session = Session::new(&options.at)?;
    if options.format() == Format::Ndjson {
        options.refuse_table_flags()?;
    }
    let input = options.input();
    let database = session
        .advise(session.database().map(str::to_owned))
        .await?;
    let options = options.import(database);
    let mut progress = Progress::new();
    let outcome = spice_import::run(&session.client, options, input, &mut progress, &ending).await;
    progress.end();
    match outcome {
        Ok(outcome) => show(&session, &outcome),
        Err(failure) => session.advise(Err(explain(failure))).await,
    }
}

/// The error of an import that failed, with where it stopped.
fn explain(failure: Failure) -> anyhow::Error {
    let error = of_import(failure.error);
    match failure.stop {
        Some(stop) => error.context(summary::describe_stop(&stop)),
        None => error,
    }
}

/// Says what was done.
fn show(session: &Session, outcome: &Outcome) -> anyhow::Result<ExitCode> {
    let (summary, stop) = match outcome {
        Outcome::NotStarted => {
            output::note("stopped before anything was imported");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Outcome::Cancelled(stop) => {
            output::note(summary::describe_stop(stop));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Outcome::Complete(summary) => (summary, None),
        Outcome::Rejected(summary, stop) => (summary, Some(stop)),
    };
    summary::write(summary, session.format)?;
    if let Some(path) = &summary.rejects_file {
        output::note(summary::describe_rejects(&summary.counts, path));
    }
    if let Some(stop) = stop {
        output::note(summary::describe_stop(stop));
    }
    Ok(match summary.counts.rejected {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(REJECTED),
    })
}
