//! Branches. Their names may contain `/`, so they are `{*name}` in a path.

use axum::http::Method;
use serde_json::json;
use spice_core::error::ErrorCode;

use crate::http::{
    bodies::BranchBody,
    branches::{self, Branch, BranchChange, BranchList, Named},
    operation::{Operation, Subject, reads, writes},
    parameters::known,
};

/// At the gateway.
pub(super) fn gateway() -> Subject {
    let branch = "/api/v1/databases/{db}/branches/{*name}";
    subject(vec![
        list("/api/v1/databases/{db}/branches"),
        create("/api/v1/databases/{db}/branches")
            .example(json!({"name": "feature/whatif", "from_branch": "main"})),
        get(branch),
        delete(branch),
    ])
}

/// At oms.
pub(super) fn oms() -> Subject {
    subject(vec![
        list("/api/v1/branch/{db}/list"),
        create("/api/v1/branch/{db}/create")
            .example(json!({"branch_name": "feature/whatif", "from_branch": "main"})),
        info(
            "/api/v1/branch/{db}/branch/{*name}/info",
            "getBranch",
            "Describes a branch.",
        ),
        info(
            "/api/v1/branch/{db}/{*name}/info",
            "getBranchEarlier",
            "Describes a branch, like `getBranch`; for any name that does not start with `branch/`.",
        )
        // A branch may be called `branch`.
        .also_at(&["/api/v1/branch/{db}/branch/{*name}"]),
        // A branch may be called `…/info`.
        delete("/api/v1/branch/{db}/branch/{*name}")
            .also_at(&["/api/v1/branch/{db}/branch/{*name}/info"]),
    ])
}

fn subject(operations: Vec<Operation>) -> Subject {
    Subject {
        name: "Branches",
        description: "A branch is the state of its parent at a position, plus its own changes.",
        operations,
    }
}

fn list(path: &'static str) -> Operation {
    reads(
        Method::GET,
        path,
        "listBranches",
        "Lists the branches.",
        branches::list,
    )
    .takes(known::UNBRANCHED)
    .answers::<BranchList<'_>>(200, "The branches.")
}

fn info(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    reads(Method::GET, path, id, summary, branches::get)
        .takes(known::UNBRANCHED)
        .answers::<Named<'_, Branch<'_>>>(200, "The branch.")
        .fails(&[ErrorCode::InvalidName])
}

fn delete(path: &'static str) -> Operation {
    writes(
        Method::DELETE,
        path,
        "deleteBranch",
        "Deletes a branch. `main` cannot be deleted; a protected branch needs `force`.",
        branches::delete,
    )
    .takes(&[&known::FORCE])
    .decides::<Named<'_, BranchChange<'_>>>(200, "Done, and in effect.")
    .fails(&[ErrorCode::Forbidden, ErrorCode::InvalidName])
}

fn create(path: &'static str) -> Operation {
    writes(
        Method::POST,
        path,
        "createBranch",
        "Creates a branch at the end of another branch, or at a position of it.",
        branches::create,
    )
    .body::<BranchBody>()
    .decides::<Named<'_, BranchChange<'_>>>(200, "Done, and in effect.")
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::AlreadyExists,
        ErrorCode::Deleted,
    ])
}

fn get(path: &'static str) -> Operation {
    reads(
        Method::GET,
        path,
        "getBranch",
        "Describes a branch.",
        branches::get,
    )
    .takes(known::UNBRANCHED)
    .answers::<Named<'_, Branch<'_>>>(200, "The branch.")
    .fails(&[ErrorCode::InvalidName])
}
