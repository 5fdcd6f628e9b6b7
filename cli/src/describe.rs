//! `spice describe`: shows the details of one thing.

mod class;

use std::process::ExitCode;

use clap::Args;
use serde_json::{json, value::RawValue};
use spice_client::Read;

use crate::{
    classes,
    failure::usage,
    get::Kind,
    output::{self, cell, render_as_written, render_optional},
    session::Session,
    settings::Place,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice describe database flights
  spice describe class Airport -d flights
  spice describe instance Airport/DEN -d flights
  spice describe branch what-if/denver-closed -d flights")]
pub(crate) struct Options {
    /// The kind of thing.
    kind: Kind,
    /// Its name; for an instance `Class/id`.
    name: String,
    #[command(flatten)]
    place: Place,
    /// Read the state at this log position or RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::new(&options.place)?;
    let outcome = describe(&session, &options).await;
    session.advise(outcome).await?;
    Ok(ExitCode::SUCCESS)
}

async fn describe(session: &Session, options: &Options) -> anyhow::Result<()> {
    let name = options.name.as_str();
    let as_of = options.as_of.as_deref();
    match options.kind {
        Kind::Databases => database(session, name).await,
        Kind::Ontologies => class::describe(session, name, as_of).await,
        Kind::Branches => branch(session, name).await,
        Kind::Instances => instance(session, name, as_of).await,
        Kind::Commands => command(session, name).await,
        Kind::DeadLetters => Err(usage(
            "a dead letter is identified by database, handler and position; use `spice dead-letters show`",
        )),
    }
}

async fn database(session: &Session, name: &str) -> anyhow::Result<()> {
    let database = session.client.database(name, &Read::default()).await?;
    let branches = session.client.branches(name).await?.branches;
    if !session.is_table() {
        let mut answer = serde_json::to_value(&database)?;
        answer["branches"] = json!(branches);
        return output::document(session.format, &answer);
    }
    let details = &database.details;
    let lag = match details.lag.graph.max(details.lag.documents) {
        0 => "none".to_owned(),
        _ => format!(
            "graph {}, documents {} envelopes",
            details.lag.graph, details.lag.documents
        ),
    };
    let other = |key: &str| details.other.get(key).map(cell).unwrap_or_default();
    output::pairs(&[
        ("Name", database.name.clone()),
        ("Description", details.description.clone()),
        ("Created", other("created_at")),
        ("Generation", other("generation")),
        ("Sequence", details.sequence.to_string()),
        ("Position", details.position.to_string()),
        ("Lag", lag),
    ])?;
    output::heading("Classes of main")?;
    let rows: Vec<_> = details
        .counts
        .by_class
        .iter()
        .map(|(class, count)| vec![class.clone(), cell(count)])
        .collect();
    let more = details.counts.classes.saturating_sub(rows.len() as u64);
    output::table(&["CLASS", "INSTANCES"], &rows)?;
    if more > 0 {
        output::line(format!("and {more} without instances"))?;
    }
    output::heading("Branches")?;
    let rows: Vec<_> = branches
        .iter()
        .map(|branch| {
            vec![
                branch.name.clone(),
                render_optional(branch.from_branch.as_deref()),
                render_optional(branch.from_position),
            ]
        })
        .collect();
    Ok(output::table(&["NAME", "FROM", "AT POSITION"], &rows)?)
}

async fn branch(session: &Session, name: &str) -> anyhow::Result<()> {
    let database = session.database()?;
    let branch = session.client.branch(database, name).await?;
    let diff = match branch.from_branch {
        None => None,
        Some(_) => Some(session.client.diff(database, name, None).await?),
    };
    if !session.is_table() {
        let mut answer = serde_json::to_value(&branch)?;
        answer["diff"] = json!(diff.map(|diff| diff.summary));
        return output::document(session.format, &answer);
    }
    output::pairs(&[
        ("Name", branch.name.clone()),
        ("Database", database.to_owned()),
        ("From", render_optional(branch.from_branch.as_deref())),
        ("At position", render_optional(branch.from_position)),
        ("Created", render_optional(branch.created_at.as_deref())),
        ("Generation", render_optional(branch.generation)),
        ("Sequence", render_optional(branch.sequence)),
        ("Protected", branch.protected.to_string()),
    ])?;
    if let Some(diff) = diff {
        output::heading(&format!("Changes since {}", diff.from))?;
        let summary = &diff.summary;
        output::line(format!(
            "{} added, {} modified, {} deleted; `spice diff {name}` shows them",
            summary.added, summary.modified, summary.deleted
        ))?;
    }
    Ok(())
}

async fn instance(session: &Session, name: &str, as_of: Option<&str>) -> anyhow::Result<()> {
    let (class, id) = split(name)?;
    let database = session.database()?;
    let read = session.read(as_of);
    let client = &session.client;
    let instance = client.instance(database, class, id, &read).await?;
    if !session.is_table() {
        return output::document(session.format, &instance);
    }
    let (definition, _) = classes::find(session, &instance.class_id, &read).await?;
    let data = output::values(Some(&instance.data))?;
    output::pairs(&[
        (
            "Instance",
            format!("{}/{}", instance.class_id, instance.instance_id),
        ),
        ("Database", database.to_owned()),
        ("Branch", session.branch.clone()),
        ("Sequence", instance.event_sequence.to_string()),
        ("Position", render_optional(instance.position)),
        ("Created", render_optional(instance.created_at.as_deref())),
        ("Updated", render_optional(instance.updated_at.as_deref())),
    ])?;
    let is_reference = |name: &String| {
        let mut relationships = definition.relationships().iter();
        relationships.any(|known| known.predicate.as_str() == name)
    };
    let (references, values): (Vec<_>, Vec<_>) =
        data.iter().partition(|(name, _)| is_reference(name));
    output::heading("Properties")?;
    let rows: Vec<_> = values
        .iter()
        .map(|(name, value)| vec![(*name).clone(), render_as_written(value)])
        .collect();
    output::table(&["NAME", "VALUE"], &rows)?;
    if !references.is_empty() {
        output::heading("References")?;
        let rows: Vec<_> = references
            .iter()
            .flat_map(|(name, value)| {
                let targets = match serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
                    Ok(many) => many.iter().map(|one| render_as_written(one)).collect(),
                    Err(_) => vec![render_as_written(value)],
                };
                targets.into_iter().map(|to| vec![(*name).clone(), to])
            })
            .collect();
        output::table(&["PREDICATE", "TO"], &rows)?;
    }
    Ok(())
}

async fn command(session: &Session, id: &str) -> anyhow::Result<()> {
    let command = session.client.command(id).await?;
    if !session.is_table() {
        return output::document(session.format, &command);
    }
    output::pairs(&[
        ("Command", command.command_id.clone()),
        ("Status", command.status.to_string()),
        ("Error", render_optional(command.error.as_deref())),
        ("Parked by", command.parked.join(", ")),
    ])?;
    output::heading("Result")?;
    let rows: Vec<_> = command
        .result
        .iter()
        .filter(|(key, _)| *key != "history")
        .map(|(key, value)| vec![key.clone(), cell(value)])
        .collect();
    output::table(&["NAME", "VALUE"], &rows)?;
    output::heading("History")?;
    let rows: Vec<_> = command
        .history
        .iter()
        .map(|step| {
            vec![
                render_optional(step.timestamp.as_deref()),
                step.status.clone(),
                render_optional(step.message.as_deref()),
            ]
        })
        .collect();
    Ok(output::table(&["TIME", "STATUS", "MESSAGE"], &rows)?)
}

/// `Class/id`.
pub(crate) fn split(name: &str) -> anyhow::Result<(&str, &str)> {
    name.split_once('/')
        .filter(|(class, id)| !class.is_empty() && !id.is_empty())
        .ok_or_else(|| usage(format!("{name:?} is not an instance; write CLASS/ID")))
}
