//! `spice describe`: shows the details of one thing.

mod class;

use std::{fmt::Display, process::ExitCode};

use clap::Args;
use serde_json::{json, value::RawValue};
use spice_client::Read;

use crate::{
    classes,
    diff::summary,
    failure::usage,
    get::Kind,
    output::{self, cell},
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
    let place = &options.place;
    Session::run(place, async |session| describe(session, &options).await).await
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
    let mut answer = serde_json::to_value(&database)?;
    answer["branches"] = json!(branches);
    if !session.is_table() {
        return output::document(session.format, &answer);
    }
    let (lag, counts) = (&database.details.lag, &database.details.counts);
    answer["lag"] = match lag.graph.max(lag.documents) {
        0 => json!("none"),
        _ => json!(format!(
            "graph {}, documents {} envelopes",
            lag.graph, lag.documents
        )),
    };
    output::pairs(
        &answer,
        "Name=name, Description=data.description, Created=data.created_at, \
         Generation=data.generation, Sequence=data.sequence, Position=data.position, Lag=lag",
    )?;
    output::heading("Classes of main")?;
    show_entries(&["CLASS", "INSTANCES"], &counts.by_class)?;
    let more = counts.classes.saturating_sub(counts.by_class.len() as u64);
    if more > 0 {
        output::line(format!("and {more} without instances"))?;
    }
    output::heading("Branches")?;
    let columns = "NAME=name, FROM=from_branch, AT POSITION=from_position";
    output::fields(&branches, columns)
}

async fn branch(session: &Session, name: &str) -> anyhow::Result<()> {
    let database = session.database()?;
    let branch = session.client.branch(database, name).await?;
    let diff = match branch.from_branch {
        None => None,
        Some(_) => Some(session.client.diff(database, name, None).await?),
    };
    let mut answer = serde_json::to_value(&branch)?;
    if !session.is_table() {
        answer["diff"] = json!(diff.map(|diff| diff.summary));
        return output::document(session.format, &answer);
    }
    answer["database"] = json!(database);
    output::pairs(
        &answer,
        "Name=name, Database=database, From=from_branch, At position=from_position, \
         Created=created_at, Generation=generation, Sequence=sequence, Protected=protected",
    )?;
    if let Some(diff) = diff {
        output::heading(&format!("Changes since {}", diff.from))?;
        let counts = summary(&diff.summary);
        output::line(format!("{counts}; `spice diff {name}` shows them"))?;
    }
    Ok(())
}

async fn instance(session: &Session, name: &str, as_of: Option<&str>) -> anyhow::Result<()> {
    let (class, id) = split(name)?;
    let database = session.database()?;
    let read = session.read(as_of);
    let instance = session.client.instance(database, class, id, &read).await?;
    if !session.is_table() {
        return output::document(session.format, &instance);
    }
    let (class, _) = classes::find(session, &instance.class_id, &read).await?;
    let name = format!("{}/{}", instance.class_id, instance.instance_id);
    output::pairs(
        &json!({"name": name, "database": database, "branch": session.branch, "it": instance}),
        "Instance=name, Database=database, Branch=branch, Sequence=it.event_sequence, \
         Position=it.position, Created=it.created_at, Updated=it.updated_at",
    )?;
    let is_reference = |name: &String| {
        let mut relationships = class.relationships().iter();
        relationships.any(|known| known.predicate.as_str() == name)
    };
    let data = output::values(Some(&instance.data))?;
    let (references, values): (Vec<_>, Vec<_>) =
        data.iter().partition(|(name, _)| is_reference(name));
    output::heading("Properties")?;
    show_entries(&["NAME", "VALUE"], values)?;
    if !references.is_empty() {
        output::heading("References")?;
        let mut rows = Vec::new();
        for (name, value) in references {
            match serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
                Ok(many) => rows.extend(many.iter().map(|one| vec![name.clone(), cell(one)])),
                Err(_) => rows.push(vec![name.clone(), cell(value)]),
            }
        }
        output::table(&["PREDICATE", "TO"], &rows)?;
    }
    Ok(())
}

async fn command(session: &Session, id: &str) -> anyhow::Result<()> {
    let mut command = session.client.command(id).await?;
    if !session.is_table() {
        return output::document(session.format, &command);
    }
    let parked = command.parked.join(", ");
    output::pairs(
        &json!({"it": command, "parked": parked}),
        "Command=it.command_id, Status=it.status, Error=it.error, Parked by=parked",
    )?;
    output::heading("Result")?;
    command.result.shift_remove("history");
    show_entries(&["NAME", "VALUE"], &command.result)?;
    output::heading("History")?;
    let columns = "TIME=timestamp, STATUS=status, MESSAGE=message";
    output::fields(&command.history, columns)
}

/// Names with their values as rows.
fn show_entries<'a, T: Display + 'a>(
    head: &[&str],
    entries: impl IntoIterator<Item = (&'a String, &'a T)>,
) -> anyhow::Result<()> {
    let entries = entries.into_iter();
    let rows = entries.map(|(name, value)| vec![name.clone(), cell(value)]);
    Ok(output::table(head, &rows.collect::<Vec<_>>())?)
}

/// `Class/id`.
pub(crate) fn split(name: &str) -> anyhow::Result<(&str, &str)> {
    name.split_once('/')
        .filter(|(class, id)| !class.is_empty() && !id.is_empty())
        .ok_or_else(|| usage(format!("{name:?} is not an instance; write CLASS/ID")))
}
