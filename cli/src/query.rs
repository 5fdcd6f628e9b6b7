//! `spice query`: walks through the graph.

mod hop;

use std::{collections::BTreeMap, io::Read as _, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use serde_json::value::RawValue;
use spice_client::{GraphAnswer, GraphQuery, Hop};

use crate::{
    classes,
    failure::usage,
    filter::conditions,
    output::{self, cell},
    session::Session,
    settings::Place,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice query Product --hop owned_by:Client --where 'price>=10' -d demo
  spice query State --where code=CO --hop ^in_state:Airport --where 'Airport.status=open' -d flights
  spice query -f query.json -d flights -b what-if/denver-closed -o json

A hop is PREDICATE:CLASS along a reference, ^PREDICATE:CLASS against it. A condition is on the
start nodes, or, as CLASS.CONDITION, on the nodes that the hops to this class lead to.")]
pub(crate) struct Options {
    /// The class of the start nodes.
    #[arg(required_unless_present = "file")]
    class: Option<String>,
    /// A hop; several are walked one after the other.
    #[arg(long, value_name = "[^]PREDICATE:CLASS")]
    hop: Vec<String>,
    /// A condition, as `--filter` of `spice get instances` takes it; several: all hold.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// How many start nodes at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How many start nodes to leave out.
    #[arg(long, value_name = "N")]
    offset: Option<u64>,
    /// The query as the api takes it; `-` reads standard input.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["class", "hop", "conditions"])]
    file: Option<PathBuf>,
    /// As it was: a position of the log, or an RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let session = Session::new(&options.place)?;
    let outcome = query(&session, &options).await;
    session.advise(outcome).await?;
    Ok(ExitCode::SUCCESS)
}

async fn query(session: &Session, options: &Options) -> anyhow::Result<()> {
    let database = session.database()?;
    let read = session.read(options.as_of.as_deref());
    let mut request = match &options.file {
        Some(file) => from_file(file)?,
        None => from_flags(session, options).await?,
    };
    request.limit = options.limit.or(request.limit);
    request.offset = options.offset.or(request.offset);
    let answer = session
        .client
        .graph_query(database, &request, &read)
        .await?;
    if !session.is_table() {
        return output::document(session.format, &answer);
    }
    show(&answer, &request)
}

fn from_file(file: &std::path::Path) -> anyhow::Result<GraphQuery> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("standard input cannot be read")?;
    } else {
        text = std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
    }
    serde_json::from_str(&text)
        .map_err(|error| usage(format!("{} is no query: {error}", file.display())))
}

async fn from_flags(session: &Session, options: &Options) -> anyhow::Result<GraphQuery> {
    let start = options.class.clone().unwrap_or_default();
    let mut hops = hop::parse_all(&options.hop)?;
    let apart = Apart::of(&options.conditions, &hops);
    let filters = filter(session, options, &start, &apart.start).await?;
    for (class, texts) in &apart.hops {
        let filters = filter(session, options, class, texts).await?;
        for hop in hops.iter_mut().filter(|hop| hop.target_class == *class) {
            hop.target_filters.clone_from(&filters);
        }
    }
    Ok(GraphQuery {
        filters,
        start_class: start,
        hops,
        ..GraphQuery::default()
    })
}

async fn filter(
    session: &Session,
    options: &Options,
    class: &str,
    texts: &[String],
) -> anyhow::Result<Option<Box<RawValue>>> {
    if texts.is_empty() {
        return Ok(None);
    }
    let read = session.read(options.as_of.as_deref());
    let (class, schema) = classes::find(session, class, &read).await?;
    conditions(texts, &schema, Some(&class))
}

/// Conditions on the start class, and those on the class of a hop. They are apart where both are
/// the same class, too.
#[derive(Debug, Default, PartialEq)]
struct Apart {
    start: Vec<String>,
    hops: BTreeMap<String, Vec<String>>,
}

impl Apart {
    fn of(conditions: &[String], hops: &[Hop]) -> Self {
        let mut apart = Self::default();
        for text in conditions {
            let of_hop = hops
                .iter()
                .map(|hop| &hop.target_class)
                .find_map(|class| Some((class, text.strip_prefix(class)?.strip_prefix('.')?)));
            let (list, condition) = match of_hop {
                Some((class, rest)) => (apart.hops.entry(class.clone()).or_default(), rest),
                None => (&mut apart.start, text.as_str()),
            };
            list.push(condition.to_owned());
        }
        apart
    }
}

fn show(answer: &GraphAnswer, request: &GraphQuery) -> anyhow::Result<()> {
    let rows: Vec<_> = answer
        .nodes
        .iter()
        .map(|node| {
            let display = node.other.get("display");
            let summary = display.and_then(|display| display.get("summary"));
            vec![
                node.id.clone(),
                node.data_status.clone(),
                summary.map(cell).unwrap_or_default(),
            ]
        })
        .collect();
    output::table(&["NODE", "STATUS", "SUMMARY"], &rows)?;
    if !request.hops.is_empty() {
        let rows: Vec<_> = answer
            .edges
            .iter()
            .map(|edge| {
                vec![
                    edge.from_node.clone(),
                    edge.predicate.clone(),
                    edge.to_node.clone(),
                ]
            })
            .collect();
        output::heading("Edges")?;
        output::table(&["FROM", "PREDICATE", "TO"], &rows)?;
    }
    for warning in &answer.warnings {
        output::note(format!("warning: {warning}"));
    }
    if let Some(next) = answer.page.next_offset {
        output::note(format!("there are more; --offset {next}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_the_start_are_apart_from_those_on_hops() {
        let hops = hop::parse_all(&["up:Thing".into(), "in:State".into()]).unwrap();
        let texts = [
            "code=h1",
            "Thing.code=h2",
            "State.a?",
            "size>1",
            "Other.a=1",
        ];
        let apart = Apart::of(&texts.map(str::to_owned), &hops);
        assert_eq!(apart.start, ["code=h1", "size>1", "Other.a=1"]);
        assert_eq!(apart.hops["Thing"], ["code=h2"]);
        assert_eq!(apart.hops["State"], ["a?"]);
        assert_eq!(apart.hops.len(), 2);
    }
}
