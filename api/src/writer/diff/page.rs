//! A page of differences, and the count of all.

use spice_core::{
    id::LogPosition,
    merge::{ChangeKind, Difference},
    model::ModelKey,
    name::{BranchName, ClassName},
};

/// How many aggregates differ, and in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// There only after.
    pub added: u64,
    /// There before and after, and not the same.
    pub modified: u64,
    /// There only before.
    pub deleted: u64,
}

/// Where a page ended; the next one goes on behind it and counts nothing anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The last of the page.
    pub key: ModelKey,
    /// The count of all, as the first page told it.
    pub summary: Summary,
}

/// A page of what differs.
#[derive(Debug, Clone)]
pub struct Diff {
    /// The branch that is compared with.
    pub from: BranchName,
    /// The branch whose changes these are.
    pub to: BranchName,
    /// The last position that the two have in common.
    pub base_position: LogPosition,
    /// The position at which both are looked at.
    pub position: LogPosition,
    /// The page, classes first, in order of key.
    pub changes: Vec<Difference>,
    /// The count of all, not of the page alone.
    pub summary: Summary,
    /// Where the page ended, when it is not the last.
    pub next: Option<ModelKey>,
    /// The last of the page.
    last: Option<ModelKey>,
}

impl Summary {
    /// The count of these.
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

/// Which differences are told.
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

    /// Counts a difference on the first page, and keeps it when it belongs to the page.
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

    /// Whether nothing further is to be told: the page is full, and all are counted.
    pub(super) fn is_done(&self, page: &Page<'_>) -> bool {
        page.after.is_some() && self.next.is_some()
    }
}
