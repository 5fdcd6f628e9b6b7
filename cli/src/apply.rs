//! `spice apply`: applies declarations as `kubectl apply` would, without Kubernetes.

mod classes;
pub(crate) mod keep;
pub(crate) mod rehearsal;

use std::{collections::BTreeMap, io::Read as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use spice_operator::{
    ApiClient, Applied, ApplyReport, Declared, Reading, Source,
    apply::Verb,
    apply_documents,
    declared::{self, SHOWN},
};
use tokio::time::Instant;

use self::rehearsal::Rehearsal;
use crate::{
    failure::{Listed, usage},
    output::{self, Format},
    session::Session,
    settings::{OfDatabase, Output, Server},
};

/// The wait between two passes over pending declarations.
const AGAIN: Duration = Duration::from_secs(1);
/// The exit code when a declaration waits for something that does not exist yet.
const WAITS: u8 = 6;
/// The exit code when a declaration was refused.
const REFUSED: u8 = 2;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice apply -f manifests/demo/database.yaml -f manifests/demo/ontology.yaml
  spice apply -f manifests/demo --dry-run
  cat shop.yaml | spice apply -f - --wait")]
pub(crate) struct Options {
    /// A YAML or JSON file, a folder of YAML files, or `-` for standard input.
    #[arg(short, long = "file", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
    /// Show what would be done, with the decisions of a real run, and change nothing.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Wait for databases, branches and parents that do not exist yet: 60 seconds, or the given
    /// number.
    #[arg(long, num_args = 0..=1, default_value_t = 0, default_missing_value = "60", hide_default_value = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    wait: u64,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let of = OfDatabase {
        server: options.server.clone(),
        database: None,
        output: options.output,
    };
    let session = Session::new(&of.on_branch("main"))?;
    let documents = read(&options.files)?;
    // Make one call first, so that an unreachable server is reported only once.
    let outcome = session.client.databases().await.map_err(Into::into);
    session.advise(outcome).await?;
    let client = ApiClient::with_credentials(&options.server.server, options.server.credentials())?;
    let report = if options.dry_run {
        apply_documents(&Rehearsal::new(client, session.client), documents).await
    } else {
        apply(&client, documents, Duration::from_secs(options.wait)).await
    };
    show(&report, options.output.output, options.dry_run)?;
    Ok(exit_code(&report))
}

/// Reads the files. If there is any problem in one, nothing is applied.
pub(crate) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Declared>> {
    let mut sources = Vec::new();
    for file in files {
        if file.as_os_str() != "-" {
            sources.push(Source::Path(file.clone()));
            continue;
        }
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        let name = "standard input".to_owned();
        sources.push(Source::Text { name, bytes });
    }
    let reading = read_sources(&sources)?;
    for skipped in &reading.skipped {
        output::note(output::clean(skipped));
    }
    if reading.declared.is_empty() {
        let names: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
        return Err(usage(format!("no resources found in {}", names.join(", "))));
    }
    Ok(reading.declared)
}

/// Reads the declarations. If there is any problem, nothing is applied.
fn read_sources(sources: &[Source]) -> anyhow::Result<Reading> {
    declared::read_checked(sources, &classes::check).map_err(|error| {
        let problems = match error.flaws.len() {
            1 => "1 problem".to_owned(),
            count if count > SHOWN => format!("{count} problems, the first {SHOWN} are shown"),
            count => format!("{count} problems"),
        };
        let shown = error.flaws.iter().take(SHOWN);
        let listed = Listed(shown.map(ToString::to_string).collect());
        usage(format!(
            "nothing was applied: {problems} in the declarations"
        ))
        .context(listed)
    })
}

/// Applies until nothing is pending or the time is up. Reports what the first pass changed.
async fn apply(client: &ApiClient, documents: Vec<Declared>, wait: Duration) -> ApplyReport {
    let deadline = Instant::now() + wait;
    let mut report = apply_documents(client, documents.clone()).await;
    while any(&report, |it| matches!(it, Applied::Waiting(_))) && Instant::now() < deadline {
        tokio::time::sleep(AGAIN).await;
        let next = apply_documents(client, documents.clone()).await;
        for entry in next.entries {
            let mut known = report.entries.iter_mut();
            let known = known.find(|it| it.source == entry.source && it.name == entry.name);
            if let Some(known) = known.filter(|it| !matches!(it.applied, Applied::Changed(_))) {
                known.applied = entry.applied;
            }
        }
    }
    report
}

pub(crate) fn show(report: &ApplyReport, format: Format, dry_run: bool) -> anyhow::Result<()> {
    if format != Format::Table {
        let each = report.entries.iter().map(|entry| {
            let (outcome, message) = describe_change(&entry.applied);
            let mut said = json!({"kind": entry.kind, "name": entry.name, "source": entry.source,
                "outcome": outcome, "message": message, "dry_run": dry_run});
            if let Applied::Failed {
                plan: Some(plan), ..
            } = &entry.applied
            {
                said["plan"] = json!(plan);
            }
            said
        });
        return output::document(format, &each.collect::<Vec<_>>());
    }
    let rehearsed = if dry_run { " (dry run)" } else { "" };
    for entry in &report.entries {
        let (outcome, message) = describe_change(&entry.applied);
        let resource = format!("{}/{}", entry.kind.to_lowercase(), entry.name);
        match message {
            None => output::line(format!("{resource} {outcome}{rehearsed}"))?,
            Some(message) => {
                let message = describe(outcome, &output::clean(message));
                output::line(format!("{resource} {message} ({})", entry.source))?;
            }
        }
    }
    let mut messages = report
        .entries
        .iter()
        .map(|it| describe_change(&it.applied).1);
    if messages.any(|message| message.is_some()) {
        output::note(summary(report));
    }
    Ok(())
}

/// The outcome and its reason. If the reason begins with the outcome, it is not repeated.
fn describe(outcome: &str, message: &str) -> String {
    match message.strip_prefix(outcome) {
        Some(rest) if rest.starts_with(' ') => message.to_owned(),
        _ => format!("{outcome}: {message}"),
    }
}

/// The number of declarations for each outcome.
fn summary(report: &ApplyReport) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &report.entries {
        *counts.entry(describe_change(&entry.applied).0).or_default() += 1;
    }
    let parts = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"));
    let parts = parts.collect::<Vec<_>>().join(", ");
    format!("{} declared: {parts}", report.entries.len())
}

fn describe_change(applied: &Applied) -> (&'static str, Option<&str>) {
    match applied {
        Applied::Unchanged => ("unchanged", None),
        Applied::Suspended => ("suspended", None),
        Applied::Changed(Verb::Create) => ("created", None),
        Applied::Changed(Verb::Update) => ("configured", None),
        Applied::Waiting(reason) => ("waits", Some(reason)),
        Applied::Failed { message, .. } => ("refused", Some(message)),
    }
}

fn any(report: &ApplyReport, is: fn(&Applied) -> bool) -> bool {
    report.entries.iter().any(|entry| is(&entry.applied))
}

pub(crate) fn exit_code(report: &ApplyReport) -> ExitCode {
    if any(report, |it| matches!(it, Applied::Failed { .. })) {
        ExitCode::from(REFUSED)
    } else if any(report, |it| matches!(it, Applied::Waiting(_))) {
        ExitCode::from(WAITS)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Options, describe};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        _options: Options,
    }

    #[test]
    fn a_dry_run_does_not_wait() {
        let parse = |flags: &[&str]| {
            let line = ["apply", "-f", "x.yaml"].iter().chain(flags);
            Line::try_parse_from(line)
        };
        for flags in [&["--dry-run"][..], &["--wait"], &["--wait", "5"]] {
            assert!(parse(flags).is_ok(), "{flags:?}");
        }
        for flags in [&["--dry-run", "--wait"][..], &["--wait", "5", "--dry-run"]] {
            let error = parse(flags).unwrap_err().to_string();
            assert!(error.contains("--wait"), "{error}");
        }
    }

    #[test]
    fn an_outcome_is_not_repeated() {
        assert_eq!(
            describe("waits", "waits for database a"),
            "waits for database a"
        );
        assert_eq!(describe("waits", "no result yet"), "waits: no result yet");
        assert_eq!(
            describe("refused", "forbidden: no"),
            "refused: forbidden: no"
        );
    }
}
