//! `ReplayJob`: rebuilds the projections of a database from its log, once.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{policy::DatabaseRef, schema::describe_by_field, status::Condition};

/// A rebuild of projections.
// The columns have the same types.
#[allow(clippy::duplicated_attributes)]
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
    doc = "Rebuilds projections of a database from its log, once. To run it again, create another object. To cancel it, delete it.",
    selectable = ".spec.databaseRef.name",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "Database",
        type_ = "string",
        json_path = ".spec.databaseRef.name"
    ),
    printcolumn(
        name = "Replayed",
        type_ = "integer",
        json_path = ".status.eventsReplayed"
    ),
    printcolumn(name = "Total", type_ = "integer", json_path = ".status.eventsTotal"),
    printcolumn(
        name = "ID",
        type_ = "string",
        json_path = ".status.externalId",
        priority = 1
    ),
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
#[x_kube(validation = Rule::new("has(self.branch) == has(oldSelf.branch) && (!has(self.branch) || self.branch == oldSelf.branch)").message("branch is immutable"))]
#[x_kube(validation = Rule::new("has(self.from) == has(oldSelf.from) && (!has(self.from) || self.from == oldSelf.from)").message("from is immutable"))]
#[x_kube(validation = Rule::new("(has(self.strategy) ? self.strategy : 'BlueGreen') == (has(oldSelf.strategy) ? oldSelf.strategy : 'BlueGreen')").message("strategy is immutable"))]
#[x_kube(validation = Rule::new("(has(self.verify) ? self.verify : true) == (has(oldSelf.verify) ? oldSelf.verify : true)").message("verify is immutable"))]
#[x_kube(validation = Rule::new("(has(self.approval) ? self.approval : 'None') == (has(oldSelf.approval) ? oldSelf.approval : 'None')").message("approval is immutable"))]
#[x_kube(validation = Rule::new("has(self.ttlSecondsAfterFinished) == has(oldSelf.ttlSecondsAfterFinished) && (!has(self.ttlSecondsAfterFinished) || self.ttlSecondsAfterFinished == oldSelf.ttlSecondsAfterFinished)").message("ttlSecondsAfterFinished is immutable"))]
#[x_kube(validation = Rule::new("has(self.instance) == has(oldSelf.instance) && (!has(self.instance) || self.instance == oldSelf.instance)").message("instance is immutable"))]
#[x_kube(validation = Rule::new("!has(self.branch) || has(self.strategy) && self.strategy == 'InPlace'").message("branch needs strategy: InPlace, because a copy is always built from the whole log"))]
#[x_kube(validation = Rule::new("!has(self.from) || has(self.strategy) && self.strategy == 'InPlace'").message("from needs strategy: InPlace, because a copy is always built from the whole log"))]
#[serde(rename_all = "camelCase")]
pub struct ReplayJobSpec {
    /// The Database object. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("databaseRef is immutable"))]
    pub database_ref: DatabaseRef,
    /// Rewrite only this branch; default: all branches. Only with strategy: `InPlace`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")
    )]
    pub branch: Option<String>,
    /// The projections to rebuild: Graph, Documents or both. Immutable.
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("targets is immutable"))]
    pub targets: Vec<ReplayTarget>,
    /// Rewrite only what was written at this log position or later; default: everything. Only with
    /// strategy: `InPlace`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub from: Option<i64>,
    /// `BlueGreen` (default) builds a copy beside the live projection and swaps it in. `InPlace`
    /// rewrites in the live projection what differs from the log. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ReplayStrategy>,
    /// Whether the result is compared with the log; default: true. A copy that differs is never
    /// swapped in. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
    /// None (default) changes what reads see as soon as the comparison is done. Manual waits until
    /// the annotation spiceharvester.dev/approve has the value of status.externalId. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ReplayApproval>,
    /// Pause the job, or do not start it yet; default: false. The only field that can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// The seconds between the end of the job and the deletion of this object; default: it stays.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: Option<i64>,
    /// The operator installation that reconciles this object; default: the one without a name.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub instance: Option<String>,
}

/// A projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
#[allow(missing_docs)]
pub enum ReplayTarget {
    Graph,
    Documents,
}

/// How a projection is rebuilt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum ReplayStrategy {
    /// A copy is built beside the live projection and swapped in (the default).
    #[default]
    BlueGreen,
    /// What differs from the log is rewritten in the live projection.
    InPlace,
}

/// Whether a person must approve the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = describe_by_field)]
pub enum ReplayApproval {
    /// Nobody (the default).
    #[default]
    None,
    /// A person, by annotation.
    Manual,
}

/// The progress and the result of the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayJobStatus {
    /// `Ready`, `Complete`, `Failed` and `Suspended` are always present; `Reconciling`, `Stalled`
    /// and `DeletionBlocked` only when true. `Ready` is true when the job is complete.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The generation that the conditions describe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The id of the replay in the API. It is the value that approves this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The database's name in the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The path of the replay in the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The number of events to replay, for all targets together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_total: Option<i64>,
    /// The number of events that are replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_replayed: Option<i64>,
    /// The number of events per second since the start, while copies are filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<i64>,
    /// Whether the result equals the log; absent until it is compared.
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

impl ReplayJob {
    /// Whether it is complete or has failed: it never changes again.
    pub fn is_finished(&self) -> bool {
        let status = self.status.as_ref();
        status.is_some_and(|status| status.completion_time.is_some())
    }
}
