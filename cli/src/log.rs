//! `spice log`: reads a log from its directory, also while another process appends to it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use spice_core::id::{LogPosition, StreamId};
use spice_node::{
    logs::find_log,
    report::Report,
    stores::{check_segments, open_log},
};

use crate::{
    output::{self, Format},
    settings::{LogPlace, Output},
};

/// Envelopes per read.
const PAGE: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print envelopes, one JSON per line.
    Cat(Cat),
    /// Check every segment; exit code 1 if anything is damaged.
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Cat {
    #[command(flatten)]
    place: LogPlace,
    /// The database. If it was recreated, this is its newest log; `demo.g1` is the first.
    database: String,
    /// The first position.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The maximum number of envelopes.
    #[arg(long)]
    limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    place: LogPlace,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Cat(options) => cat(options).await,
        Command::Verify(options) => check(options).await,
    }
}

async fn cat(options: Cat) -> anyhow::Result<ExitCode> {
    let log = open_log(&options.place.address()?).await?;
    let stream = find_log(&*log, &options.database).await?;
    let mut next = LogPosition(options.from);
    let mut left = options.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let records = log
            .read(&stream, next, PAGE.min(usize::try_from(left)?))
            .await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            output::line(String::from_utf8_lossy(&record.line))?;
            next = record.position.next();
            left -= 1;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn is_damaged(report: &Report, stream: &StreamId) -> bool {
    let mut problems = report.problems.iter();
    problems.any(|problem| problem.refuses && problem.stream.as_ref() == Some(stream))
}

async fn check(options: Verify) -> anyhow::Result<ExitCode> {
    let report = check_segments(&options.place.address()?).await?;
    let is_clean = report.is_clean();
    if options.output.output == Format::Table {
        for stream in &report.streams {
            let chain = match stream.chained_from {
                Some(0) => "one chain".to_owned(),
                // Where the chain begins is not known.
                _ if is_damaged(&report, &stream.stream) => "damaged".to_owned(),
                Some(first) => format!("one chain, unchained up to position {first}"),
                None => format!("unchained up to position {}", stream.envelopes),
            };
            output::line(format!(
                "{}: {} envelopes in {} segments, {chain}",
                stream.stream, stream.envelopes, stream.segments
            ))?;
        }
        for problem in &report.problems {
            let kind = if problem.refuses {
                "damaged"
            } else {
                "foreign"
            };
            output::line(format!("{kind}: {problem}"))?;
        }
        if is_clean {
            output::line("every envelope is complete and in its place")?;
        }
    } else {
        output::document(options.output.output, &report)?;
    }
    Ok(ExitCode::from(u8::from(!is_clean)))
}
