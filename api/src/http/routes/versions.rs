//! Operations between branches: diff, merge, rebase, rollback, and their older names.

use axum::http::Method;
use serde_json::json;
use spice_core::error::ErrorCode;

use crate::http::{
    answer::ApiResponse,
    branches::{
        bodies::{MergeBody, OlderMergeBody, RebaseBody, RollbackBody, VersionRollbackBody},
        diff, merge,
        merge::MergeAnswer,
        render::DiffAnswer,
    },
    operation::{Operation, Subject, reads, writes},
    parameters::{Described, known},
    version::{self, HistoryPage, VersionPage},
};

/// The parameters of a diff at both services.
const PAGE: &[&dyn Described] = &[
    &known::DIRECT,
    &known::DIFF_CLASS,
    &known::DIFF_LIMIT,
    &known::NEXT,
];

const HISTORY: &[&dyn Described] = &[&known::LIMIT, &known::NEXT];

/// The refusals of a merge, rebase or rollback.
const REFUSED: &[ErrorCode] = &[
    ErrorCode::InvalidName,
    ErrorCode::MergeConflict,
    ErrorCode::FailedPrecondition,
    ErrorCode::Timeout,
];

/// At the gateway.
pub(super) fn gateway() -> Subject {
    subject(vec![
        reads(
            Method::GET,
            "/api/v1/databases/{db}/branches/{*name}/diff",
            "diffBranch",
            "Lists what a branch changed since its common base with another branch.",
            diff::diff,
        )
        .notes(
            "Like `git diff against...name`: later changes of the other branch are not included. \
             The cost depends on the number of changes, not on the size of the database.",
        )
        .takes(&[&known::AGAINST, &known::FROM_POSITION])
        .takes(PAGE)
        .takes(known::UNBRANCHED)
        .answers::<DiffAnswer<'static>>(200, "The changes, classes first.")
        .fails(&[ErrorCode::InvalidName, ErrorCode::Timeout]),
        writes(
            Method::POST,
            "/api/v1/databases/{db}/branches/{*name}/merge",
            "mergeBranch",
            "Merges the changes of a branch into another branch, as one transaction.",
            merge::merge,
        )
        .notes(OURS)
        .body::<MergeBody>()
        .example(json!({"into": "main", "strategy": "fail", "dry_run": true}))
        .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
        .fails(REFUSED),
        writes(
            Method::POST,
            "/api/v1/databases/{db}/branches/{*name}/rebase",
            "rebaseBranch",
            "Rebases a branch onto another branch's current position, with its own changes on top.",
            merge::rebase,
        )
        .notes(OURS)
        .optional_body::<RebaseBody>()
        .example(json!({"onto": "main"}))
        .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
        .fails(REFUSED)
        .fails(&[ErrorCode::Forbidden]),
        writes(
            Method::POST,
            "/api/v1/databases/{db}/branches/{*name}/rollback",
            "rollBackBranch",
            "Restores a branch to its state at an earlier position.",
            merge::rollback,
        )
        .notes("What was deleted since then stays deleted, and is listed in `stay_deleted`.")
        .body::<RollbackBody>()
        .example(json!({"to_position": 2, "dry_run": true}))
        .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
        .fails(REFUSED),
        reads(
            Method::GET,
            "/api/v1/databases/{db}/versions",
            "listVersions",
            "Lists the commands of a branch, newest first, including those of its parents that it shows.",
            version::versions,
        )
        .takes(known::READ)
        .takes(HISTORY)
        .answers::<VersionPage<'static>>(200, "The commands.")
        .fails(&[ErrorCode::InvalidName, ErrorCode::Timeout]),
        writes(
            Method::POST,
            "/api/v1/databases/{db}/merge/simulate",
            "simulateMerge",
            "Returns what a merge would do: the older name of a dry run.",
            merge::simulate,
        )
        .body::<OlderMergeBody>()
        .example(json!({"source_branch": "feature/whatif", "target_branch": "main"}))
        .answers::<MergeAnswer<'static>>(200, "What would be done, and the open conflicts.")
        .fails(REFUSED),
        writes(
            Method::POST,
            "/api/v1/databases/{db}/merge/resolve",
            "resolveMerge",
            "Merges: the older name of `mergeBranch`.",
            merge::merge_earlier,
        )
        .notes(OLDER)
        .body::<OlderMergeBody>()
        .example(json!({
            "source_branch": "feature/whatif",
            "target_branch": "main",
            "strategy": "merge",
            "message": "take the new prices",
        }))
        .decides::<MergeAnswer<'static>>(200, "Done.")
        .fails(REFUSED),
    ])
}

/// At oms.
pub(super) fn oms() -> Subject {
    subject(vec![
        reads(
            Method::GET,
            "/api/v1/version/{db}/history",
            "getHistory",
            "Lists the commands of a branch, newest first, including those of its parents that it shows.",
            version::history,
        )
        .takes(known::READ)
        .takes(HISTORY)
        .answers::<ApiResponse<'static, HistoryPage<'static>>>(200, "The commands.")
        .fails(&[ErrorCode::InvalidName, ErrorCode::Timeout]),
        reads(
            Method::GET,
            "/api/v1/version/{db}/diff",
            "diffVersions",
            "Lists what a branch changed since its common base with another branch.",
            diff::between,
        )
        .takes(&[&known::FROM, &known::TO, &known::FROM_REF, &known::TO_REF])
        .takes(PAGE)
        .takes(known::UNBRANCHED)
        .answers::<DiffAnswer<'static>>(200, "The changes, classes first.")
        .fails(&[ErrorCode::InvalidName, ErrorCode::Timeout]),
        writes(
            Method::POST,
            "/api/v1/version/{db}/merge",
            "mergeVersions",
            "Merges the changes of a branch into another branch, as one transaction.",
            merge::merge_earlier,
        )
        .notes(OURS)
        .body::<OlderMergeBody>()
        .example(json!({"source_branch": "feature/whatif", "target_branch": "main"}))
        .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
        .fails(REFUSED),
        writes(
            Method::POST,
            "/api/v1/version/{db}/rollback",
            "rollBackVersion",
            "Restores a branch to its state at an earlier position.",
            merge::roll_version_back,
        )
        .body::<VersionRollbackBody>()
        .example(json!({"branch": "main", "to_position": 2, "dry_run": true}))
        .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
        .fails(REFUSED),
    ])
}

const OURS: &str = "`ours` is the branch that changes (the target), `theirs` is the branch whose \
                    changes are merged (the source). What was deleted stays deleted, whatever \
                    the strategy. Conflicts are answered 409 with all of them; `resolutions` \
                    decide single conflicts, each by `aggregate_id` and `property`, or by its \
                    `path`. `strategy: merge` means `fail`.";

const OLDER: &str = "Strategy and resolutions are those of `mergeBranch`. `message` and `author` \
                     are kept in the log; the history shows the message.";

fn subject(operations: Vec<Operation>) -> Subject {
    Subject {
        name: "Versions",
        description: "Operations between branches: diff, merge, rebase, rollback.",
        operations,
    }
}
