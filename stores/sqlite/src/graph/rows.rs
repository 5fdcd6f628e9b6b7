//! The tables of versions and references, and how a version is read back.

use rusqlite::{Connection, OptionalExtension, Row, params};
use spice_core::{
    id::{BranchGeneration, InstanceRef, LogPosition},
    lineage::Level,
    name::{ClassName, PropertyName},
    port::{
        Store,
        graph::{Entity, State, Version},
    },
};

use crate::{
    columns::{
        bound, event_id, optional_json, optional_text, parse_name, position, sequence, timestamp,
    },
    failure::{Attempt, Failure},
    lookup::Rows,
    scopes::Part,
};

/// The store's name in errors.
pub(super) const STORE: Store = Store::Graph;

/// Versions are rows in the order of the log, found through an index; `first` ones are the oldest
/// of their entity in a scope, and tell what there was at a position. References are candidates:
/// each says that a version from `position` on held it; the version that shows has the last word.
pub(super) const TABLES: &str = "
CREATE TABLE versions (
    row INTEGER PRIMARY KEY, scope INTEGER NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL,
    sequence INTEGER NOT NULL, event_id BLOB NOT NULL, occurred_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, links TEXT, data TEXT, first INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX versions_by_id ON versions (scope, id, position DESC);
CREATE INDEX versions_by_beginning ON versions (scope, position, id) WHERE first = 1;
CREATE TABLE links (
    id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, predicate TEXT NOT NULL, target TEXT NOT NULL,
    UNIQUE (scope, predicate, target)) STRICT;
CREATE TABLE referrers (
    link INTEGER NOT NULL, target_id TEXT NOT NULL, source_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (link, target_id, source_id)) STRICT, WITHOUT ROWID;
";

/// The columns that [`version`] reads, from `sequence` on.
macro_rules! version_columns {
    () => {
        "sequence, event_id, occurred_at, created_at, links, data"
    };
}
pub(super) use version_columns;

/// Versions, of which the newest up to a position shows.
pub(super) struct Versions;

impl Rows for Versions {
    type Item = Version;

    const POINT: &'static str = concat!(
        "SELECT position, ",
        version_columns!(),
        " FROM versions WHERE scope = ?1 AND id = ?2 AND position <= ?3
          ORDER BY position DESC LIMIT 1"
    );

    fn at_level(&self, _: usize, level: &Level, part: &Part) -> (i64, i64, Vec<Part>) {
        let branch = bound(level.generation.0);
        (branch, bound(level.until), vec![part.clone()])
    }

    fn read(&self, row: &Row<'_>, level: &Level, entity: Entity) -> Attempt<Version> {
        version(row, 1, level.generation, entity, position(row, 0)?)
    }
}

/// Reads a version; its columns begin at `first`.
pub(super) fn version(
    row: &Row<'_>,
    first: usize,
    branch: BranchGeneration,
    entity: Entity,
    position: LogPosition,
) -> Attempt<Version> {
    Ok(Version {
        branch,
        state: State {
            entity,
            position,
            sequence: sequence(row, first)?,
            event_id: event_id(row, first + 1)?,
            occurred_at: timestamp(row, first + 2)?,
            created_at: timestamp(row, first + 3)?,
            data: optional_json(row, first + 5)?,
        },
        references: optional_text(row, first + 4)?.map_or_else(|| Ok(Vec::new()), read_links)?,
    })
}

/// References as one text, a line each; none when there are none.
pub(super) fn write_links(references: &[(PropertyName, InstanceRef)]) -> Option<String> {
    if references.is_empty() {
        return None;
    }
    let lines: Vec<String> = references
        .iter()
        .map(|(predicate, target)| format!("{predicate} {target}"))
        .collect();
    Some(lines.join("\n"))
}

fn read_links(text: &str) -> Attempt<Vec<(PropertyName, InstanceRef)>> {
    text.split('\n')
        .map(|line| {
            let (predicate, target) = line
                .split_once(' ')
                .ok_or_else(|| Failure::Damaged(format!("{line:?} is not a reference")))?;
            Ok((parse_name(predicate)?, parse_name(target)?))
        })
        .collect()
}

/// The number of (source scope, predicate, target class), if any such reference was ever written.
pub(super) fn find_link(
    connection: &Connection,
    scope: i64,
    predicate: &PropertyName,
    target: &ClassName,
) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT id FROM links WHERE scope = ?1 AND predicate = ?2 AND target = ?3")?
        .query_row(params![scope, predicate.as_str(), target.as_str()], |row| {
            row.get(0)
        })
        .optional()?)
}
