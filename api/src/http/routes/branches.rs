//! Branches. Their names may contain `/`, so they are `{*name}` in a path.

use serde_json::{Value, json};
use spice_core::error::ErrorCode::{AlreadyExists, Deleted, Forbidden};

use crate::http::{
    bodies::BranchBody,
    branches::{self, Branch, BranchChange, BranchList, Named},
    gate::{EDITOR, VIEWER},
    operation::{Operation, Subject, delete, get, post},
    parameters::known::{FORCE, UNBRANCHED},
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        get(VIEWER, "listBranches", branches::list)
            .at_gateway("/api/v1/databases/{db}/branches")
            .at_oms("/api/v1/branch/{db}/list")
            .does("Lists the branches.")
            .takes(UNBRANCHED)
            .answers::<BranchList<'_>>(200, "The branches."),
        create(json!({"name": "feature/whatif", "from_branch": "main"}))
            .at_gateway("/api/v1/databases/{db}/branches"),
        create(json!({"branch_name": "feature/whatif", "from_branch": "main"}))
            .at_oms("/api/v1/branch/{db}/create"),
        describe("getBranch")
            .at_gateway("/api/v1/databases/{db}/branches/{*name}")
            .at_oms("/api/v1/branch/{db}/branch/{*name}/info")
            .does("Describes a branch."),
        // A branch may be called `branch`.
        describe("getBranchEarlier")
            .at_oms("/api/v1/branch/{db}/{*name}/info")
            .also_at(
                "/api/v1/branch/{db}/branch/{*name}",
                "/api/v1/branch/{db}/{*name}/info",
            )
            .does(
                "Describes a branch, like `getBranch`; for any name that does not start with \
                 `branch/`.",
            ),
        // A branch may be called `…/info`.
        delete(EDITOR, "deleteBranch", branches::delete)
            .at_gateway("/api/v1/databases/{db}/branches/{*name}")
            .at_oms("/api/v1/branch/{db}/branch/{*name}")
            .also_at(
                "/api/v1/branch/{db}/branch/{*name}/info",
                "/api/v1/branch/{db}/branch/{*name}",
            )
            .does("Deletes a branch. `main` cannot be deleted; a protected branch needs `force`.")
            .takes(&[&FORCE])
            .decides::<Named<'_, BranchChange<'_>>>(200, "Done, and in effect.")
            .fails(&[Forbidden]),
    ];
    Subject {
        name: "Branches",
        description: "A branch is the state of its parent at a position, plus its own changes.",
        operations,
    }
}

fn create(example: Value) -> Operation {
    post(EDITOR, "createBranch", branches::create)
        .does("Creates a branch at the end of another branch, or at a position of it.")
        .body::<BranchBody>(example)
        .decides::<Named<'_, BranchChange<'_>>>(200, "Done, and in effect.")
        .fails(&[AlreadyExists, Deleted])
}

fn describe(id: &'static str) -> Operation {
    get(VIEWER, id, branches::get)
        .takes(UNBRANCHED)
        .answers::<Named<'_, Branch<'_>>>(200, "The branch.")
}
