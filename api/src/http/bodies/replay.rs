//! The bodies that request replays.

use schemars::JsonSchema;
use serde::Deserialize;
use spice_core::{
    handler::Projection,
    id::LogPosition,
    name::BranchName,
    replay::{Approval, Part, ReplayRequest, Scope, Strategy},
};

use crate::http::parameters::{BRANCH_PATTERN, DATABASE_PATTERN};

/// A replay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayBody {
    /// The projections; by default all.
    #[serde(default = "all")]
    #[schemars(length(min = 1, max = 2), extend("uniqueItems" = true))]
    targets: Vec<Projection>,
    /// `BlueGreen` builds a copy beside the live projection and swaps it in. `InPlace` rewrites in
    /// the live projection what differs from the log.
    #[serde(default)]
    strategy: Strategy,
    /// Whether the result is compared with the log. A copy that differs never becomes live.
    #[serde(default = "yes")]
    verify: bool,
    /// `Manual` waits for an approval after the comparison.
    #[serde(default)]
    approval: Approval,
    /// Keep the former live projection, and keep it up to date, until somebody drops it.
    #[serde(default)]
    keep_old: bool,
    /// Rewrite only this branch. Only with the strategy `InPlace`.
    #[serde(default)]
    #[schemars(
        with = "Option<String>",
        extend("pattern" = BRANCH_PATTERN, "minLength" = 1, "maxLength" = 100)
    )]
    branch: Option<BranchName>,
    /// Rewrite only what was written at this position of the log or later. Only with the strategy
    /// `InPlace`.
    #[serde(default)]
    from: Option<LogPosition>,
    /// Record the replay, but wait until somebody resumes it.
    #[serde(default)]
    pub(crate) suspend: bool,
}

fn all() -> Vec<Projection> {
    Projection::ALL.to_vec()
}

const fn yes() -> bool {
    true
}

impl ReplayBody {
    /// The request, and the name of its branch.
    pub(crate) fn into_request(self) -> (ReplayRequest, Option<BranchName>) {
        let scope = Scope {
            from: self.from,
            ..Scope::default()
        };
        let mut targets = self.targets;
        targets.sort_unstable();
        let request = ReplayRequest {
            targets,
            strategy: self.strategy,
            verify: self.verify,
            approval: self.approval,
            keep_old: self.keep_old,
            scope,
        };
        (request, self.branch)
    }
}

/// `{db_name, class_id, instance_id, branch?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayInstanceBody {
    #[schemars(regex(pattern = DATABASE_PATTERN), length(min = 3, max = 50))]
    pub(crate) db_name: String,
    /// The class, by id or label.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) class_id: String,
    #[schemars(length(min = 1, max = 255))]
    pub(crate) instance_id: String,
    /// The branch; default `main`.
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) branch: Option<String>,
}

/// `{db_name, projection, branch?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecomputeBody {
    #[schemars(regex(pattern = DATABASE_PATTERN), length(min = 3, max = 50))]
    pub(crate) db_name: String,
    /// What of the documents is rewritten.
    pub(crate) projection: Part,
    /// The branch; default `main`.
    #[serde(default)]
    #[schemars(regex(pattern = BRANCH_PATTERN), length(min = 1, max = 100))]
    pub(crate) branch: Option<String>,
}
