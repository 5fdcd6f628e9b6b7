//! Declarations of owners.

use serde_json::{Value, json};
use spice_core::error::ErrorCode::{
    Deleted, FailedPrecondition, InvalidName, NotAdopted, Owned, StaleGeneration, UnsafeChange,
    ValidationFailed,
};

use crate::http::{
    answer::ApiResponse,
    bodies::declare::{DeclareBody, UndeclareBody},
    declare::{self, DeclareAnswer},
    gate::{ADMIN, EDITOR},
    operation::{Subject, post},
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        post(EDITOR, "declare", declare::declare)
            .at_gateway("/api/v1/databases/{db}/declare")
            .does("Brings a database, a branch or classes to the declared state.")
            .notes(
                "With `owner`, the things are claimed, which needs the role admin, like a database \
                 and `override`. A missing thing is created. An existing one is claimed if it has no owner and \
                 `adopt` allows it; one of another owner is refused (`owned`). The classes of an \
                 owner on a branch are declared as a whole: what is no longer declared is deleted. \
                 With `change_policy: Safe`, a change that loses or invalidates data is refused \
                 (`unsafe_change`) with counted findings and a hash; the same call with `approve: \
                 <hash>` carries out exactly this plan. A dry run answers the same plan. If \
                 nothing is to be changed, nothing is written. Without `owner`, nothing is claimed \
                 and nothing is deleted, `adopt` has no meaning, and what another owner holds must \
                 equal what is declared.",
            )
            .body::<DeclareBody>(json!({
                "classes": {"branch": "main", "definitions": [{
                    "id": "Shelf",
                    "label": "Shelf",
                    "properties": [{"name": "room", "type": "string"}],
                }]},
            }))
            .commands::<ApiResponse<'static, DeclareAnswer>>(200)
            .fails(&[
                InvalidName,
                Owned,
                NotAdopted,
                StaleGeneration,
                UnsafeChange,
                Deleted,
                FailedPrecondition,
                ValidationFailed,
            ]),
        post(ADMIN, "undeclare", declare::undeclare)
            .at_gateway("/api/v1/databases/{db}/undeclare")
            .does(
                "Ends the claims of an owner: the things stay, are deleted, or get another owner.",
            )
            .notes(
                "With `delete`, everything that the owner holds in the database is deleted in one \
                 transaction; what is gone already, or belongs to another owner, is passed over. \
                 With `to`, another owner gets the claims; with `only`, those on some things.",
            )
            .body::<UndeclareBody>(json!({
                "owner": example_owner(), "generation": 2, "delete": false,
            }))
            .commands::<ApiResponse<'static, DeclareAnswer>>(200)
            .fails(&[StaleGeneration, UnsafeChange, FailedPrecondition]),
    ];
    Subject {
        name: "Declarations",
        description: "An owner, for example an object of Kubernetes, declares a database, a branch \
                      or the classes of a branch. Only the owner changes them through declarations. \
                      A person can declare what has no owner.",
        operations,
    }
}

fn example_owner() -> Value {
    json!({
        "cluster": "prod",
        "kind": "Ontology",
        "namespace": "shop",
        "name": "catalog",
        "uid": "0b9b5a3e-7a1c-4c0e-9a53-6f0a6f1c2d3e",
    })
}
