//! Branch points: the position of each live branch on its parents. A superseded version is kept
//! while one of them is in its range.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use crate::failure::Attempt;

pub(super) const TABLES: &str = "
CREATE TABLE branch_points (
    stream INTEGER NOT NULL, branch INTEGER NOT NULL, parent INTEGER NOT NULL,
    position INTEGER NOT NULL, PRIMARY KEY (stream, branch, parent)) STRICT, WITHOUT ROWID;
";

/// The branch points of a log.
pub(super) struct Points<'connection> {
    connection: &'connection Connection,
    stream: i64,
    /// The parent, the position of the branch on it, and the branch.
    all: BTreeSet<(i64, i64, i64)>,
}

/// Positions of a branch between which there is no other branch point; both ends excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) parent: i64,
    pub(super) after: i64,
    pub(super) before: i64,
}

impl<'connection> Points<'connection> {
    /// Reads the branch points of a log.
    pub(super) fn read(connection: &'connection Connection, stream: i64) -> Attempt<Self> {
        let mut all = BTreeSet::new();
        let mut find = connection.prepare_cached(
            "SELECT parent, position, branch FROM branch_points WHERE stream = ?1",
        )?;
        let mut rows = find.query([stream])?;
        while let Some(row) = rows.next()? {
            all.insert((row.get(0)?, row.get(1)?, row.get(2)?));
        }
        Ok(Self {
            connection,
            stream,
            all,
        })
    }

    /// Returns whether a branch point on `parent` is in a range.
    pub(super) fn has_any_within(&self, parent: i64, from: i64, until: i64) -> bool {
        let range = (parent, from, i64::MIN)..=(parent, until, i64::MAX);
        from <= until && self.all.range(range).next().is_some()
    }

    /// Replaces the points of a branch: (parent, position). Returns the gaps that open at its old
    /// points.
    pub(super) fn replace(&mut self, branch: i64, points: &[(i64, i64)]) -> Attempt<Vec<Gap>> {
        let is_its = |(_, _, of): &(i64, i64, i64)| *of == branch;
        let before: Vec<_> = self.all.iter().copied().filter(is_its).collect();
        self.all.retain(|point| !is_its(point));
        self.connection
            .prepare_cached("DELETE FROM branch_points WHERE stream = ?1 AND branch = ?2")?
            .execute([self.stream, branch])?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO branch_points (stream, branch, parent, position) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (parent, position) in points {
            insert.execute(params![self.stream, branch, parent, position])?;
            self.all.insert((*parent, *position, branch));
        }
        let is_free = |(parent, position, _): &(i64, i64, i64)| {
            !self.has_any_within(*parent, *position, *position)
        };
        let freed = before.into_iter().filter(is_free);
        Ok(freed
            .map(|(parent, position, _)| self.find_gap(parent, position))
            .collect())
    }

    fn find_gap(&self, parent: i64, position: i64) -> Gap {
        let below = (parent, i64::MIN, i64::MIN)..(parent, position, i64::MIN);
        let above = (parent, position, i64::MAX)..=(parent, i64::MAX, i64::MAX);
        Gap {
            parent,
            after: self
                .all
                .range(below)
                .next_back()
                .map_or(-1, |point| point.1),
            before: self
                .all
                .range(above)
                .next()
                .map_or(i64::MAX, |point| point.1),
        }
    }
}

/// Removes at most ?2 branch points of the sink ?1.
pub(super) const CLEAR: &str = "
    DELETE FROM branch_points WHERE (stream, branch, parent) IN (
        SELECT stream, branch, parent FROM branch_points WHERE stream = ?1 LIMIT ?2)";
