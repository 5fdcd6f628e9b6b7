//! `spice import`: the arguments of an import, its progress bar and its summary.

mod progress;
mod summary;

use std::{
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use spice_import::{
    Cells, Charset, Failure, Format, Input, Mapping, OnError, Outcome, Words, add_suffix,
    parse_delimiter, parse_encoding, parse_escape,
};

use self::progress::Progress;
use crate::{
    failure::{of_import, usage},
    output,
    session::Session,
    settings::Place,
    signals::{INTERRUPTED, end_on_signal},
};

/// The exit code when rows were rejected.
const REJECTED: u8 = 2;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    at: Place,
    /// The file: CSV, whose first line names the columns (see `--head-line`), or NDJSON as written
    /// by `spice export`; `-` reads standard input.
    file: PathBuf,
    /// The class of the instances, by id or label; in NDJSON each line names its class.
    #[arg(short, long, value_name = "CLASS")]
    class: Option<String>,
    /// The format of the file; by default NDJSON for `.ndjson` and `.jsonl`, and CSV for any other
    /// name.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Shape>,
    /// The property of a column, if their names differ: `--map Preis=price`, or by column number:
    /// `--map 3=price`; `--map Note=` leaves the column out.
    #[arg(long, value_name = "COLUMN=PROPERTY")]
    map: Vec<String>,
    /// A column to leave out, by name or number. Repeatable. `#3` is the third column even if
    /// another column is called 3; if another column is called `#3`, write 3.
    #[arg(long, value_name = "COLUMN")]
    skip_column: Vec<String>,
    /// The columns that form the id of an instance, if the class has no primary key. By default the
    /// id is derived from the content of the row and the number of equal rows before it. A column
    /// `_id`, as in exports and rejects, is always the id; if it means something else in your file,
    /// use `--skip-column _id`.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN")]
    key: Vec<String>,
    /// A name for the source of the rows. Equal rows without a key are the same instance if they
    /// come from the same source: the n-th of several equal rows in one file is the n-th in
    /// another.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// What to do with an invalid row.
    #[arg(long, default_value = "skip")]
    on_error: AtReject,
    /// The file for rejected rows, with their line and the reason; by default next to the input
    /// file. A dry run has a separate file.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// The file that records the progress of the import until it is complete; by default next to
    /// the rejects.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The number of rows per command.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000), value_name = "ROWS")]
    batch: u16,
    /// The separator of cells: one character, or `tab`. By default it comes from a first line
    /// `sep=;`, or is the one of `,` `;` `|` and tab that separates the column names.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// The escape character before a quote inside a cell, such as `\` in dumps of `MySQL`. Two
    /// quotes always mean one quote.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_escape)]
    escape: Option<u8>,
    /// The line that names the columns, if there are titles above it; the first line is 1.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..))]
    head_line: Option<u64>,
    /// The encoding of the file: utf-8, utf-16, utf-16le, utf-16be, cp949 (or euc-kr), shift-jis,
    /// windows-1252, or another WHATWG encoding. By default from the byte order mark, or UTF-8.
    #[arg(long, value_name = "NAME", value_parser = parse_encoding)]
    encoding: Option<Charset>,
    /// A text that means "no value", as a blank cell does: `--null NULL`. Repeatable.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    null: Vec<String>,
    /// A word that means true, in addition to true, t, yes, y, on and 1. Repeatable.
    #[arg(long = "true", value_name = "WORD")]
    truths: Vec<String>,
    /// A word that means false, in addition to false, f, no, n, off and 0. Repeatable.
    #[arg(long = "false", value_name = "WORD")]
    falses: Vec<String>,
    /// Check every row locally and send nothing.
    #[arg(long)]
    dry_run: bool,
}

/// The format of a file of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Instances of one class: a row each, after a line with the names of the columns.
    Csv,
    /// Instances of any class: a line each, with the class and the id.
    Ndjson,
}

/// What to do with an invalid row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AtReject {
    /// Stop after the batch that contains the row; accepted rows stay. With `--batch 1` no later
    /// row is imported.
    Abort,
    /// Write it to the rejects and continue.
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

    /// Refuses flags for columns if the format has none.
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
                "{flag} is for CSV, and {} is read as NDJSON; leave it out, or use --format csv",
                self.file.display()
            ))),
        }
    }

    /// The file of the rejects: `orders.csv.rejects.csv` for `orders.csv`. A dry run has another
    /// file, so that it does not overwrite rejects that someone is correcting.
    fn rejects_path(&self) -> PathBuf {
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
            add_suffix(file, ending)
        };
        self.rejects.clone().unwrap_or_else(beside)
    }

    /// The file that records the progress; none for input that cannot be read again, and for
    /// NDJSON, which starts over.
    fn state(&self) -> Option<PathBuf> {
        if self.is_stream() || self.dry_run || self.format() == Format::Ndjson {
            return None;
        }
        let beside = || add_suffix(&self.rejects_path(), ".state");
        Some(self.state.clone().unwrap_or_else(beside))
    }

    /// Whether the input is standard input.
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
            rejects: self.rejects_path(),
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

/// The error of a failed import, with the place where it stopped.
fn explain(failure: Failure) -> anyhow::Error {
    let error = of_import(failure.error);
    match failure.stop {
        Some(stop) => error.context(summary::describe_stop(&stop)),
        None => error,
    }
}

/// Prints the result.
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
