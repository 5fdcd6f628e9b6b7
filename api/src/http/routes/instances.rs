//! Instances: lists, single ones, and changes.

use serde_json::json;
use spice_core::error::ErrorCode::{
    AlreadyExists, Deleted, FailedPrecondition, OptimisticConcurrencyConflict, UnknownLabelKeys,
    ValidationFailed,
};

use crate::{
    http::{
        answer::CommandResult,
        bodies::{BulkBody, InstanceBody, TransactionBody},
        gate::{EDITOR, VIEWER},
        history::{self, InstanceHistory},
        instances,
        lists::{self, InstanceCount, InstancePage, OneInstance},
        operation::{Operation, Subject, ask, delete, get, post, put},
        parameters::{
            known::{
                BRANCH, CURSOR, EXPECTED_SEQ, FILTER, HISTORY_LIMIT, INSTANCE_OFFSET, LIMIT, NEXT,
                ON_ERROR, ORDER_BY, PROPERTY, READ, SAMPLE_LIMIT, SEARCH,
            },
            path::INSTANCE_ID,
        },
        query::{self, QueryAnswer, QueryBody},
        samples,
    },
    read::samples::SampledClass,
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations =
        vec![
        list("listInstances").at("/api/v1/databases/{db}/class/{class}/instances"),
        describe("getInstance").at("/api/v1/databases/{db}/class/{class}/instance/{id}"),
        ask(VIEWER, "queryInstances", query::query)
            .at_gateway("/api/v1/databases/{db}/query")
            .does(
                "Finds instances of a class by conditions: the earlier system's form of \
                 `listInstances`.",
            )
            .notes(
                "All conditions must match. `ne` and `not_in` match another value; as in SQL, an \
                 instance without a value does not match, and `is_null` finds it. A property that \
                 holds a list matches if one of its items matches; `ne` and `not_in` match if none \
                 is equal. A result has `@id` (`Class/id`) and `@type`, then its values: those of \
                 `select` under the given names, with null for missing values; otherwise all \
                 values, under labels if the class is given as `class_label`, and under ids if it \
                 is given as `class_id`. `total` counts all matches; the answer has `limit` of \
                 them (default 100) from `offset` on.",
            )
            .takes(READ)
            .body::<QueryBody>(json!({
                "class_label": "Product",
                "filters": [{"field": "price", "operator": "ge", "value": 100}],
                "select": ["name", "price"],
                "order_by": "price",
                "order_direction": "desc",
                "limit": 10,
            }))
            .speaks()
            .answers::<QueryAnswer<'static>>(200, "A page of results."),
        get(VIEWER, "getInstanceHistory", history::history)
            .at("/api/v1/databases/{db}/class/{class}/instance/{id}/history")
            .does(
                "Lists the versions of an instance, newest first: who changed it, when, and its \
                 state.",
            )
            .notes(
                "On a branch, this includes the parents' versions that the branch shows. A \
                 deleted instance has a history too; its newest version has no data.",
            )
            .takes(&[&INSTANCE_ID])
            .takes(READ)
            .takes(&[&HISTORY_LIMIT, &NEXT])
            .answers::<InstanceHistory>(200, "A page of versions."),
        get(VIEWER, "getSampleValues", samples::sample_values)
            .at("/api/v1/databases/{db}/class/{class}/sample-values")
            .does("Lists the values that occur, by property, with their counts.")
            .notes(
                "The counts are those of a sample: the first instances by id, at most \
                 `sample_limit`. `complete` is true if the sample contains all instances.",
            )
            .takes(READ)
            .takes(&[&SAMPLE_LIMIT, &PROPERTY])
            .answers::<SampledClass>(200, "The values."),
        post(EDITOR, "createInstance", instances::create)
            .at_gateway("/api/v1/databases/{db}/instances/{class}/create")
            .at_oms("/api/v1/instances/{db}/async/{class}/create")
            .does("Creates an instance. `{class}` is a class id or its label.")
            .takes(&[&BRANCH])
            .body::<InstanceBody>(
                json!({"data": {"product_id": "chair-1", "name": "Chair", "price": 120.5}}),
            )
            .commands::<CommandResult<'static>>(201)
            .shows(include_str!("examples/instance_created.json"))
            .fails(&[AlreadyExists, Deleted, UnknownLabelKeys, ValidationFailed]),
        post(EDITOR, "createInstances", instances::bulk_create)
            .at_gateway("/api/v1/databases/{db}/instances/{class}/bulk-create")
            .at_oms("/api/v1/instances/{db}/async/{class}/bulk-create")
            .does("Creates up to 10,000 instances of a class at once.")
            .notes("`errors` lists each refused row by its `row`; the first row is 1.")
            .takes(&[&BRANCH, &ON_ERROR])
            .body::<BulkBody>(json!({"instances": [{"product_id": "chair-2", "name": "Armchair"}]}))
            .commands::<CommandResult<'static>>(201)
            .fails(&[AlreadyExists, Deleted, UnknownLabelKeys, ValidationFailed]),
        put(EDITOR, "updateInstance", instances::update)
            .at_gateway("/api/v1/databases/{db}/instances/{class}/{id}/update")
            .at_oms("/api/v1/instances/{db}/async/{class}/{id}/update")
            .does("Changes an instance: given values replace the old ones, `null` removes a value.")
            .takes(&[&INSTANCE_ID, &BRANCH, &EXPECTED_SEQ])
            .body::<InstanceBody>(json!({"data": {"price": 99}}))
            .commands::<CommandResult<'static>>(200)
            .fails(&[OptimisticConcurrencyConflict])
            .fails(&[UnknownLabelKeys, ValidationFailed]),
        delete(EDITOR, "deleteInstance", instances::delete)
            .at_gateway("/api/v1/databases/{db}/instances/{class}/{id}/delete")
            .at_oms("/api/v1/instances/{db}/async/{class}/{id}/delete")
            .does("Deletes an instance. The delete is final on this branch.")
            .takes(&[&INSTANCE_ID, &BRANCH, &EXPECTED_SEQ])
            .commands::<CommandResult<'static>>(200)
            .fails(&[OptimisticConcurrencyConflict]),
        post(EDITOR, "submitTransaction", instances::transaction)
            .at_gateway("/api/v1/databases/{db}/transactions")
            .does("Changes several instances and classes: all of them or none.")
            .notes(
                "`detail.commands` lists each refused command by its `index` in `commands`, which \
                 counts from 0. (Rows of a bulk count from 1, like the lines of a spreadsheet.)",
            )
            .takes(&[&BRANCH])
            .body::<TransactionBody>(json!({"commands": [
                {
                    "type": "CREATE_INSTANCE",
                    "class": "Product",
                    "data": {"product_id": "t1", "name": "T"},
                },
                {"type": "DELETE_INSTANCE", "class": "Product", "id": "chair-1", "expected_seq": 2},
            ]}))
            .commands::<CommandResult<'static>>(200)
            .fails(&[AlreadyExists, Deleted, FailedPrecondition, OptimisticConcurrencyConflict])
            .fails(&[UnknownLabelKeys, ValidationFailed]),
        list("listInstancesEarlier").at_oms("/api/v1/instance/{db}/class/{class}/instances"),
        describe("getInstanceEarlier").at_oms("/api/v1/instance/{db}/class/{class}/instance/{id}"),
        get(VIEWER, "countInstances", lists::count)
            .at_oms("/api/v1/instance/{db}/class/{class}/count")
            .does("Counts the live instances of a class.")
            .takes(READ)
            .answers::<InstanceCount<'_>>(200, "The count."),
    ];
    Subject {
        name: "Instances",
        description: "The entities of a class.",
        operations,
    }
}

fn list(id: &'static str) -> Operation {
    get(VIEWER, id, lists::list)
        .does("Lists the live instances of a class.")
        .notes(
            "With `cursor`, every instance that exists throughout is returned exactly once, \
             whatever is written in between. With `order_by`, all pages show the state at the \
             time of the first page. `offset` counts again on each page. With `as_of`, a page \
             costs as much as the whole class, because all of it is read for `total` and for the \
             order.",
        )
        .takes(READ)
        .takes(&[&SEARCH, &FILTER, &ORDER_BY, &CURSOR])
        .takes(&[&LIMIT, &INSTANCE_OFFSET])
        .speaks()
        .answers::<InstancePage<'_>>(200, "A page of instances.")
        .shows(include_str!("examples/instance_page.json"))
}

fn describe(id: &'static str) -> Operation {
    get(VIEWER, id, lists::get)
        .does("Returns one instance.")
        .takes(&[&INSTANCE_ID])
        .takes(READ)
        .speaks()
        .answers::<OneInstance<'_>>(200, "The instance.")
}
