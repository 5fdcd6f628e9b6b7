//! The classes of a branch. Reads show the log's end (or `as_of`), with each class as it was
//! written.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use spice_core::{
    command::Action,
    error::ErrorCode,
    name::{BranchName, ClassName},
    ontology::Class,
};

use crate::http::{
    answer::{self, Answer},
    call::Call,
    databases::written,
    failure::Failure,
    render::ClassRecord,
    schema,
    submit::Submitted,
    wait::Needs,
};

/// The most classes on one page.
const PAGE: u64 = 1_000;

#[derive(Serialize)]
struct ClassPage<'a> {
    total: usize,
    ontologies: Vec<&'a ClassRecord>,
    offset: usize,
    limit: usize,
    branch: &'a BranchName,
}

pub(crate) async fn create(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let definition = call.document().await?;
    Class::create(&definition).map_err(|refusal| Failure::of_refusal(call.surface, refusal))?;
    let action = Action::CreateClass { branch, definition };
    let submitted = call.submit(database, action, None).await?;
    class_written(&submitted, "class creation accepted", StatusCode::CREATED)
}

pub(crate) async fn update(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class: ClassName = call.name(5)?;
    let expected_seq = call.expected_sequence()?;
    let patch = call.document().await?;
    if !patch.as_str().starts_with('{') {
        return Err(call.shape("body", "type", "the change of a class is an object"));
    }
    let action = Action::UpdateClass {
        branch,
        class,
        patch,
        expected_seq,
    };
    let submitted = call.submit(database, action, None).await?;
    class_written(&submitted, "class update accepted", StatusCode::OK)
}

pub(crate) async fn delete(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class: ClassName = call.name(5)?;
    let expected_seq = call.expected_sequence()?;
    let force = call.flag("force")?;
    let action = Action::DeleteClass {
        branch,
        class,
        expected_seq,
        force,
    };
    let submitted = call.submit(database, action, None).await?;
    class_written(&submitted, "class deletion accepted", StatusCode::OK)
}

fn class_written(submitted: &Submitted, message: &str, finished: StatusCode) -> Answer {
    let told: Map<String, Value> = submitted.receipt.result.read()?;
    let told = |key: &str| told.get(key).cloned().unwrap_or_default();
    let mut data = Map::new();
    data.insert("ontology_id".into(), told("class_id"));
    data.insert("class_id".into(), told("class_id"));
    data.insert("database".into(), told("db_name"));
    data.insert("branch".into(), told("branch"));
    written(submitted, message, data, finished)
}

pub(crate) async fn list(call: Call) -> Answer {
    let limit = call.bounded("limit", 100, 1..=PAGE)?;
    let offset = call.bounded("offset", 0, 0..=u64::MAX)?;
    let reading = call.reading(Needs::NOTHING).await?;
    let records = call.api.class_records(&reading).await?;
    let ontologies: Vec<&ClassRecord> = records.iter().skip(offset).take(limit).collect();
    let total = records.len();
    let page = ClassPage {
        total,
        ontologies,
        offset,
        limit,
        branch: &reading.branch,
    };
    answer::json(StatusCode::OK, &page)
}

pub(crate) async fn get(call: Call) -> Answer {
    let name = call.segment(5)?;
    let reading = call.reading(Needs::NOTHING).await?;
    let class = reading.class(&call.api, &name).await?;
    let record = call.api.class_record(&reading, &class.id).await?;
    answer::success("the class", &record)
}

pub(crate) async fn schema(call: Call) -> Answer {
    let name = call.segment(5)?;
    let format = call.parameter("format").unwrap_or("json").to_owned();
    let known = ["json", "jsonld", "owl"];
    if !known.contains(&format.as_str()) {
        let message = format!("the format is json, jsonld or owl, not {format:?}");
        return Err(Failure::new(ErrorCode::InvalidRequest, message).with("field", "format"));
    }
    let reading = call.reading(Needs::NOTHING).await?;
    let class: Arc<Class> = reading.class(&call.api, &name).await?;
    let database = &reading.snapshot.stream.database;
    match format.as_str() {
        "owl" => Ok(schema::owl(database, &class)),
        "jsonld" => answer::json(StatusCode::OK, &schema::json_ld(database, &class)),
        _ => answer::json(StatusCode::OK, &class.definition),
    }
}
