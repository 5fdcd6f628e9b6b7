//! Differences between branches, and merging them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{Client, Error, Write, calls};

/// The differences between two branches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Diff {
    /// The branch that is compared with.
    pub from: String,
    /// The branch with the changes.
    pub to: String,
    /// The position of the last common state.
    #[serde(default)]
    pub base_position: Option<u64>,
    /// The changes.
    pub changes: Vec<Changed>,
    /// The start of the next page; none for the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The counts.
    #[serde(default)]
    pub summary: Summary,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The numbers of changed aggregates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// New ones.
    #[serde(default)]
    pub added: u64,
    /// Changed ones.
    #[serde(default)]
    pub modified: u64,
    /// Deleted ones.
    #[serde(default)]
    pub deleted: u64,
}

/// The kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It changed.
    Modified,
    /// It was deleted.
    Deleted,
}

/// One changed aggregate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changed {
    /// The aggregate.
    pub aggregate_id: String,
    /// Its class, or the class itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_id: Option<String>,
    /// The instance; none for a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The kind of change.
    pub change: ChangeKind,
    /// The properties that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
    /// The state before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<RawValue>>,
    /// The state after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What to do about conflicts. As in git, *ours* is the target branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Refuse the merge.
    #[default]
    Fail,
    /// Keep the target's value.
    Ours,
    /// Take the source's value.
    Theirs,
}

/// The side whose value is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The target's.
    Ours,
    /// The source's.
    Theirs,
}

/// The resolution of one conflict.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Resolution {
    /// Use the value of one side.
    Take {
        /// The aggregate.
        aggregate_id: String,
        /// The property; none for the whole aggregate.
        #[serde(skip_serializing_if = "Option::is_none")]
        property: Option<String>,
        /// The side.
        take: Take,
    },
    /// Use a given value.
    Value {
        /// The aggregate.
        aggregate_id: String,
        /// The property.
        property: String,
        /// The value, sent unchanged.
        value: Box<RawValue>,
    },
}

/// What to do about conflicts, of a merge or a rebase.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Decisions {
    /// What to do about those without a resolution.
    pub strategy: Strategy,
    /// The resolutions of single conflicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<Resolution>,
    /// Only report what would happen.
    pub dry_run: bool,
}

/// A merge request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Merge {
    /// The target branch.
    pub into: String,
    /// What to do about conflicts.
    #[serde(flatten)]
    pub decisions: Decisions,
}

/// A rebase request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rebase {
    /// The new parent; `main` if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onto: Option<String>,
    /// What to do about conflicts.
    #[serde(flatten)]
    pub decisions: Decisions,
}

/// The result of a merge, a rebase or a rollback, done or planned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Merged {
    /// Whether it was done.
    #[serde(default)]
    pub merged: bool,
    /// The command, if there was something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// The changes.
    #[serde(default)]
    pub changes: Vec<Changed>,
    /// The conflicts.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
    /// The number of changed aggregates.
    #[serde(default)]
    pub summary: Summary,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A conflict: both sides changed the same thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conflict {
    /// The aggregate.
    pub aggregate_id: String,
    /// The property; none for the whole aggregate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The rule that the merged state would break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The common base.
    #[serde(default)]
    pub base: Option<Box<RawValue>>,
    /// The source's value.
    #[serde(default)]
    pub source: Option<Box<RawValue>>,
    /// The target's value.
    #[serde(default)]
    pub target: Option<Box<RawValue>>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A refused merge, with values as they were written.
#[derive(Deserialize)]
struct Refused {
    detail: Conflicts,
}

#[derive(Deserialize)]
struct Conflicts {
    conflicts: Vec<Conflict>,
}

impl Conflict {
    /// The conflicts of a refused merge.
    pub fn of(error: &Error) -> Option<Vec<Self>> {
        let refusal = error.refusal().filter(|it| it.code == "merge_conflict")?;
        let refused: Refused = serde_json::from_slice(&refusal.body).ok()?;
        Some(refused.detail.conflicts)
    }
}

impl Client {
    /// One page of the changes of a branch since its last common state with another.
    pub async fn diff_page(
        &self,
        database: &str,
        branch: &str,
        against: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Diff, Error> {
        self.call(&calls::DIFF, &[database, branch])
            .maybe_query("against", against)
            .maybe_query("cursor", cursor)
            .fetch()
            .await
    }

    /// All changes of a branch since its last common state with another branch (by default its
    /// parent).
    pub async fn diff(
        &self,
        database: &str,
        branch: &str,
        against: Option<&str>,
    ) -> Result<Diff, Error> {
        let mut diff = self.diff_page(database, branch, against, None).await?;
        while let Some(cursor) = diff.cursor.take() {
            let page = self
                .diff_page(database, branch, against, Some(&cursor))
                .await?;
            diff.changes.extend(page.changes);
            diff.cursor = page.cursor;
        }
        Ok(diff)
    }

    /// Merges a branch into another.
    pub async fn merge(
        &self,
        database: &str,
        branch: &str,
        merge: &Merge,
        write: &Write,
    ) -> Result<Merged, Error> {
        self.call(&calls::MERGE, &[database, branch])
            .json(merge)
            .write(&write.off_branch())
            .fetch()
            .await
    }

    /// Rebases a branch onto its parent's current position.
    pub async fn rebase(
        &self,
        database: &str,
        branch: &str,
        rebase: &Rebase,
        write: &Write,
    ) -> Result<Merged, Error> {
        self.call(&calls::REBASE, &[database, branch])
            .json(rebase)
            .write(&write.off_branch())
            .fetch()
            .await
    }

    /// Restores a branch to its state at a position, by new commands.
    pub async fn rollback(
        &self,
        database: &str,
        branch: &str,
        to_position: u64,
        dry_run: bool,
        write: &Write,
    ) -> Result<Merged, Error> {
        self.call(&calls::ROLLBACK, &[database, branch])
            .json(&json!({"to_position": to_position, "dry_run": dry_run}))
            .write(&write.off_branch())
            .fetch()
            .await
    }
}
