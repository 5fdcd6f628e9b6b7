//! `spice apply`: makes declarations so, as `kubectl apply` would, without Kubernetes.

use std::{io::Read as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use spice_operator::{
    ApiClient, Applied, ApplyReport, Declared, apply_documents, client::Verb, parse_documents,
    read_paths,
};
use tokio::time::Instant;

use super::rehearsal::Rehearsal;
use crate::{
    failure::usage,
    output,
    session::Session,
    settings::{Format, Output, Place, Server},
};

/// Between two passes over what waits.
const AGAIN: Duration = Duration::from_secs(1);
/// The exit code of what waits for something that is not there.
const WAITS: u8 = 6;
/// The exit code of what was refused.
const REFUSED: u8 = 2;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice apply -f manifests/demo/database.yaml -f manifests/demo/ontology.yaml
  spice apply -f manifests/demo --dry-run
  cat shop.yaml | spice apply -f - --wait")]
pub(crate) struct Options {
    /// A YAML file, a folder of them, or `-` for standard input.
    #[arg(short, long = "file", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Wait for what other declarations need and is not there yet: 60 seconds, or as many as are
    /// named.
    #[arg(long, num_args = 0..=1, default_value_t = 0, default_missing_value = "60", hide_default_value = true, value_name = "SECONDS")]
    wait: u64,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::new(&Place {
        server: options.server.clone(),
        database: None,
        branch: "main".to_owned(),
        output: options.output,
    })?;
    let documents = read(&options.files)?;
    // One call first, so that a server that is away is told of once.
    let outcome = session.client.databases().await.map_err(Into::into);
    session.advise(outcome).await?;
    let client = ApiClient::new(&options.server.server)?;
    let report = if options.dry_run {
        apply_documents(&Rehearsal::new(client), documents).await
    } else {
        apply(&client, documents, Duration::from_secs(options.wait)).await
    };
    show(&report, &options)?;
    Ok(code(&report))
}

fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Declared>> {
    let mut documents = Vec::new();
    for file in files {
        let read = if file.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("standard input cannot be read")?;
            parse_documents("standard input", &text)
        } else {
            read_paths(std::slice::from_ref(file))
        };
        documents.extend(read.map_err(|error| {
            let source = std::error::Error::source(&error);
            let why = source.map_or_else(String::new, |source| format!(": {source}"));
            usage(format!("{error}{why}"))
        })?);
    }
    if documents.is_empty() {
        return Err(usage("nothing is declared there"));
    }
    Ok(documents)
}

/// Applies until nothing waits any more, or the time is up. What the first pass changed counts.
async fn apply(client: &ApiClient, documents: Vec<Declared>, wait: Duration) -> ApplyReport {
    let deadline = Instant::now() + wait;
    let mut report = apply_documents(client, documents.clone()).await;
    let waits = |report: &ApplyReport| {
        let mut entries = report.entries.iter();
        entries.any(|entry| matches!(entry.applied, Applied::Waiting(_)))
    };
    while waits(&report) && Instant::now() < deadline {
        tokio::time::sleep(AGAIN).await;
        let next = apply_documents(client, documents.clone()).await;
        for entry in next.entries {
            let known = report
                .entries
                .iter_mut()
                .find(|known| known.source == entry.source && known.name == entry.name);
            if let Some(known) = known
                && !matches!(known.applied, Applied::Changed(_))
            {
                known.applied = entry.applied;
            }
        }
    }
    report
}

fn show(report: &ApplyReport, options: &Options) -> anyhow::Result<()> {
    if options.output.output != Format::Table {
        let each: Vec<_> = report
            .entries
            .iter()
            .map(|entry| {
                let (outcome, message) = words(&entry.applied);
                json!({"kind": entry.kind, "name": entry.name, "source": entry.source,
                    "outcome": outcome, "message": message, "dry_run": options.dry_run})
            })
            .collect();
        return output::document(options.output.output, &each);
    }
    let rehearsed = if options.dry_run { " (dry run)" } else { "" };
    for entry in &report.entries {
        let (outcome, message) = words(&entry.applied);
        let resource = format!("{}/{}", entry.kind.to_lowercase(), entry.name);
        match message {
            None => output::line(format!("{resource} {outcome}{rehearsed}"))?,
            Some(message) => output::line(format!(
                "{resource} {outcome}: {} ({})",
                output::clean(message),
                entry.source
            ))?,
        }
    }
    Ok(())
}

fn words(applied: &Applied) -> (&'static str, Option<&str>) {
    match applied {
        Applied::Unchanged => ("unchanged", None),
        Applied::Suspended => ("suspended", None),
        Applied::Changed(Verb::Create) => ("created", None),
        Applied::Changed(Verb::Update) => ("configured", None),
        Applied::Changed(Verb::Delete) => ("deleted", None),
        Applied::Waiting(reason) => ("waits", Some(reason)),
        Applied::Failed { message, .. } => ("refused", Some(message)),
    }
}

fn code(report: &ApplyReport) -> ExitCode {
    let any = |what: fn(&Applied) -> bool| report.entries.iter().any(|entry| what(&entry.applied));
    if any(|applied| matches!(applied, Applied::Failed { .. })) {
        ExitCode::from(REFUSED)
    } else if any(|applied| matches!(applied, Applied::Waiting(_))) {
        ExitCode::from(WAITS)
    } else {
        ExitCode::SUCCESS
    }
}
