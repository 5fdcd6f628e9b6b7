//! Ways from class to class, by the names of the earlier system.

use axum::http::StatusCode;
use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    name::ClassName,
    ontology::{Class, Schema},
};

use crate::{
    graph_query::{SchemaPath, reachable, schema_paths},
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
        wait::Needs,
    },
};

/// The most hops of a path when nothing is said.
const USUAL_DEPTH: u64 = 3;
/// The same, of the earlier call with a class in its path.
const EARLIER_DEPTH: u64 = 5;

/// What is asked for.
struct Wish<'a> {
    start: String,
    end: Option<&'a str>,
    max_depth: u64,
    only_shortest: bool,
}

pub(crate) async fn paths(call: Call) -> Answer {
    let start = one_of(&call, "start_entity", "source_class")?.ok_or_else(|| {
        Failure::new(ErrorCode::InvalidQuery, "start_entity is missing")
            .with("field", "start_entity")
    })?;
    let wish = wish(&call, start.to_owned(), USUAL_DEPTH)?;
    respond(&call, wish).await
}

/// oms: `/ontology/{db}/relationship-paths/{class}`
pub(crate) async fn paths_from(call: Call) -> Answer {
    let wish = wish(&call, call.segment(5)?, EARLIER_DEPTH)?;
    respond(&call, wish).await
}

/// oms: `/ontology/{db}/reachable-entities/{class}`
pub(crate) async fn reachable_from(call: Call) -> Answer {
    let wish = wish(&call, call.segment(5)?, USUAL_DEPTH)?;
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
            "path_type": if wish.only_shortest { "shortest" } else { "all" },
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

fn wish(call: &Call, start: String, usual_depth: u64) -> Result<Wish<'_>, Failure> {
    let only_shortest = match call.parameter("path_type") {
        None | Some("shortest") => true,
        Some("all") => false,
        Some(other) => {
            let message = format!("path_type is shortest or all, not {other:?}");
            return Err(Failure::new(ErrorCode::InvalidQuery, message).with("field", "path_type"));
        }
    };
    Ok(Wish {
        start,
        end: one_of(call, "end_entity", "target_class")?,
        max_depth: call.number("max_depth")?.unwrap_or(usual_depth),
        only_shortest,
    })
}

/// The ways, and whether there are more.
fn find(schema: &Schema, wish: &Wish<'_>) -> Result<(Vec<SchemaPath>, bool), Failure> {
    let Some(end) = wish.end else {
        return Ok((reachable(schema, &wish.start, wish.max_depth)?, false));
    };
    let (mut ways, more) = schema_paths(schema, &wish.start, end, wish.max_depth)?;
    if let (true, Some(least)) = (wish.only_shortest, ways.first().map(|way| way.length)) {
        ways.retain(|way| way.length == least);
    }
    Ok((ways, more))
}

/// A parameter under its two names.
fn one_of<'a>(call: &'a Call, name: &str, other: &str) -> Result<Option<&'a str>, Failure> {
    match (call.parameter(name), call.parameter(other)) {
        (Some(_), Some(_)) => {
            let message = format!("{name} and {other} are one; give one of them");
            Err(Failure::new(ErrorCode::InvalidQuery, message).with("field", other))
        }
        (one, two) => Ok(one.or(two)),
    }
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
