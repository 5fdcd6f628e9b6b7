//! The classes of a branch. Reads show the current state (or `as_of`), with each class as it was
//! written.

use std::sync::Arc;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spice_core::{
    command::Action,
    name::{BranchName, ClassName, DatabaseName},
    ontology::{Class, Schema},
};

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        databases::answer_write,
        failure::Failure,
        parameters::{
            known::{self, Format},
            path,
        },
        schema::Export,
        submit::Submitted,
    },
    read::{classes::ClassRecord, wait::Needs},
};

/// A page of classes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClassPage<'a> {
    total: usize,
    ontologies: Vec<ClassRecord>,
    offset: usize,
    limit: usize,
    branch: &'a BranchName,
}

/// The subject of a command on a class.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Class")]
pub(crate) struct ClassSubject {
    ontology_id: ClassName,
    #[serde(flatten)]
    result: ClassResult,
}

/// The class part of a receipt.
#[derive(Serialize, Deserialize, JsonSchema)]
struct ClassResult {
    class_id: ClassName,
    #[serde(alias = "db_name")]
    database: DatabaseName,
    branch: BranchName,
    /// The number of instances that were deleted together with the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_instances: Option<u64>,
}

pub(crate) async fn create(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let definition = call.document().await?;
    Class::create(&definition).map_err(|refusal| Failure::of_refusal(call.surface, refusal))?;
    let action = Action::CreateClass { branch, definition };
    let submitted = call.submit(database, action, None).await?;
    answer_class(&submitted, "class creation accepted", StatusCode::CREATED)
}

pub(crate) async fn update(mut call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class: ClassName = call.get(&path::CLASS)?.parse()?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let patch = call.document().await?;
    if !patch.as_str().starts_with('{') {
        return Err(call
            .given
            .shape("body", "type", "the change of a class must be an object"));
    }
    let action = Action::UpdateClass {
        branch,
        class,
        patch,
        expected_seq,
    };
    let submitted = call.submit(database, action, None).await?;
    answer_class(&submitted, "class update accepted", StatusCode::OK)
}

pub(crate) async fn delete(call: Call) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let class: ClassName = call.get(&path::CLASS)?.parse()?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let force = call.get(&known::FORCE)?;
    let action = Action::DeleteClass {
        branch,
        class,
        expected_seq,
        force,
    };
    let submitted = call.submit(database, action, None).await?;
    answer_class(&submitted, "class deletion accepted", StatusCode::OK)
}

fn answer_class(submitted: &Submitted, message: &str, finished: StatusCode) -> Answer {
    let result: ClassResult = submitted.receipt.result.read()?;
    let subject = ClassSubject {
        ontology_id: result.class_id.clone(),
        result,
    };
    answer_write(submitted, message, subject, finished)
}

pub(crate) async fn list(call: Call) -> Answer {
    let reading = call.reading(Needs::NOTHING).await?;
    let limit = call.get(&known::LIMIT)?;
    let offset = call.get(&known::OFFSET)?;
    let records = reading.class_records().await?;
    let schema = reading.schema().await?;
    let total = records.len();
    let shown = records.into_iter().skip(offset).take(limit);
    let ontologies = shown
        .map(|record| labelled(&call, &schema, record))
        .collect::<Result<_, _>>()?;
    answer::ok(&ClassPage {
        total,
        ontologies,
        offset,
        limit,
        branch: &reading.branch,
    })
}

/// A class as it was written, with its label if a language is requested.
fn labelled(call: &Call, schema: &Schema, mut record: ClassRecord) -> Result<ClassRecord, Failure> {
    let language = call.language();
    if language.is_some() {
        let class = schema.get(&record.id()?);
        record.class_label = class.map(|class| class.label(language).to_owned());
    }
    Ok(record)
}

pub(crate) async fn get(call: Call) -> Answer {
    let name = call.get(&path::CLASS)?;
    let reading = call.reading(Needs::NOTHING).await?;
    let id = match reading.class(&name).await {
        Ok(class) => class.id.clone(),
        // Its record knows whether it was deleted.
        Err(missing) => name.parse::<ClassName>().map_err(|_| missing)?,
    };
    let record = reading.class_record(&id).await?;
    let schema = reading.schema().await?;
    answer::success("the class", labelled(&call, &schema, record)?)
}

pub(crate) async fn schema(call: Call) -> Answer {
    let name = call.get(&path::CLASS)?;
    let format = call.get(&known::FORMAT)?;
    let reading = call.reading(Needs::NOTHING).await?;
    let class: Arc<Class> = reading.class(&name).await?;
    let schema = reading.schema().await?;
    let export = Export::of(&reading.snapshot.stream.database, &schema, &class);
    match format {
        Format::Owl => Ok(export.owl()),
        Format::JsonLd => answer::ok(&export.json_ld()),
        Format::Json => {
            let resolved = schema.resolved_definition(&class.id)?;
            answer::ok(resolved.as_ref().unwrap_or(&class.definition))
        }
    }
}
