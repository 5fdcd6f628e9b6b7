//! `spice diff`: shows what a branch changed.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use spice_client::{ChangeKind, Changed, Summary};

use crate::{
    output::{self, Format, cell, changed_rows},
    session::Session,
    settings::OfDatabase,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice diff what-if/denver-closed -d flights
  spice diff feature/prices --against main -d shop -o json")]
pub(crate) struct Options {
    /// The branch.
    branch: String,
    /// The branch to compare with; by default its parent.
    #[arg(long, value_name = "BRANCH")]
    against: Option<String>,
    #[command(flatten)]
    of: OfDatabase,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = options.of.on_branch(&options.branch);
    Session::run(&place, async |session| diff(session, &options).await).await
}

async fn diff(session: &Session, options: &Options) -> anyhow::Result<()> {
    let against = options.against.as_deref();
    let diff = session
        .client
        .diff(session.database()?, &options.branch, against)
        .await?;
    if session.format != Format::Table {
        return output::document(session.format, &diff);
    }
    if diff.changes.is_empty() {
        output::line(format!("{} changed nothing", options.branch))?;
        return Ok(());
    }
    show_changes(&diff.changes)?;
    output::note(summary(&diff.summary));
    Ok(())
}

/// Changes as rows: one row per modified property.
pub(crate) fn show_changes(changes: &[Changed]) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    for changed in changes {
        shown.extend(rows(changed)?);
    }
    let head = ["CHANGE", "WHAT", "PROPERTY", "BEFORE", "AFTER"];
    Ok(output::table(&head, &shown)?)
}

/// The numbers of changes as text.
pub(crate) fn summary(summary: &Summary) -> String {
    format!(
        "{} added, {} modified, {} deleted",
        summary.added, summary.modified, summary.deleted
    )
}

fn rows(changed: &Changed) -> anyhow::Result<Vec<Vec<String>>> {
    let what = match (&changed.class_id, &changed.instance_id) {
        (Some(class), Some(id)) => format!("{class}/{id}"),
        (Some(class), None) => format!("class {class}"),
        _ => changed.aggregate_id.clone(),
    };
    let is_whole = changed.change != ChangeKind::Modified;
    let properties = if is_whole {
        &[]
    } else {
        changed.properties.as_slice()
    };
    let states = [&changed.before, &changed.after].map(Option::as_deref);
    Ok(changed_rows(
        &[cell(&json!(changed.change)), what],
        properties,
        states,
    )?)
}
