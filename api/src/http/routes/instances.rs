//! Instances: lists, single ones, and changes.

use axum::http::Method;
use serde_json::json;
use spice_core::error::ErrorCode;

use super::examples;
use crate::{
    http::{
        answer::CommandResult,
        bodies::{BulkBody, InstanceBody, TransactionBody},
        history::{self, InstanceHistory},
        instances,
        lists::{self, InstanceCount, InstancePage, OneInstance},
        operation::{Operation, Subject, reads, writes},
        parameters::{known, path},
        query::{self, QueryAnswer, QueryBody},
        samples,
    },
    read::samples::SampledClass,
};

/// At the gateway.
pub(super) fn gateway() -> Subject {
    subject(vec![
        list(),
        get(),
        query(),
        history(),
        sample_values(),
        create("/api/v1/databases/{db}/instances/{class}/create"),
        bulk_create("/api/v1/databases/{db}/instances/{class}/bulk-create"),
        update("/api/v1/databases/{db}/instances/{class}/{id}/update"),
        delete("/api/v1/databases/{db}/instances/{class}/{id}/delete"),
        transaction(),
    ])
}

/// At oms.
pub(super) fn oms() -> Subject {
    subject(vec![
        list(),
        get(),
        history(),
        sample_values(),
        create("/api/v1/instances/{db}/async/{class}/create"),
        bulk_create("/api/v1/instances/{db}/async/{class}/bulk-create"),
        update("/api/v1/instances/{db}/async/{class}/{id}/update"),
        delete("/api/v1/instances/{db}/async/{class}/{id}/delete"),
        list().renamed(
            "/api/v1/instance/{db}/class/{class}/instances",
            "listInstancesEarlier",
        ),
        get().renamed(
            "/api/v1/instance/{db}/class/{class}/instance/{id}",
            "getInstanceEarlier",
        ),
        count(),
    ])
}

fn subject(operations: Vec<Operation>) -> Subject {
    Subject {
        name: "Instances",
        description: "The entities of a class.",
        operations,
    }
}

fn list() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/class/{class}/instances",
        "listInstances",
        "Lists the live instances of a class.",
        lists::list,
    )
    .notes(
        "With `cursor`, every instance that exists throughout is returned exactly once, whatever \
         is written in between. With `order_by`, all pages show the state at the time of the \
         first page. `offset` counts again on each page. With `as_of`, a page costs as much as \
         the whole class, because all of it is read for `total` and for the order.",
    )
    .takes(known::READ)
    .takes(&[
        &known::SEARCH,
        &known::FILTER,
        &known::ORDER_BY,
        &known::CURSOR,
        &known::LIMIT,
        &known::INSTANCE_OFFSET,
    ])
    .speaks()
    .answers::<InstancePage<'_>>(200, "A page of instances.")
    .shows(examples::instance_page())
}

fn count() -> Operation {
    reads(
        Method::GET,
        "/api/v1/instance/{db}/class/{class}/count",
        "countInstances",
        "Counts the live instances of a class.",
        lists::count,
    )
    .takes(known::READ)
    .answers::<InstanceCount<'_>>(200, "The count.")
}

fn query() -> Operation {
    reads(
        Method::POST,
        "/api/v1/databases/{db}/query",
        "queryInstances",
        "Finds instances of a class by conditions: the earlier system's form of `listInstances`.",
        query::query,
    )
    .notes(
        "All conditions must match. `ne` and `not_in` match another value; as in SQL, an \
         instance without a value does not match, and `is_null` finds it. A property that holds \
         a list matches if one of its items matches; `ne` and `not_in` match if none is equal. A \
         result has `@id` (`Class/id`) and `@type`, then its values: those of `select` under the \
         given names, with null for missing values; otherwise all values, under labels if the \
         class is given as `class_label`, and under ids if it is given as `class_id`. `total` \
         counts all matches; the answer has `limit` of them (default 100) from `offset` on.",
    )
    .takes(known::READ)
    .body::<QueryBody>()
    .example(json!({
        "class_label": "Product",
        "filters": [{"field": "price", "operator": "ge", "value": 100}],
        "select": ["name", "price"],
        "order_by": "price",
        "order_direction": "desc",
        "limit": 10,
    }))
    .speaks()
    .answers::<QueryAnswer<'static>>(200, "A page of results.")
}

fn get() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/class/{class}/instance/{id}",
        "getInstance",
        "Returns one instance.",
        lists::get,
    )
    .takes(&[&path::INSTANCE_ID])
    .takes(known::READ)
    .speaks()
    .answers::<OneInstance<'_>>(200, "The instance.")
    .fails(&[ErrorCode::InvalidName])
}

fn history() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/class/{class}/instance/{id}/history",
        "getInstanceHistory",
        "Lists the versions of an instance, newest first: who changed it, when, and its state.",
        history::history,
    )
    .takes(&[&path::INSTANCE_ID])
    .takes(known::READ)
    .takes(&[&known::HISTORY_LIMIT, &known::NEXT])
    .notes(
        "On a branch, this includes the parents' versions that the branch shows. A deleted \
         instance has a history too; its newest version has no data.",
    )
    .answers::<InstanceHistory>(200, "A page of versions.")
    .fails(&[ErrorCode::InvalidName])
}

fn sample_values() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/class/{class}/sample-values",
        "getSampleValues",
        "Lists the values that occur, by property, with their counts.",
        samples::sample_values,
    )
    .takes(known::READ)
    .takes(&[&known::SAMPLE_LIMIT, &known::PROPERTY])
    .notes(
        "The counts are those of a sample: the first instances by id, at most `sample_limit`. \
         `complete` is true if the sample contains all instances.",
    )
    .answers::<SampledClass>(200, "The values.")
}

fn create(path: &'static str) -> Operation {
    writes(
        Method::POST,
        path,
        "createInstance",
        "Creates an instance. `{class}` is a class id or its label.",
        instances::create,
    )
    .takes(&[&known::BRANCH])
    .body::<InstanceBody>()
    .example(json!({"data": {"product_id": "chair-1", "name": "Chair", "price": 120.5}}))
    .commands::<CommandResult<'static>>(201)
    .shows(examples::instance_created())
    .fails(VALUES)
    .fails(&[ErrorCode::AlreadyExists, ErrorCode::Deleted])
}

fn bulk_create(path: &'static str) -> Operation {
    writes(
        Method::POST,
        path,
        "createInstances",
        "Creates up to 10,000 instances of a class at once.",
        instances::bulk_create,
    )
    .takes(&[&known::BRANCH, &known::ON_ERROR])
    .notes("`errors` lists each refused row by its `row`; the first row is 1.")
    .body::<BulkBody>()
    .example(json!({"instances": [{"product_id": "chair-2", "name": "Armchair"}]}))
    .commands::<CommandResult<'static>>(201)
    .fails(VALUES)
    .fails(&[ErrorCode::AlreadyExists, ErrorCode::Deleted])
}

fn update(path: &'static str) -> Operation {
    writes(
        Method::PUT,
        path,
        "updateInstance",
        "Changes an instance: given values replace the old ones, `null` removes a value.",
        instances::update,
    )
    .takes(&[&path::INSTANCE_ID, &known::BRANCH, &known::EXPECTED_SEQ])
    .body::<InstanceBody>()
    .example(json!({"data": {"price": 99}}))
    .commands::<CommandResult<'static>>(200)
    .fails(VALUES)
    .fails(&[ErrorCode::OptimisticConcurrencyConflict])
}

fn delete(path: &'static str) -> Operation {
    writes(
        Method::DELETE,
        path,
        "deleteInstance",
        "Deletes an instance. The delete is final on this branch.",
        instances::delete,
    )
    .takes(&[&path::INSTANCE_ID, &known::BRANCH, &known::EXPECTED_SEQ])
    .commands::<CommandResult<'static>>(200)
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::OptimisticConcurrencyConflict,
    ])
}

fn transaction() -> Operation {
    writes(
        Method::POST,
        "/api/v1/databases/{db}/transactions",
        "submitTransaction",
        "Changes several instances: all of them or none.",
        instances::transaction,
    )
    .takes(&[&known::BRANCH])
    .notes(
        "`detail.commands` lists each refused command by its `index` in `commands`, which counts \
         from 0. (Rows of a bulk count from 1, like the lines of a spreadsheet.)",
    )
    .body::<TransactionBody>()
    .example(json!({"commands": [
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "t1", "name": "T"}},
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "chair-1", "expected_seq": 2},
    ]}))
    .commands::<CommandResult<'static>>(200)
    .fails(VALUES)
    .fails(&[
        ErrorCode::AlreadyExists,
        ErrorCode::Deleted,
        ErrorCode::OptimisticConcurrencyConflict,
    ])
}

/// The refusals for the values of an instance.
const VALUES: &[ErrorCode] = &[
    ErrorCode::InvalidName,
    ErrorCode::UnknownLabelKeys,
    ErrorCode::ValidationFailed,
];
