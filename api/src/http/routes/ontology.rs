//! The classes of a branch.

use serde_json::{Map, Value, json};
use spice_core::error::ErrorCode::{
    AlreadyExists, Deleted, FailedPrecondition, OptimisticConcurrencyConflict, ValidationFailed,
};

use crate::{
    http::{
        answer::ApiResponse,
        bodies::class::{ClassChange, ClassDefinition},
        databases::Written,
        gate::{EDITOR, VIEWER},
        ontology::{self, ClassPage, ClassSubject},
        operation::{Operation, Subject, delete, get, post, put},
        parameters::known::{BRANCH, EXPECTED_SEQ, FORCE, FORMAT, LIMIT, OFFSET, READ},
    },
    read::classes::ClassRecord,
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        create("createClass")
            .at("/api/v1/databases/{db}/ontology")
            .does("Creates a class."),
        list("listClasses").at("/api/v1/databases/{db}/ontology/list"),
        describe("getClass")
            .at("/api/v1/databases/{db}/ontology/{class}")
            .does("Returns a class as it was written."),
        put(EDITOR, "updateClass", ontology::update)
            .at("/api/v1/databases/{db}/ontology/{class}")
            .does(
                "Changes a class: given fields replace the old ones, lists as a whole; other \
                 fields stay.",
            )
            .takes(&[&BRANCH, &EXPECTED_SEQ])
            .body::<ClassChange>(json!({"description": "What is for sale"}))
            .commands::<ApiResponse<'static, Written<ClassSubject>>>(200)
            .fails(&[OptimisticConcurrencyConflict])
            .fails(&[FailedPrecondition, ValidationFailed]),
        delete(EDITOR, "deleteClass", ontology::delete)
            .at("/api/v1/databases/{db}/ontology/{class}")
            .does(
                "Deletes a class. A class that has instances, is a parent or is referred to needs \
                 `force`, which also deletes its instances.",
            )
            .takes(&[&BRANCH, &EXPECTED_SEQ, &FORCE])
            .commands::<ApiResponse<'static, Written<ClassSubject>>>(200)
            .fails(&[OptimisticConcurrencyConflict, FailedPrecondition]),
        get(VIEWER, "exportClass", ontology::schema)
            .at("/api/v1/databases/{db}/ontology/{class}/schema")
            .does("Exports a class for other tools.")
            .takes(READ)
            .takes(&[&FORMAT])
            .answers::<Map<String, Value>>(200, "The class.")
            .answers_as::<String>(200, "text/turtle; charset=utf-8", "The class."),
        // The earlier system's names.
        create("createClassAdvanced")
            .at_gateway("/api/v1/databases/{db}/ontology-advanced")
            .does(
                "Creates a class: an earlier name of `createClass` that also checks relationships.",
            ),
        create("createClassEarlier")
            .at_gateway("/api/v1/databases/{db}/classes")
            .does("Creates a class: an earlier name of `createClass`."),
        list("listClassesEarlier")
            .at_gateway("/api/v1/databases/{db}/classes")
            .at_oms("/api/v1/databases/{db}/ontology"),
        describe("getClassEarlier")
            .at_gateway("/api/v1/databases/{db}/classes/{class}")
            .does("Returns a class as it was written: an earlier name of `getClass`."),
    ];
    Subject {
        name: "Ontology",
        description: "The classes of a branch define what its instances contain.",
        operations,
    }
}

fn create(id: &'static str) -> Operation {
    post(EDITOR, id, ontology::create)
        .takes(&[&BRANCH])
        .body::<ClassDefinition>(json!({
            "id": "Product",
            "label": {"en": "Product", "ko": "제품"},
            "properties": [
                {"name": "product_id", "type": "string", "primaryKey": true, "required": true},
                {"name": "name", "type": "string", "required": true},
                {"name": "price", "type": "decimal", "constraints": {"min": 0}},
            ],
            "relationships": [
                {"predicate": "owned_by", "target": "Customer", "cardinality": "n:1"},
            ],
        }))
        .commands::<ApiResponse<'static, Written<ClassSubject>>>(201)
        .fails(&[AlreadyExists, Deleted, ValidationFailed])
}

fn list(id: &'static str) -> Operation {
    get(VIEWER, id, ontology::list)
        .does("Lists the classes of a branch.")
        .takes(READ)
        .takes(&[&LIMIT, &OFFSET])
        .answers::<ClassPage<'_>>(200, "A page of classes.")
        .speaks()
}

fn describe(id: &'static str) -> Operation {
    get(VIEWER, id, ontology::get)
        .takes(READ)
        .answers::<ApiResponse<'static, ClassRecord>>(200, "The class.")
        .speaks()
}
