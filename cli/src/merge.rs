//! `spice merge`, `rebase` and `rollback`: branches come together, or go back.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::value::RawValue;
use spice_client::{Conflict, Merge, Merged, Rebase, Resolution, Strategy, Take, Write};

use crate::{
    diff::{OfDatabase, show_changes, summary},
    failure::usage,
    output::{self, maybe, written},
    session::Session,
};

/// What a dry run that met conflicts ends with, as a refused merge does.
const CONFLICTS: u8 = 4;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice merge feature/prices -d shop --dry-run
  spice merge feature/prices --into main -d shop --strategy theirs
  spice merge feature/prices -d shop --resolve shop:main:Product:p1.price=12.5

As in git, `ours` is the branch merged into, `theirs` the one that is merged. The exit code is 4
when conflicts stand against it.")]
pub(crate) struct MergeOptions {
    /// The branch whose changes are taken.
    branch: String,
    /// The branch merged into.
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    into: String,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    of: OfDatabase,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice rebase feature/prices -d shop
  spice rebase feature/prices --onto main -d shop --strategy ours --dry-run")]
pub(crate) struct RebaseOptions {
    /// The branch that is moved to the end of another.
    branch: String,
    /// The branch that it is to stand on; the one that it stands on already when left out.
    #[arg(long, value_name = "BRANCH")]
    onto: Option<String>,
    #[command(flatten)]
    conflicts: Conflicts,
    #[command(flatten)]
    of: OfDatabase,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice rollback main --to 42 -d shop --dry-run
  spice rollback main --to 42 -d shop")]
pub(crate) struct RollbackOptions {
    /// The branch.
    branch: String,
    /// The position whose state comes back; `spice history` and `spice watch` tell positions.
    #[arg(long, value_name = "POSITION")]
    to: u64,
    /// Only tell what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: OfDatabase,
}

/// What to do about conflicts.
#[derive(Debug, Args)]
struct Conflicts {
    /// What to do about conflicts.
    #[arg(long, default_value = "fail")]
    strategy: Way,
    /// Decides one conflict: `AGGREGATE[.PROPERTY]=ours`, `=theirs` or, of a property, `=JSON`.
    #[arg(long, value_name = "CONFLICT=DECISION")]
    resolve: Vec<String>,
    /// Only tell what would happen.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// Refuse.
    Fail,
    /// Keep what the target has.
    Ours,
    /// Take what the source has.
    Theirs,
}

impl From<Way> for Strategy {
    fn from(way: Way) -> Self {
        match way {
            Way::Fail => Self::Fail,
            Way::Ours => Self::Ours,
            Way::Theirs => Self::Theirs,
        }
    }
}

pub(crate) async fn merge(options: MergeOptions) -> anyhow::Result<ExitCode> {
    let session = options.of.session(&options.branch)?;
    let outcome = async {
        let wish = Merge {
            into: options.into.clone(),
            strategy: options.conflicts.strategy.into(),
            resolutions: resolutions(&options.conflicts.resolve)?,
            dry_run: options.conflicts.dry_run,
        };
        let write = Write::default();
        let database = session.database()?;
        let merged = session
            .client
            .merge(database, &options.branch, &wish, &write)
            .await;
        let what = format!("{} into {}", options.branch, options.into);
        show(&session, merged, &format!("merged {what}"), wish.dry_run)
    }
    .await;
    session.advise(outcome).await
}

pub(crate) async fn rebase(options: RebaseOptions) -> anyhow::Result<ExitCode> {
    let session = options.of.session(&options.branch)?;
    let outcome = async {
        let database = session.database()?;
        let onto = match options.onto.clone() {
            Some(onto) => onto,
            None => parent(&session, database, &options.branch).await?,
        };
        let wish = Rebase {
            onto: Some(onto.clone()),
            strategy: options.conflicts.strategy.into(),
            resolutions: resolutions(&options.conflicts.resolve)?,
            dry_run: options.conflicts.dry_run,
        };
        let write = Write::default();
        let rebased = session
            .client
            .rebase(database, &options.branch, &wish, &write)
            .await;
        let what = format!("rebased {} onto {onto}", options.branch);
        show(&session, rebased, &what, wish.dry_run)
    }
    .await;
    session.advise(outcome).await
}

/// The branch that a branch stands on; `main` stands on none, and the api says that it stays.
async fn parent(session: &Session, database: &str, branch: &str) -> anyhow::Result<String> {
    let known = session.client.branch(database, branch).await?;
    Ok(known.from_branch.unwrap_or_else(|| "main".to_owned()))
}

pub(crate) async fn rollback(options: RollbackOptions) -> anyhow::Result<ExitCode> {
    let session = options.of.session(&options.branch)?;
    let outcome = async {
        let write = Write::default();
        let database = session.database()?;
        let done = session
            .client
            .rollback(
                database,
                &options.branch,
                options.to,
                options.dry_run,
                &write,
            )
            .await;
        let what = format!("rolled {} back to position {}", options.branch, options.to);
        show(&session, done, &what, options.dry_run)
    }
    .await;
    session.advise(outcome).await
}

/// Writes what was done, or would be; a refusal for conflicts with its conflicts first.
fn show(
    session: &Session,
    outcome: Result<Merged, spice_client::Error>,
    done: &str,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let merged = match outcome {
        Ok(merged) => merged,
        Err(error) => {
            if let Some(conflicts) = Conflict::of(&error) {
                if session.is_table() {
                    show_conflicts(&conflicts)?;
                } else {
                    output::document(session.format, &conflicts)?;
                }
            }
            return Err(error.into());
        }
    };
    let code = if merged.conflicts.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(CONFLICTS)
    };
    if !session.is_table() {
        output::document(session.format, &merged)?;
        return Ok(code);
    }
    if !merged.conflicts.is_empty() {
        show_conflicts(&merged.conflicts)?;
    }
    if !merged.changes.is_empty() {
        show_changes(&merged.changes)?;
    }
    let how = match (merged.conflicts.len(), dry_run) {
        (0, true) => "would have ".to_owned(),
        (0, false) => String::new(),
        (count, _) => format!("{count} to be resolved before it would have "),
    };
    output::line(format!("{how}{done}: {}", summary(&merged.summary)))?;
    Ok(code)
}

fn show_conflicts(conflicts: &[Conflict]) -> anyhow::Result<()> {
    let side = |value: &Option<Box<RawValue>>| value.as_deref().map(written).unwrap_or_default();
    let rows: Vec<_> = conflicts
        .iter()
        .map(|conflict| {
            vec![
                conflict.aggregate_id.clone(),
                maybe(conflict.property.as_deref()),
                maybe(conflict.rule.as_deref()),
                side(&conflict.base),
                side(&conflict.target),
                side(&conflict.source),
            ]
        })
        .collect();
    let head = ["CONFLICT", "PROPERTY", "RULE", "BASE", "OURS", "THEIRS"];
    Ok(output::table(&head, &rows)?)
}

fn resolutions(texts: &[String]) -> anyhow::Result<Vec<Resolution>> {
    texts.iter().map(|text| resolution(text)).collect()
}

/// Neither an aggregate nor a property has a dot or an equals sign in its name.
fn resolution(text: &str) -> anyhow::Result<Resolution> {
    let wrong = || {
        usage(format!(
            "{text:?} decides nothing; write AGGREGATE[.PROPERTY]=ours|theirs or AGGREGATE.PROPERTY=JSON"
        ))
    };
    let (conflict, decision) = text.split_once('=').ok_or_else(wrong)?;
    let (aggregate, property) = match conflict.split_once('.') {
        Some((aggregate, property)) => (aggregate, Some(property.to_owned())),
        None => (conflict, None),
    };
    if aggregate.is_empty() || property.as_deref() == Some("") {
        return Err(wrong());
    }
    let aggregate_id = aggregate.to_owned();
    let take = match decision {
        "ours" => Some(Take::Ours),
        "theirs" => Some(Take::Theirs),
        _ => None,
    };
    if let Some(take) = take {
        return Ok(Resolution::Take {
            aggregate_id,
            property,
            take,
        });
    }
    let value = serde_json::from_str(decision).map_err(|_| wrong())?;
    Ok(Resolution::Value {
        aggregate_id,
        property: property.ok_or_else(wrong)?,
        value,
    })
}

#[cfg(test)]
mod tests {
    //! Decisions, read.
    use serde_json::json;

    use super::*;

    #[test]
    fn decisions_are_sides_or_values() {
        let read = |text: &str| serde_json::to_value(resolution(text).unwrap()).unwrap();
        assert_eq!(
            read("d:main:Product:p1=ours"),
            json!({"aggregate_id": "d:main:Product:p1", "take": "ours"})
        );
        assert_eq!(
            read("d:main:Product:p1.name=theirs"),
            json!({"aggregate_id": "d:main:Product:p1", "property": "name", "take": "theirs"})
        );
        assert_eq!(
            read("d:main:Product:p1.name=\"ours\""),
            json!({"aggregate_id": "d:main:Product:p1", "property": "name", "value": "ours"})
        );
        let exact = resolution("d:main:Product:p1.total=12345678901234567890.120").unwrap();
        let sent = serde_json::to_string(&exact).unwrap();
        assert!(
            sent.ends_with(r#""value":12345678901234567890.120}"#),
            "{sent}"
        );
        for wrong in ["a.b", "a=1", "=ours", "a.=1", "a.b=nonsense"] {
            assert!(resolution(wrong).is_err(), "{wrong}");
        }
    }
}
