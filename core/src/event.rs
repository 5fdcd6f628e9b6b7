//! The data of domain and control events: the shapes of [`crate::envelope::Envelope::data`].

use serde::{Deserialize, Serialize};

use crate::{
    id::{AggregateId, BranchGeneration, EventId, LogPosition, Sequence},
    json::{Json, Properties},
    lineage::Lineage,
    name::{BranchName, ClassName, DatabaseName, InstanceId, PropertyName},
    owner::OwnerState,
    time::Timestamp,
    value::renew_digest,
};

/// `DATABASE_CREATED`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseCreated {
    /// The database.
    pub db_name: DatabaseName,
    /// A description for people.
    #[serde(default)]
    pub description: String,
    /// Further options of the client; kept, but not interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Json>,
}

/// `DATABASE_UPDATED`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseUpdated {
    /// The database.
    pub db_name: DatabaseName,
    /// The new description.
    #[serde(default)]
    pub description: String,
    /// The options of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Json>,
    /// When the database was created.
    pub created_at: Timestamp,
}

/// `ONTOLOGY_CLASS_CREATED`, `ONTOLOGY_CLASS_UPDATED` and `ONTOLOGY_CLASS_DELETED` (without
/// `class`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassEvent {
    /// The database.
    pub db_name: DatabaseName,
    /// The branch.
    pub branch: BranchName,
    /// The class.
    pub class_id: ClassName,
    /// The whole class after the change; none after a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Json>,
    /// When the class was created.
    pub created_at: Timestamp,
    /// The superseded version, if a live branch still shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Superseded>,
}

/// `INSTANCE_CREATED`, `INSTANCE_UPDATED` and `INSTANCE_DELETED` (without `data`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceEvent {
    /// The database.
    pub db_name: DatabaseName,
    /// The branch.
    pub branch: BranchName,
    /// The class.
    pub class_id: ClassName,
    /// The instance.
    pub instance_id: InstanceId,
    /// When the instance was created.
    pub created_at: Timestamp,
    /// The whole state after the change; none after a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Properties>,
    /// The unique values that the change claims and releases.
    #[serde(default, skip_serializing_if = "UniqueChange::is_empty")]
    pub unique: UniqueChange,
    /// The superseded version, if a live branch still shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Superseded>,
}

impl InstanceEvent {
    /// The claims of an event of an earlier version whose digests differ now, with the new digests.
    pub(crate) fn renewed_claims(&self) -> impl Iterator<Item = (PropertyName, String)> {
        let value = |name| self.data.as_ref()?.get(name);
        let claimed = self.unique.claimed.iter();
        claimed.filter_map(move |(name, digest)| {
            Some((name.clone(), renew_digest(value(name)?, digest)?))
        })
    }
}

/// The effect of a change on the unique values of a class, each as (property, digest of the value).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueChange {
    /// Values that the instance claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<(PropertyName, String)>,
    /// Values that it releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<(PropertyName, String)>,
}

impl UniqueChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.claimed.is_empty() && self.released.is_empty()
    }
}

/// A version that live branches still show after its branch superseded it. It was current from its
/// position to the one before the event's. Earlier logs also list the branches, and may carry a
/// version of a parent, which the parent still has: see [`Superseded::is_of`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// The version's event.
    pub event_id: EventId,
    /// The version's sequence.
    pub sequence_number: Sequence,
    /// The version's position in the log.
    pub position: LogPosition,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// When its aggregate was created.
    pub created_at: Timestamp,
    /// Its whole state; never absent, because a deleted aggregate is never superseded.
    pub data: Json,
}

impl Superseded {
    /// Whether the version was written on this branch and not on a parent. Everything that a branch
    /// shows of its parents is older than the branch.
    pub fn is_of(&self, branch: BranchGeneration) -> bool {
        self.position >= branch.0
    }
}

/// A branch by name and generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchAt {
    /// The name.
    pub name: BranchName,
    /// The generation.
    pub generation: BranchGeneration,
}

/// `BRANCH_CREATED`; the branch's generation is the position of this event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchCreated {
    /// The database.
    pub db_name: DatabaseName,
    /// The new branch.
    pub branch: BranchName,
    /// The parent branch.
    pub from: BranchAt,
    /// The last visible position of the parent.
    pub from_position: LogPosition,
    /// The lineage below the branch itself.
    pub base: Lineage,
    /// Further snapshots that the branch contains, inherited from its parent; see
    /// [`MergedBranch::contains`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
}

/// `BRANCH_DELETED`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchDeleted {
    /// The database.
    pub db_name: DatabaseName,
    /// The branch.
    pub branch: BranchName,
    /// The generation of the branch.
    pub branch_generation: BranchGeneration,
}

/// `BRANCH_MERGED`: the following events of the same command are its changes on the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchMerged {
    /// The database.
    pub db_name: DatabaseName,
    /// The target branch.
    pub branch: BranchName,
    /// The source branch.
    pub source: BranchAt,
    /// The last position of the source that was read.
    pub source_position: LogPosition,
    /// The last position of the target that was read.
    pub target_position: LogPosition,
    /// The common base.
    pub base: Lineage,
    /// The branch after the merge.
    pub state: MergedBranch,
}

/// A branch after a merge: the data of [`BranchMerged`] besides its name and sequence. Earlier logs
/// carry more fields here, which are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedBranch {
    /// The generation of the branch.
    pub generation: BranchGeneration,
    /// The parent branch; none for `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BranchAt>,
    /// The last visible position of the parent.
    pub from_position: LogPosition,
    /// The lineage of the branch.
    pub lineage: Lineage,
    /// Further snapshots that the branch contains after merges and rebases: each a branch at the
    /// time when it was merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
    /// When the branch was created.
    pub created_at: Timestamp,
}

/// `BRANCH_REBASED`; the branch's new generation is the position of this event. The following
/// events of the same command are the branch's own changes that it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRebased {
    /// The database.
    pub db_name: DatabaseName,
    /// The branch.
    pub branch: BranchName,
    /// The previous generation.
    pub previous: BranchGeneration,
    /// The new parent.
    pub from: BranchAt,
    /// The last visible position of the parent.
    pub from_position: LogPosition,
    /// The lineage below the branch itself.
    pub base: Lineage,
    /// When the branch was created.
    pub created_at: Timestamp,
    /// Further snapshots that the branch contains; see [`MergedBranch::contains`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
}

/// `DATABASE_OPENED`, `DATABASE_SEALED` and `DATABASE_DELETED`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseMark {
    /// The database.
    pub db_name: DatabaseName,
}

/// `EVENT_DISCARDED`: a person discarded a parked event for one handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDiscarded {
    /// The database.
    pub db_name: DatabaseName,
    /// The handler that skips the event.
    pub handler: String,
    /// The event.
    pub event_id: EventId,
    /// The position of the event.
    pub event_position: LogPosition,
    /// Its aggregate, as text.
    pub aggregate_id: String,
    /// The reason.
    #[serde(default)]
    pub reason: String,
}

/// `OWNERS_CHANGED`: the new states of owners of declared things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnersChanged {
    /// The database.
    pub db_name: DatabaseName,
    /// Each owner that changed, as a whole.
    pub owners: Vec<OwnerState>,
}

/// The aggregate of an instance event.
impl InstanceEvent {
    /// The aggregate that the event belongs to.
    pub fn aggregate(&self) -> AggregateId {
        AggregateId::Instance(
            self.db_name.clone(),
            self.branch.clone(),
            self.class_id.clone(),
            self.instance_id.clone(),
        )
    }
}
