//! Paths between classes, by the names of the earlier system.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    name::ClassName,
    ontology::{Class, Schema},
};

use crate::{
    http::{
        answer::{self, Answer, Success},
        call::Call,
        failure::Failure,
        parameters::{
            self, Depth, Parameter,
            known::{self, PathType},
            path,
        },
    },
    read::{
        graph::{SchemaHop, SchemaPath, reachable, schema_paths},
        wait::Needs,
    },
};

/// Paths from one class to others.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PathsAnswer<'a> {
    status: Success,
    message: String,
    query: &'a PathsQuery<'a>,
    paths: Vec<Way<'a>>,
    /// Whether there are more.
    more: bool,
    statistics: PathStatistics,
    metadata: PathsMetadata<'a>,
}

/// The query, with its defaults.
#[derive(Serialize, JsonSchema)]
struct PathsQuery<'a> {
    start_entity: String,
    end_entity: Option<&'a str>,
    max_depth: u64,
    path_type: PathType,
}

/// A path between classes.
#[derive(Serialize, JsonSchema)]
struct Way<'a> {
    /// The label of the first class.
    start: Option<&'a str>,
    /// The label of the last class.
    end: Option<&'a str>,
    /// The labels of all classes.
    path: String,
    entities: Vec<&'a ClassName>,
    predicates: Vec<&'a str>,
    hops: &'a [SchemaHop],
    length: usize,
}

/// The number of paths, and their lengths.
#[derive(Serialize, JsonSchema)]
#[allow(clippy::struct_field_names, reason = "the names of the contract")]
struct PathStatistics {
    total_paths_found: usize,
    displayed_paths: usize,
    shortest_path_length: usize,
    longest_path_length: usize,
}

/// The language of the labels, and the ids of the first and last class.
#[derive(Serialize, JsonSchema)]
struct PathsMetadata<'a> {
    language: Option<&'a str>,
    start_id: Option<&'a ClassName>,
    end_id: Option<&'a ClassName>,
}

pub(crate) async fn paths(call: Call) -> Answer {
    let start = call.either(&known::START_ENTITY, &known::START_ENTITY_TOO)?;
    let start = start.ok_or_else(|| parameters::missing(known::START_ENTITY.name))?;
    respond(&call, start.to_owned(), &known::MAX_DEPTH).await
}

/// oms: `/ontology/{db}/relationship-paths/{class}`
pub(crate) async fn paths_from(call: Call) -> Answer {
    respond(&call, call.get(&path::CLASS)?, &known::EARLIER_MAX_DEPTH).await
}

/// oms: `/ontology/{db}/reachable-entities/{class}`
pub(crate) async fn reachable_from(call: Call) -> Answer {
    respond(&call, call.get(&path::CLASS)?, &known::MAX_DEPTH).await
}

async fn respond(call: &Call, start: String, max_depth: &Parameter<Depth>) -> Answer {
    let path_type = call.get(&known::PATH_TYPE)?;
    let query = PathsQuery {
        start_entity: start,
        end_entity: call.either(&known::END_ENTITY, &known::END_ENTITY_TOO)?,
        max_depth: call.get(max_depth)?,
        path_type,
    };
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema().await?;
    let (ways, more) = find(&schema, &query)?;
    let from = schema.resolve(&query.start_entity);
    let to = query.end_entity.and_then(|end| schema.resolve(end));
    let language = call.language();
    let shown = ways
        .iter()
        .map(|way| Way::of(way, &schema, from.map(AsRef::as_ref), language));
    let lengths = || ways.iter().map(|way| way.length);
    let answer = PathsAnswer {
        status: Success::Success,
        message: format!("{} paths found", ways.len()),
        query: &query,
        paths: shown.collect(),
        more,
        statistics: PathStatistics {
            total_paths_found: ways.len(),
            displayed_paths: ways.len(),
            shortest_path_length: lengths().min().unwrap_or_default(),
            longest_path_length: lengths().max().unwrap_or_default(),
        },
        metadata: PathsMetadata {
            language,
            start_id: from.map(|class| &class.id),
            end_id: to.map(|class| &class.id),
        },
    };
    answer::ok(&answer)
}

/// The paths, and whether there are more.
fn find(schema: &Schema, query: &PathsQuery<'_>) -> Result<(Vec<SchemaPath>, bool), Failure> {
    let (start, max_depth) = (&query.start_entity, query.max_depth);
    let Some(end) = query.end_entity else {
        return Ok((reachable(schema, start, max_depth)?, false));
    };
    let (mut ways, more) = schema_paths(schema, start, end, max_depth)?;
    if let (PathType::Shortest, Some(least)) = (query.path_type, ways.first().map(|it| it.length)) {
        ways.retain(|way| way.length == least);
    }
    Ok((ways, more))
}

impl<'a> Way<'a> {
    fn of(
        way: &'a SchemaPath,
        schema: &'a Schema,
        from: Option<&'a Class>,
        language: Option<&str>,
    ) -> Self {
        let mut entities: Vec<&ClassName> = from.iter().map(|class| &class.id).collect();
        entities.extend(way.hops.iter().map(|hop| &hop.target_class));
        let label = |id: &&'a ClassName| {
            let class = schema.get(id);
            class.map_or(id.as_str(), |class| class.label(language))
        };
        let labels: Vec<&str> = entities.iter().map(label).collect();
        Self {
            start: labels.first().copied(),
            end: labels.last().copied(),
            path: labels.join(" → "),
            entities,
            predicates: way.hops.iter().map(|hop| hop.predicate.as_str()).collect(),
            hops: &way.hops,
            length: way.length,
        }
    }
}
