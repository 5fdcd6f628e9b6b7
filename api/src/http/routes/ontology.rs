//! The classes of a branch.

use axum::http::Method;
use serde_json::{Map, Value, json};
use spice_core::error::ErrorCode;

use crate::{
    http::{
        answer::ApiResponse,
        bodies::class::{ClassChange, ClassDefinition},
        databases::Written,
        ontology::{self, ClassPage, ClassSubject},
        operation::{Operation, Subject, reads, writes},
        parameters::known,
    },
    read::classes::ClassRecord,
};

const CLASSES: &str = "/api/v1/databases/{db}/ontology";
const CLASS: &str = "/api/v1/databases/{db}/ontology/{class}";
/// A class may be called `list`; only `GET` of its path is another call.
const CLASS_NAMED_LIST: &str = "/api/v1/databases/{db}/ontology/list";

/// At the gateway, including the earlier system's names.
pub(super) fn gateway() -> Subject {
    let mut operations = operations();
    operations.extend([
        create(
            "/api/v1/databases/{db}/ontology-advanced",
            "createClassAdvanced",
            "Creates a class: an earlier name of `createClass` that also checks relationships.",
        ),
        create(
            "/api/v1/databases/{db}/classes",
            "createClassEarlier",
            "Creates a class: an earlier name of `createClass`.",
        ),
        list().renamed("/api/v1/databases/{db}/classes", "listClassesEarlier"),
        get(
            "/api/v1/databases/{db}/classes/{class}",
            "getClassEarlier",
            "Returns a class as it was written: an earlier name of `getClass`.",
        ),
    ]);
    subject(operations)
}

/// At oms.
pub(super) fn oms() -> Subject {
    let mut operations = operations();
    operations.push(list().renamed(CLASSES, "listClassesEarlier"));
    subject(operations)
}

fn subject(operations: Vec<Operation>) -> Subject {
    Subject {
        name: "Ontology",
        description: "The classes of a branch define what its instances contain.",
        operations,
    }
}

fn operations() -> Vec<Operation> {
    vec![
        create(CLASSES, "createClass", "Creates a class."),
        list(),
        get(CLASS, "getClass", "Returns a class as it was written."),
        update(),
        delete(),
        schema(),
    ]
}

fn create(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    writes(Method::POST, path, id, summary, ontology::create)
    .takes(&[&known::BRANCH])
    .body::<ClassDefinition>()
    .example(json!({
        "id": "Product",
        "label": {"en": "Product", "ko": "제품"},
        "properties": [
            {"name": "product_id", "type": "string", "primaryKey": true, "required": true},
            {"name": "name", "type": "string", "required": true},
            {"name": "price", "type": "decimal", "constraints": {"min": 0}},
        ],
        "relationships": [{"predicate": "owned_by", "target": "Customer", "cardinality": "n:1"}],
    }))
    .commands::<ApiResponse<'static, Written<ClassSubject>>>(201)
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::AlreadyExists,
        ErrorCode::Deleted,
        ErrorCode::ValidationFailed,
    ])
}

fn list() -> Operation {
    reads(
        Method::GET,
        CLASS_NAMED_LIST,
        "listClasses",
        "Lists the classes of a branch.",
        ontology::list,
    )
    .takes(known::READ)
    .takes(&[&known::LIMIT, &known::OFFSET])
    .answers::<ClassPage<'_>>(200, "A page of classes.")
    .speaks()
}

fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    reads(Method::GET, path, id, summary, ontology::get)
        .takes(known::READ)
        .answers::<ApiResponse<'static, ClassRecord>>(200, "The class.")
        .speaks()
}

fn update() -> Operation {
    writes(
        Method::PUT,
        CLASS,
        "updateClass",
        "Changes a class: given fields replace the old ones, lists as a whole; other fields stay.",
        ontology::update,
    )
    .also_at(&[CLASS_NAMED_LIST])
    .takes(&[&known::BRANCH, &known::EXPECTED_SEQ])
    .body::<ClassChange>()
    .example(json!({"description": "What is for sale"}))
    .commands::<ApiResponse<'static, Written<ClassSubject>>>(200)
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::OptimisticConcurrencyConflict,
        ErrorCode::FailedPrecondition,
        ErrorCode::ValidationFailed,
    ])
}

fn delete() -> Operation {
    writes(
        Method::DELETE,
        CLASS,
        "deleteClass",
        "Deletes a class. A class that has instances, is a parent or is referred to needs `force`, which also deletes its instances.",
        ontology::delete,
    )
    .also_at(&[CLASS_NAMED_LIST])
    .takes(&[&known::BRANCH, &known::EXPECTED_SEQ, &known::FORCE])
    .commands::<ApiResponse<'static, Written<ClassSubject>>>(200)
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::OptimisticConcurrencyConflict,
        ErrorCode::FailedPrecondition,
    ])
}

fn schema() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/ontology/{class}/schema",
        "exportClass",
        "Exports a class for other tools.",
        ontology::schema,
    )
    .takes(known::READ)
    .takes(&[&known::FORMAT])
    .answers::<Map<String, Value>>(200, "The class.")
    .answers_as::<String>(200, "text/turtle; charset=utf-8", "The class.")
}
