//! What the domain and control events say: the shapes of [`crate::envelope::Envelope::data`].

use serde::{Deserialize, Serialize};

use crate::{
    id::{AggregateId, BranchGeneration, EventId, LogPosition, Sequence},
    json::{Json, Properties},
    lineage::Lineage,
    name::{BranchName, ClassName, DatabaseName, InstanceId, PropertyName},
    time::Timestamp,
    value::renewed_digest,
};

/// `DATABASE_CREATED`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseCreated {
    /// The database.
    pub db_name: DatabaseName,
    /// What people read about it.
    #[serde(default)]
    pub description: String,
    /// What the client asked for besides; kept, not interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Json>,
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
    /// The version that this one supersedes, when a live branch still shows it.
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
    /// The unique values that the change claims and gives up.
    #[serde(default, skip_serializing_if = "UniqueChange::is_empty")]
    pub unique: UniqueChange,
    /// The version that this one supersedes, when a live branch still shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Superseded>,
}

impl InstanceEvent {
    /// The values that an event of an earlier version claims, by the digests that they have now
    /// where these are others.
    pub(crate) fn renewed_claims(&self) -> impl Iterator<Item = (PropertyName, String)> {
        let value = |name| self.data.as_ref()?.get(name);
        let claimed = self.unique.claimed.iter();
        claimed.filter_map(move |(name, digest)| {
            Some((name.clone(), renewed_digest(value(name)?, digest)?))
        })
    }
}

/// What a change does to the unique values of a class, each as (property, digest of the value).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueChange {
    /// Values that the instance holds from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<(PropertyName, String)>,
    /// Values that it no longer holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<(PropertyName, String)>,
}

impl UniqueChange {
    /// Whether nothing changes hands.
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
    /// Where it stands in the log.
    pub position: LogPosition,
    /// When it was accepted.
    pub occurred_at: Timestamp,
    /// When its aggregate was created.
    pub created_at: Timestamp,
    /// Its whole state; never absent, for a deleted aggregate is never superseded.
    pub data: Json,
}

impl Superseded {
    /// Whether the version was written on this branch, and not on one below it: everything that a
    /// branch shows of its parents is older than the branch.
    pub fn is_of(&self, branch: BranchGeneration) -> bool {
        self.position >= branch.0
    }
}

/// A branch and which one of that name.
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
    /// The branch it stands on.
    pub from: BranchAt,
    /// The last position of the parent that shows.
    pub from_position: LogPosition,
    /// What a read on the branch looks through, below the branch itself.
    pub base: Lineage,
    /// What the branch holds besides, as its parent did; see [`MergedBranch::contains`].
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
    /// Which one of that name.
    pub branch_generation: BranchGeneration,
}

/// `BRANCH_MERGED`: what follows from the same command is what it changed on the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchMerged {
    /// The database.
    pub db_name: DatabaseName,
    /// The branch merged into.
    pub branch: BranchName,
    /// The branch whose changes were taken.
    pub source: BranchAt,
    /// The last position of the source that was looked at.
    pub source_position: LogPosition,
    /// The last position of the target that was looked at.
    pub target_position: LogPosition,
    /// What both had in common.
    pub base: Lineage,
    /// The branch after the merge.
    pub state: MergedBranch,
}

/// A branch after a merge: what [`BranchMerged`] has to say of it besides its name and sequence.
/// Earlier logs carry more fields here, which are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedBranch {
    /// Which one of that name.
    pub generation: BranchGeneration,
    /// The branch it stands on; none for `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BranchAt>,
    /// The last position of the parent that shows.
    pub from_position: LogPosition,
    /// What a read on the branch looks through.
    pub lineage: Lineage,
    /// What else the branch holds by merges and rebases: branches, each as it stood when it was
    /// taken in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
    /// When the branch was created.
    pub created_at: Timestamp,
}

/// `BRANCH_REBASED`; the branch's new generation is the position of this event. What follows from
/// the same command are the changes of its own that it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRebased {
    /// The database.
    pub db_name: DatabaseName,
    /// The branch.
    pub branch: BranchName,
    /// Which one of that name it was before.
    pub previous: BranchGeneration,
    /// The branch it stands on now.
    pub from: BranchAt,
    /// The last position of the parent that shows.
    pub from_position: LogPosition,
    /// What a read on the branch looks through, below the branch itself.
    pub base: Lineage,
    /// When the branch was made.
    pub created_at: Timestamp,
    /// What the branch holds besides; see [`MergedBranch::contains`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<Lineage>,
}

/// `DATABASE_OPENED`, `DATABASE_SEALED` and `DATABASE_DELETED`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseMark {
    /// The database.
    pub db_name: DatabaseName,
}

/// `EVENT_DISCARDED`: a person gave a parked event up, for one handler only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDiscarded {
    /// The database.
    pub db_name: DatabaseName,
    /// The handler that skips the event.
    pub handler: String,
    /// The event.
    pub event_id: EventId,
    /// Where it stands.
    pub event_position: LogPosition,
    /// Its aggregate, as text.
    pub aggregate_id: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// The key of an instance's aggregate, for those who hold an event of it.
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
