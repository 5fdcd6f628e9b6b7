//! `ReplayJob`: rebuilds the projections of a database from its log, once.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DatabaseRef, status::Condition};

/// A rebuild of projections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "spiceharvester.dev",
    version = "v1alpha1",
    kind = "ReplayJob",
    plural = "replayjobs",
    namespaced,
    status = "ReplayJobStatus",
    derive = "PartialEq",
    shortname = "rj",
    category = "spice",
    doc = "Rebuilds projections of a database from its log, once. To run it again, create another object.",
    selectable = ".spec.databaseRef.name",
    printcolumn(
        name = "Complete",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Complete\")].status"
    ),
    printcolumn(
        name = "Failed",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Failed\")].status"
    ),
    printcolumn(
        name = "Database",
        type_ = "string",
        json_path = ".spec.databaseRef.name"
    ),
    printcolumn(
        name = "Events",
        type_ = "integer",
        json_path = ".status.eventsReplayed"
    ),
    printcolumn(name = "Of", type_ = "integer", json_path = ".status.eventsTotal"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[x_kube(validation = Rule::new("self.targets == oldSelf.targets").message("targets is immutable"))]
#[x_kube(validation = Rule::new("has(self.branch) == has(oldSelf.branch) && (!has(self.branch) || self.branch == oldSelf.branch)").message("branch is immutable"))]
#[x_kube(validation = Rule::new("has(self.from) == has(oldSelf.from) && (!has(self.from) || self.from == oldSelf.from)").message("from is immutable"))]
#[x_kube(validation = Rule::new("(has(self.strategy) ? self.strategy : 'BlueGreen') == (has(oldSelf.strategy) ? oldSelf.strategy : 'BlueGreen')").message("strategy is immutable"))]
#[x_kube(validation = Rule::new("(has(self.verify) ? self.verify : true) == (has(oldSelf.verify) ? oldSelf.verify : true)").message("verify is immutable"))]
#[x_kube(validation = Rule::new("(has(self.approval) ? self.approval : 'None') == (has(oldSelf.approval) ? oldSelf.approval : 'None')").message("approval is immutable"))]
#[x_kube(validation = Rule::new("has(self.ttlSecondsAfterFinished) == has(oldSelf.ttlSecondsAfterFinished) && (!has(self.ttlSecondsAfterFinished) || self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished)").message("ttlSecondsAfterFinished is immutable"))]
#[x_kube(validation = Rule::new("has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)").message("instance is immutable"))]
#[x_kube(validation = Rule::new("!has(self.from) || has(self.strategy) && self.strategy == 'InPlace'").message("from is only for strategy InPlace: a new copy is always built from the start of the log"))]
#[x_kube(validation = Rule::new("!has(self.branch) || has(self.strategy) && self.strategy == 'InPlace'").message("branch is only for strategy InPlace: a new copy is always built of all branches"))]
#[serde(rename_all = "camelCase")]
pub struct ReplayJobSpec {
    /// The Database object. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("databaseRef is immutable"))]
    pub database_ref: DatabaseRef,
    /// Only this branch, with strategy InPlace; default: all branches. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    )]
    pub branch: Option<String>,
    /// The projections to rebuild. Immutable.
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub targets: Vec<ReplayTarget>,
    /// Only what was written at this log position or later, with strategy InPlace; default:
    /// everything. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub from: Option<i64>,
    /// BlueGreen (default) builds a copy beside the live one and swaps them; InPlace rewrites
    /// in the live one what differs from the log. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ReplayStrategy>,
    /// Whether the copy is compared with the log before the swap; default: true. A copy that
    /// differs is never swapped. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
    /// None (default) swaps at once; Manual waits for the annotation
    /// spiceharvester.dev/approve. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Pause the job. This is the only field that can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// Seconds after the end of the job until this object is deleted; default: it stays.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i64>,
    /// The operator installation that reconciles this object; default: the one without a name.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub instance: Option<String>,
}

/// A projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReplayTarget {
    Graph,
    Documents,
}

/// How a projection is rebuilt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReplayStrategy {
    #[default]
    BlueGreen,
    InPlace,
}

/// Whether a person must agree before the swap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Approval {
    #[default]
    None,
    Manual,
}

/// The progress and the result of the job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayJobStatus {
    /// `Complete`, `Failed` and `Suspended` as of a Job, and `Ready`.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The generation that the conditions describe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The id of the task in the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The database's name in the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The events to replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_total: Option<i64>,
    /// The events replayed so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_replayed: Option<i64>,
    /// The events per second since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<i64>,
    /// Whether the copy equals the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digests_match: Option<bool>,
    /// When the job started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub start_time: Option<String>,
    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub completion_time: Option<String>,
}
