//! `spice query`: queries the graph.

mod hop;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde_json::value::RawValue;
use spice_client::{GraphAnswer, GraphQuery, Hop};

use crate::{
    classes, failure::usage, filter::conditions, output, session::Session, settings::Place,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spice query Product --hop owned_by:Client --where 'price>=10' -d demo
  spice query State --where code=CO --hop ^in_state:Airport --where 'Airport.status=open' -d flights
  spice query -f query.json -d flights -b what-if/denver-closed -o json

A hop is PREDICATE:CLASS along a reference, or ^PREDICATE:CLASS against it. A condition applies to the
start nodes; CLASS.CONDITION applies to the nodes that hops reach in this class.")]
pub(crate) struct Options {
    /// The class of the start nodes.
    #[arg(required_unless_present = "file")]
    class: Option<String>,
    /// A hop along a relationship. Repeatable; hops are followed in order.
    #[arg(long, value_name = "[^]PREDICATE:CLASS")]
    hop: Vec<String>,
    /// A condition, as in `spice get instances --filter`. Repeatable; all conditions must match.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// The maximum number of start nodes.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// The number of start nodes to skip.
    #[arg(long, value_name = "N")]
    offset: Option<u64>,
    /// A file with the query as in the api; `-` reads standard input.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["class", "hop", "conditions"])]
    file: Option<PathBuf>,
    /// Read the state at this log position or RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let place = &options.place;
    Session::run(place, async |session| query(session, &options).await).await
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

fn from_file(file: &Path) -> anyhow::Result<GraphQuery> {
    let text = if file.as_os_str() == "-" {
        io::read_to_string(io::stdin()).context("cannot read standard input")?
    } else {
        let name = file.display();
        std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?
    };
    serde_json::from_str(&text)
        .map_err(|error| usage(format!("{} is not a query: {error}", file.display())))
}

async fn from_flags(session: &Session, options: &Options) -> anyhow::Result<GraphQuery> {
    let start = options.class.clone().unwrap_or_default();
    let mut hops = hop::parse_all(&options.hop)?;
    let (of_start, of_hops) = split_conditions(&options.conditions, &hops);
    let filters = filter(session, options, &start, &of_start).await?;
    for (class, texts) in &of_hops {
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

/// Conditions on the start class, and conditions on the classes of hops. They stay separate even if
/// both are the same class.
fn split_conditions(
    conditions: &[String],
    hops: &[Hop],
) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let (mut of_start, mut of_hops) = (Vec::new(), BTreeMap::<_, Vec<_>>::new());
    for text in conditions {
        let of_hop = hops
            .iter()
            .map(|hop| &hop.target_class)
            .find_map(|class| Some((class, text.strip_prefix(class)?.strip_prefix('.')?)));
        let (list, condition) = match of_hop {
            Some((class, rest)) => (of_hops.entry(class.clone()).or_default(), rest),
            None => (&mut of_start, text.as_str()),
        };
        list.push(condition.to_owned());
    }
    (of_start, of_hops)
}

fn show(answer: &GraphAnswer, request: &GraphQuery) -> anyhow::Result<()> {
    let columns = "NODE=id, STATUS=data_status, SUMMARY=display.summary";
    output::fields(&answer.nodes, columns)?;
    if !request.hops.is_empty() {
        output::heading("Edges")?;
        let columns = "FROM=from_node, PREDICATE=predicate, TO=to_node";
        output::fields(&answer.edges, columns)?;
    }
    for warning in &answer.warnings {
        output::note(format!("warning: {warning}"));
    }
    if let Some(next) = answer.page.next_offset {
        output::note(format!("there are more; use --offset {next}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_start_and_hops_stay_separate() {
        let hops = hop::parse_all(&["up:Thing".into(), "in:State".into()]).unwrap();
        let texts = [
            "code=h1",
            "Thing.code=h2",
            "State.a?",
            "size>1",
            "Other.a=1",
        ];
        let (of_start, of_hops) = split_conditions(&texts.map(str::to_owned), &hops);
        assert_eq!(of_start, ["code=h1", "size>1", "Other.a=1"]);
        assert_eq!(of_hops["Thing"], ["code=h2"]);
        assert_eq!(of_hops["State"], ["a?"]);
        assert_eq!(of_hops.len(), 2);
    }
}
