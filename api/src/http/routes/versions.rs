//! Operations between branches: diff, merge, rebase, rollback, and their older names.

use serde_json::json;
use spice_core::error::ErrorCode::{self, FailedPrecondition, Forbidden, MergeConflict, Timeout};

use crate::http::{
    answer::ApiResponse,
    branches::{
        bodies::{MergeBody, OlderMergeBody, RebaseBody, RollbackBody, VersionRollbackBody},
        diff::{self, DiffAnswer},
        merge::{self, MergeAnswer},
    },
    gate::{EDITOR, VIEWER},
    operation::{Subject, get, post},
    parameters::{
        Described,
        known::{
            AGAINST, DIFF_CLASS, DIFF_LIMIT, DIRECT, FROM, FROM_POSITION, FROM_REF, LIMIT, NEXT,
            READ, TO, TO_REF, UNBRANCHED,
        },
    },
    version::{self, HistoryPage, VersionPage},
};

/// The parameters of a diff at both services.
const PAGE: &[&dyn Described] = &[&DIRECT, &DIFF_CLASS, &DIFF_LIMIT, &NEXT];

/// The refusals of a merge, rebase or rollback.
const REFUSED: &[ErrorCode] = &[MergeConflict, FailedPrecondition, Timeout];

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        get(VIEWER, "diffBranch", diff::diff)
            .at_gateway("/api/v1/databases/{db}/branches/{*name}/diff")
            .does("Lists what a branch changed since its common base with another branch.")
            .notes(
                "Like `git diff against...name`: later changes of the other branch are not \
                 included. The cost depends on the number of changes, not on the size of the \
                 database.",
            )
            .takes(&[&AGAINST, &FROM_POSITION])
            .takes(PAGE)
            .takes(UNBRANCHED)
            .answers::<DiffAnswer<'static>>(200, "The changes, classes first."),
        post(EDITOR, "mergeBranch", merge::merge)
            .at_gateway("/api/v1/databases/{db}/branches/{*name}/merge")
            .does("Merges the changes of a branch into another branch, as one transaction.")
            .notes(OURS)
            .body::<MergeBody>(json!({"into": "main", "strategy": "fail", "dry_run": true}))
            .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
            .fails(REFUSED),
        post(EDITOR, "rebaseBranch", merge::rebase)
            .at_gateway("/api/v1/databases/{db}/branches/{*name}/rebase")
            .does(
                "Rebases a branch onto another branch's current position, with its own changes on \
                 top.",
            )
            .notes(OURS)
            .optional_body::<RebaseBody>(Some(json!({"onto": "main"})))
            .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
            .fails(REFUSED)
            .fails(&[Forbidden]),
        post(EDITOR, "rollBackBranch", merge::rollback)
            .at_gateway("/api/v1/databases/{db}/branches/{*name}/rollback")
            .does("Restores a branch to its state at an earlier position.")
            .notes("What was deleted since then stays deleted, and is listed in `stay_deleted`.")
            .body::<RollbackBody>(json!({"to_position": 2, "dry_run": true}))
            .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
            .fails(REFUSED),
        get(VIEWER, "listVersions", version::versions)
            .at_gateway("/api/v1/databases/{db}/versions")
            .does(COMMANDS)
            .takes(READ)
            .takes(&[&LIMIT, &NEXT])
            .answers::<VersionPage>(200, "The commands."),
        post(VIEWER, "simulateMerge", merge::simulate)
            .at_gateway("/api/v1/databases/{db}/merge/simulate")
            .does("Returns what a merge would do: the older name of a dry run.")
            .body::<OlderMergeBody>(
                json!({"source_branch": "feature/whatif", "target_branch": "main"}),
            )
            .answers::<MergeAnswer<'static>>(200, "What would be done, and the open conflicts.")
            .fails(REFUSED),
        post(EDITOR, "resolveMerge", merge::merge_earlier)
            .at_gateway("/api/v1/databases/{db}/merge/resolve")
            .does("Merges: the older name of `mergeBranch`.")
            .notes(
                "Strategy and resolutions are those of `mergeBranch`. `message` and `author` are \
                 kept in the log; the history shows the message.",
            )
            .body::<OlderMergeBody>(json!({
                "source_branch": "feature/whatif",
                "target_branch": "main",
                "strategy": "merge",
                "message": "take the new prices",
            }))
            .decides::<MergeAnswer<'static>>(200, "Done.")
            .fails(REFUSED),
        get(VIEWER, "getHistory", version::history)
            .at_oms("/api/v1/version/{db}/history")
            .does(COMMANDS)
            .takes(READ)
            .takes(&[&LIMIT, &NEXT])
            .answers::<ApiResponse<'static, HistoryPage>>(200, "The commands."),
        get(VIEWER, "diffVersions", diff::between)
            .at_oms("/api/v1/version/{db}/diff")
            .does("Lists what a branch changed since its common base with another branch.")
            .takes(&[&FROM, &TO, &FROM_REF, &TO_REF])
            .takes(PAGE)
            .takes(UNBRANCHED)
            .answers::<DiffAnswer<'static>>(200, "The changes, classes first."),
        post(EDITOR, "mergeVersions", merge::merge_earlier)
            .at_oms("/api/v1/version/{db}/merge")
            .does("Merges the changes of a branch into another branch, as one transaction.")
            .notes(OURS)
            .body::<OlderMergeBody>(
                json!({"source_branch": "feature/whatif", "target_branch": "main"}),
            )
            .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
            .fails(REFUSED),
        post(EDITOR, "rollBackVersion", merge::roll_version_back)
            .at_oms("/api/v1/version/{db}/rollback")
            .does("Restores a branch to its state at an earlier position.")
            .body::<VersionRollbackBody>(
                json!({"branch": "main", "to_position": 2, "dry_run": true}),
            )
            .decides::<MergeAnswer<'static>>(200, "Done, or what would be done.")
            .fails(REFUSED),
    ];
    Subject {
        name: "Versions",
        description: "Operations between branches: diff, merge, rebase, rollback.",
        operations,
    }
}

const COMMANDS: &str = "Lists the commands of a branch, newest first, including those of its \
                        parents that it shows.";

const OURS: &str = "`ours` is the branch that changes (the target), `theirs` is the branch whose \
                    changes are merged (the source). What was deleted stays deleted, whatever \
                    the strategy. Conflicts are answered 409 with all of them; `resolutions` \
                    decide single conflicts, each by `aggregate_id` and `property`, or by its \
                    `path`. `strategy: merge` means `fail`.";
