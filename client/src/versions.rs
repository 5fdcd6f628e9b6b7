//! How branches differ, and how they come together again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{Client, Error, Write, calls};

/// How two branches differ.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Diff {
    /// The branch that is compared with.
    pub from: String,
    /// The branch whose changes these are.
    pub to: String,
    /// The position of the last common state.
    #[serde(default)]
    pub base_position: Option<u64>,
    /// What is different.
    pub changes: Vec<Changed>,
    /// Where the next page starts; none: this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How much that is.
    #[serde(default)]
    pub summary: Summary,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How many aggregates changed.
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

/// What became of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// One changed aggregate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Changed {
    /// The aggregate.
    pub aggregate_id: String,
    /// Its class, or the class that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_id: Option<String>,
    /// The instance; none: it is a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// What became of it.
    pub change: ChangeKind,
    /// The properties that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
    /// As it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<RawValue>>,
    /// As it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What to do about conflicts. As in git, *ours* is the branch that is merged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Refuse.
    #[default]
    Fail,
    /// Keep what the target has.
    Ours,
    /// Take what the source has.
    Theirs,
}

/// Whose value is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The target's.
    Ours,
    /// The source's.
    Theirs,
}

/// How one conflict is resolved.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Resolution {
    /// By taking one side.
    Take {
        /// The aggregate.
        aggregate_id: String,
        /// The property; none: the aggregate as a whole.
        #[serde(skip_serializing_if = "Option::is_none")]
        property: Option<String>,
        /// Whose value.
        take: Take,
    },
    /// By a value of its own.
    Value {
        /// The aggregate.
        aggregate_id: String,
        /// The property.
        property: String,
        /// The value, sent as it is written.
        value: Box<RawValue>,
    },
}

/// A merge to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Merge {
    /// The branch that is merged into.
    pub into: String,
    /// What to do about conflicts.
    pub strategy: Strategy,
    /// How single conflicts are resolved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<Resolution>,
    /// Only tell what would happen.
    pub dry_run: bool,
}

/// A rebase to be made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rebase {
    /// The branch that it is to stand on; none: `main`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onto: Option<String>,
    /// What to do about conflicts.
    pub strategy: Strategy,
    /// How single conflicts are resolved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<Resolution>,
    /// Only tell what would happen.
    pub dry_run: bool,
}

/// What a merge, a rebase or a rollback did, or would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Merged {
    /// Whether it is done.
    #[serde(default)]
    pub merged: bool,
    /// The command, when there was something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// What it changes.
    #[serde(default)]
    pub changes: Vec<Changed>,
    /// What stands against it.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
    /// How many aggregates it changes.
    #[serde(default)]
    pub summary: Summary,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Both sides changed the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conflict {
    /// The aggregate.
    pub aggregate_id: String,
    /// The property; none: the aggregate as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The rule that the merged state would break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// As both sides had it.
    #[serde(default)]
    pub base: Option<Box<RawValue>>,
    /// As the source has it.
    #[serde(default)]
    pub source: Option<Box<RawValue>>,
    /// As the target has it.
    #[serde(default)]
    pub target: Option<Box<RawValue>>,
    /// What this client has no name for.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A refused merge, of which the values are as they were written.
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
        let told: Refused = serde_json::from_slice(&refusal.body).ok()?;
        Some(told.detail.conflicts)
    }
}

impl Client {
    /// One page of what a branch changed since it and another had all in common.
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

    /// What a branch changed since it and another (its parent when none is named) had all in
    /// common, whole.
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

    /// Moves the point at which a branch left its parent to the parent's end.
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

    /// Makes a branch again what it was at a position, by commands of its own.
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
