//! A page of differences, and the count of all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spice_core::{
    id::LogPosition,
    merge::{ChangeKind, Difference},
    model::ModelKey,
    name::{BranchName, ClassName},
};

/// The number of aggregates that differ, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Counts")]
pub struct Summary {
    /// Exists only after.
    pub added: u64,
    /// Exists before and after, with differences.
    pub modified: u64,
    /// Exists only before.
    pub deleted: u64,
}

/// The end of a page; the next page continues after it and does not count again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The last of the page.
    pub key: ModelKey,
    /// The counts of all, from the first page.
    pub summary: Summary,
}

/// A page of differences.
#[derive(Debug, Clone)]
pub struct Diff {
    /// The branch that is compared with.
    pub from: BranchName,
    /// The branch with the changes.
    pub to: BranchName,
    /// The last common position of the two.
    pub base_position: LogPosition,
    /// The position at which both are read.
    pub position: LogPosition,
    /// The page, classes first, in order of key.
    pub changes: Vec<Difference>,
    /// The counts of all, not only of this page.
    pub summary: Summary,
    /// The end of the page, if it is not the last.
    pub next: Option<ModelKey>,
    /// The last of the page.
    last: Option<ModelKey>,
}

impl Summary {
    /// The counts of these.
    pub fn of(changes: &[Difference]) -> Self {
        let mut summary = Self::default();
        for difference in changes {
            summary.add(difference.change);
        }
        summary
    }

    fn add(&mut self, change: ChangeKind) {
        match change {
            ChangeKind::Added => self.added += 1,
            ChangeKind::Modified => self.modified += 1,
            ChangeKind::Deleted => self.deleted += 1,
        }
    }
}

/// The selection of differences.
pub(super) struct Page<'a> {
    pub(super) class: Option<&'a ClassName>,
    pub(super) after: Option<&'a Mark>,
    pub(super) limit: usize,
}

impl Diff {
    pub(super) fn new(
        from: BranchName,
        to: &BranchName,
        base_position: LogPosition,
        position: LogPosition,
        page: &Page<'_>,
    ) -> Self {
        Self {
            from,
            to: to.clone(),
            base_position,
            position,
            changes: Vec::new(),
            summary: page
                .after
                .map_or_else(Summary::default, |mark| mark.summary),
            next: None,
            last: None,
        }
    }

    /// Counts a difference on the first page, and keeps it if it belongs to the page.
    pub(super) fn take(&mut self, key: &ModelKey, difference: Difference, page: &Page<'_>) {
        if page.after.is_none() {
            self.summary.add(difference.change);
        }
        if self.next.is_some() {
            return;
        }
        if self.changes.len() == page.limit {
            self.next = self.last.take();
            return;
        }
        self.last = Some(key.clone());
        self.changes.push(difference);
    }

    /// Whether nothing more is needed: the page is full, and all are counted.
    pub(super) fn is_done(&self, page: &Page<'_>) -> bool {
        page.after.is_some() && self.next.is_some()
    }
}
