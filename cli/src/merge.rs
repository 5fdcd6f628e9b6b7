//! `spice merge`, `rebase` and `rollback`: branches come together, or go back.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::value::RawValue;
use spice_client::{Conflict, Merge, Merged, Rebase, Resolution, Strategy, Take, Write};
use spice_core::{name::PropertyName, unicode::nfc};

use crate::{
    diff::{show_changes, summary},
    failure::usage,
    output::{self, maybe, written},
    session::Session,
    settings::OfDatabase,
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
    let session = Session::new(&options.of.on(&options.branch))?;
    let outcome = async {
        let write = Write::default();
        let database = session.database()?;
        let rehearsal = Merge {
            into: options.into.clone(),
            dry_run: true,
            ..Merge::default()
        };
        let known = async || {
            let client = &session.client;
            client
                .merge(database, &options.branch, &rehearsal, &write)
                .await
        };
        let wish = Merge {
            into: options.into.clone(),
            strategy: options.conflicts.strategy.into(),
            resolutions: resolutions(&options.conflicts.resolve, known).await?,
            dry_run: options.conflicts.dry_run,
        };
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
    let session = Session::new(&options.of.on(&options.branch))?;
    let outcome = async {
        let database = session.database()?;
        let onto = match options.onto.clone() {
            Some(onto) => onto,
            None => parent(&session, database, &options.branch).await?,
        };
        let write = Write::default();
        let rehearsal = Rebase {
            onto: Some(onto.clone()),
            dry_run: true,
            ..Rebase::default()
        };
        let known = async || {
            let client = &session.client;
            client
                .rebase(database, &options.branch, &rehearsal, &write)
                .await
        };
        let wish = Rebase {
            onto: Some(onto.clone()),
            strategy: options.conflicts.strategy.into(),
            resolutions: resolutions(&options.conflicts.resolve, known).await?,
            dry_run: options.conflicts.dry_run,
        };
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
    let session = Session::new(&options.of.on(&options.branch))?;
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

/// The decisions, once it is clear what each is about. `known` gives the conflicts that there are;
/// it is asked only when the text of a decision leaves open where the aggregate ends.
async fn resolutions<F>(texts: &[String], known: F) -> anyhow::Result<Vec<Resolution>>
where
    F: AsyncFnOnce() -> Result<Merged, spice_client::Error>,
{
    let decisions: Vec<Decision> = texts
        .iter()
        .map(|text| Decision::parse(text))
        .collect::<Result<_, _>>()?;
    let conflicts = if decisions.iter().any(Decision::is_open) {
        known().await?.conflicts
    } else {
        Vec::new()
    };
    let settled = decisions.into_iter().map(|it| it.settle(&conflicts));
    settled.collect()
}

/// `AGGREGATE[.PROPERTY]=DECISION`. The id of an instance may hold dots and equals signs.
struct Decision<'a> {
    text: &'a str,
    conflict: &'a str,
    choice: Choice,
}

enum Choice {
    Take(Take),
    Value(Box<RawValue>),
}

impl<'a> Decision<'a> {
    fn parse(text: &'a str) -> anyhow::Result<Self> {
        // The value begins after the first equals sign that is followed by a whole JSON value. Later
        // equals signs are inside a string of that value, and what follows them is not valid JSON.
        let found = text.match_indices('=').find_map(|(at, _)| {
            let choice = match &text[at + 1..] {
                "ours" => Choice::Take(Take::Ours),
                "theirs" => Choice::Take(Take::Theirs),
                value => Choice::Value(serde_json::from_str(value).ok()?),
            };
            Some((&text[..at], choice))
        });
        let (conflict, choice) = found
            .filter(|(conflict, _)| !conflict.is_empty())
            .ok_or_else(|| undecided(text))?;
        Ok(Self {
            text,
            conflict,
            choice,
        })
    }

    /// The aggregate and the property. Of an instance, whose text has three colons, the property is
    /// what follows the last dot, if that can be one. Of a class it is what follows the first.
    fn with_property(&self) -> Option<(&'a str, &'a str)> {
        let split = if self.is_of_instance() {
            let is_name = |(_, name): &(_, &str)| name.parse::<PropertyName>().is_ok();
            self.conflict.rsplit_once('.').filter(is_name)
        } else {
            self.conflict.split_once('.')
        };
        split.filter(|(aggregate, property)| !aggregate.is_empty() && !property.is_empty())
    }

    fn is_of_instance(&self) -> bool {
        self.conflict.matches(':').count() == 3
    }

    /// Whether what follows the last dot may be a property, or a part of the id.
    fn is_open(&self) -> bool {
        let takes = matches!(self.choice, Choice::Take(_));
        takes && self.is_of_instance() && self.with_property().is_some()
    }

    fn settle(self, conflicts: &[Conflict]) -> anyhow::Result<Resolution> {
        let split = self.with_property();
        let is_in_conflict = |aggregate: &str, property: Option<&str>| {
            conflicts.iter().any(|known| {
                known.aggregate_id == nfc(aggregate)
                    && (property.is_none() || known.property.as_deref() == property)
            })
        };
        let is_whole = self.is_open() && is_in_conflict(self.conflict, None);
        if let Some((aggregate, property)) = split.filter(|_| is_whole)
            && is_in_conflict(aggregate, Some(property))
        {
            return Err(usage(format!(
                "{:?} may be about {property} of {aggregate} or about {}; resolve it with the api",
                self.text, self.conflict
            )));
        }
        let (aggregate, property) = match split.filter(|_| !is_whole) {
            Some((aggregate, property)) => (aggregate, Some(property.to_owned())),
            None => (self.conflict, None),
        };
        let aggregate_id = aggregate.to_owned();
        match self.choice {
            Choice::Take(take) => Ok(Resolution::Take {
                aggregate_id,
                property,
                take,
            }),
            Choice::Value(value) => Ok(Resolution::Value {
                aggregate_id,
                property: property.ok_or_else(|| undecided(self.text))?,
                value,
            }),
        }
    }
}

fn undecided(text: &str) -> anyhow::Error {
    usage(format!(
        "{text:?} decides nothing; write AGGREGATE[.PROPERTY]=ours|theirs or AGGREGATE.PROPERTY=JSON"
    ))
}

#[cfg(test)]
mod tests {
    //! Decisions, read.
    use serde_json::json;

    use super::*;

    #[test]
    fn decisions_are_sides_or_values() {
        let resolution = |text: &str| Decision::parse(text).and_then(|it| it.settle(&[]));
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

    #[test]
    fn an_id_may_hold_dots_and_equals_signs() {
        let conflicts: Vec<Conflict> = serde_json::from_value(json!([
            {"aggregate_id": "d:main:P:kim@example.com"},
            {"aggregate_id": "d:main:P:kim@example", "property": "name"},
            {"aggregate_id": "d:main:P:a=ours", "property": "name"},
            {"aggregate_id": "d:main:P:x.y"},
            {"aggregate_id": "d:main:P:x", "property": "y"},
            {"aggregate_id": "d:main:P:이름.com"},
        ]))
        .unwrap();
        let settle = |text: &str| Decision::parse(text).unwrap().settle(&conflicts);
        let read = |text: &str| serde_json::to_value(settle(text).unwrap()).unwrap();
        let (whole, name) = ("d:main:P:kim@example.com", "name");
        for (text, aggregate, property) in [
            ("d:main:P:kim@example.com=theirs", whole, None),
            ("d:main:P:kim@example.com.name=theirs", whole, Some(name)),
            (
                "d:main:P:kim@example.name=theirs",
                "d:main:P:kim@example",
                Some(name),
            ),
            ("d:main:P:a=ours.name=theirs", "d:main:P:a=ours", Some(name)),
            ("d:main:P:a=ours=theirs", "d:main:P:a=ours", None),
            (
                "d:main:P.properties.price=theirs",
                "d:main:P",
                Some("properties.price"),
            ),
            (
                "d:main:P:\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}.com=theirs",
                "d:main:P:\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}.com",
                None,
            ),
        ] {
            let mut expected = json!({"aggregate_id": aggregate, "take": "theirs"});
            if let Some(property) = property {
                expected["property"] = property.into();
            }
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(
            read(r#"d:main:P:a@b.com.note="x=ours""#),
            json!({"aggregate_id": "d:main:P:a@b.com", "property": "note", "value": "x=ours"})
        );
        let both = settle("d:main:P:x.y=ours").unwrap_err().to_string();
        assert!(both.contains("d:main:P:x.y"), "{both}");
    }
}
