//! The branch points over the whole log: they decide which superseded versions the documents keep,
//! from when and until when.

use spice_core::{
    id::{BranchGeneration, LogPosition},
    port::documents::BranchPoints,
};

/// A branch point.
struct Point {
    /// The branch that was created there.
    of: BranchGeneration,
    /// Its parent, and the position on it.
    at: (BranchGeneration, LogPosition),
    /// The position of the event that created it.
    set: LogPosition,
    /// The position of the event that removed it; none yet.
    gone: Option<LogPosition>,
}

/// A superseded version: the branch that wrote it, and the positions at which it was current.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) branch: BranchGeneration,
    pub(super) from: LogPosition,
    pub(super) until: LogPosition,
}

/// All branch points of a log.
#[derive(Default)]
pub(super) struct Points(Vec<Point>);

impl Points {
    /// Adds what the event at a position says about a branch.
    pub(super) fn take(&mut self, position: LogPosition, branch: &BranchPoints) {
        for point in self.0.iter_mut().filter(|point| point.of == branch.branch) {
            point.gone.get_or_insert(position);
        }
        self.0.extend(branch.points.iter().map(|at| Point {
            of: branch.branch,
            at: *at,
            set: position,
            gone: None,
        }));
    }

    /// Returns whether a branch point was in a range, after the events before `end`.
    pub(super) fn any_before(&self, end: LogPosition, range: Range) -> bool {
        self.within(range)
            .any(|point| point.set < end && point.gone.is_none_or(|gone| gone >= end))
    }

    /// Returns whether a branch point is in a range at any time from the event at `start` on.
    pub(super) fn any_from(&self, start: LogPosition, range: Range) -> bool {
        self.within(range)
            .any(|point| point.gone.is_none_or(|gone| gone >= start))
    }

    /// Returns whether a branch point left a range with the event at `start` or later.
    pub(super) fn any_gone_from(&self, start: LogPosition, range: Range) -> bool {
        self.within(range)
            .any(|point| point.gone.is_some_and(|gone| gone >= start))
    }

    fn within(&self, range: Range) -> impl Iterator<Item = &Point> {
        self.0.iter().filter(move |point| {
            let (branch, position) = point.at;
            branch == range.branch && (range.from..=range.until).contains(&position)
        })
    }
}
