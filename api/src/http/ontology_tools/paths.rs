//! Ways from class to class, by the names of the earlier system.

use axum::http::StatusCode;
use serde_json::{Value, json};
use spice_core::{
    name::ClassName,
    ontology::{Class, Schema},
};

use crate::{
    graph_query::{SchemaPath, reachable, schema_paths},
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
        parameters::{
            self, Depth, Parameter,
            known::{self, PathType},
            path,
        },
        wait::Needs,
    },
};

/// What is asked for.
struct Wish<'a> {
    start: String,
    end: Option<&'a str>,
    max_depth: u64,
    path_type: PathType,
}

pub(crate) async fn paths(call: Call) -> Answer {
    let start = call.either(&known::START_ENTITY, &known::START_ENTITY_TOO)?;
    let start = start.ok_or_else(|| parameters::missing(known::START_ENTITY.name))?;
    let wish = wish(&call, start.to_owned(), &known::MAX_DEPTH)?;
    respond(&call, wish).await
}

/// oms: `/ontology/{db}/relationship-paths/{class}`
pub(crate) async fn paths_from(call: Call) -> Answer {
    let wish = wish(&call, call.get(&path::CLASS)?, &known::EARLIER_MAX_DEPTH)?;
    respond(&call, wish).await
}

/// oms: `/ontology/{db}/reachable-entities/{class}`
pub(crate) async fn reachable_from(call: Call) -> Answer {
    let wish = wish(&call, call.get(&path::CLASS)?, &known::MAX_DEPTH)?;
    respond(&call, wish).await
}

async fn respond(call: &Call, wish: Wish<'_>) -> Answer {
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema(&call.api).await?;
    let (ways, more) = find(&schema, &wish)?;
    let from = schema.resolve(&wish.start);
    let to = wish.end.and_then(|end| schema.resolve(end));
    let told: Vec<Value> = ways
        .iter()
        .map(|way| told(call, &schema, from.map(AsRef::as_ref), way))
        .collect();
    let lengths = || ways.iter().map(|way| way.length);
    let answer = json!({
        "status": "success",
        "message": format!("{} paths found", ways.len()),
        "query": {
            "start_entity": wish.start,
            "end_entity": wish.end,
            "max_depth": wish.max_depth,
            "path_type": match wish.path_type {
                PathType::Shortest => "shortest",
                PathType::All => "all",
            },
        },
        "paths": told,
        "more": more,
        "statistics": {
            "total_paths_found": ways.len(),
            "displayed_paths": ways.len(),
            "shortest_path_length": lengths().min().unwrap_or_default(),
            "longest_path_length": lengths().max().unwrap_or_default(),
        },
        "metadata": {
            "language": call.language(),
            "start_id": from.map(|class| &class.id),
            "end_id": to.map(|class| &class.id),
        },
    });
    answer::json(StatusCode::OK, &answer)
}

fn wish<'a>(
    call: &'a Call,
    start: String,
    max_depth: &Parameter<Depth>,
) -> Result<Wish<'a>, Failure> {
    let path_type = call.get(&known::PATH_TYPE)?;
    Ok(Wish {
        start,
        end: call.either(&known::END_ENTITY, &known::END_ENTITY_TOO)?,
        max_depth: call.get(max_depth)?,
        path_type,
    })
}

/// The ways, and whether there are more.
fn find(schema: &Schema, wish: &Wish<'_>) -> Result<(Vec<SchemaPath>, bool), Failure> {
    let Some(end) = wish.end else {
        return Ok((reachable(schema, &wish.start, wish.max_depth)?, false));
    };
    let (mut ways, more) = schema_paths(schema, &wish.start, end, wish.max_depth)?;
    if let (PathType::Shortest, Some(least)) = (wish.path_type, ways.first().map(|it| it.length)) {
        ways.retain(|way| way.length == least);
    }
    Ok((ways, more))
}

fn told(call: &Call, schema: &Schema, from: Option<&Class>, way: &SchemaPath) -> Value {
    let mut entities: Vec<&ClassName> = from.iter().map(|class| &class.id).collect();
    entities.extend(way.hops.iter().map(|hop| &hop.target_class));
    let label = |id: &&ClassName| {
        let class = schema.get(id);
        class
            .map_or(id.as_str(), |class| class.label(call.language()))
            .to_owned()
    };
    let labels: Vec<String> = entities.iter().map(label).collect();
    let predicates: Vec<&str> = way.hops.iter().map(|hop| hop.predicate.as_str()).collect();
    json!({
        "start": labels.first(),
        "end": labels.last(),
        "path": labels.join(" → "),
        "entities": entities,
        "predicates": predicates,
        "hops": way.hops,
        "length": way.length,
    })
}
