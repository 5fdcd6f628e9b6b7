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

pub(crate) async fn paths(call: Call) -> Answer {
    let start = one_of(&call, "start_entity", "source_class")?.ok_or_else(|| {
        Failure::new(ErrorCode::InvalidQuery, "start_entity is missing")
            .with("field", "start_entity")
    })?;
    let end = one_of(&call, "end_entity", "target_class")?;
    let max_depth = call.number("max_depth")?.unwrap_or(3);
    let only_shortest = match call.parameter("path_type") {
        None | Some("shortest") => true,
        Some("all") => false,
        Some(other) => {
            let message = format!("path_type is shortest or all, not {other:?}");
            return Err(Failure::new(ErrorCode::InvalidQuery, message).with("field", "path_type"));
        }
    };
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema(&call.api).await?;
    let (mut ways, more) = match end {
        Some(end) => schema_paths(&schema, start, end, max_depth)?,
        None => (reachable(&schema, start, max_depth)?, false),
    };
    if let (true, Some(_), Some(least)) = (only_shortest, end, ways.first().map(|way| way.length)) {
        ways.retain(|way| way.length == least);
    }
    let from = schema.resolve(start).cloned();
    let to = end.and_then(|end| schema.resolve(end)).cloned();
    let told: Vec<Value> = ways
        .iter()
        .map(|way| told(&call, &schema, from.as_deref(), way))
        .collect();
    let lengths = || ways.iter().map(|way| way.length);
    let answer = json!({
        "status": "success",
        "message": format!("{} paths found", ways.len()),
        "query": {
            "start_entity": start,
            "end_entity": end,
            "max_depth": max_depth,
            "path_type": if only_shortest { "shortest" } else { "all" },
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
            "start_id": from.map(|class| class.id.clone()),
            "end_id": to.map(|class| class.id.clone()),
        },
    });
    answer::json(StatusCode::OK, &answer)
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
