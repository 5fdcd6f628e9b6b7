//! The tables of documents and of their words, and how a document is read back.

use rusqlite::Row;
use spice_core::{
    guard::{Guard, Guards},
    id::{BranchGeneration, LogPosition},
    lineage::Level,
    name::BranchName,
    port::{
        Store,
        documents::{Document, Shown},
        graph::{Entity, State},
    },
};

use crate::{
    columns::{bound, event_id, from_column, optional_json, position, sequence, timestamp},
    failure::Attempt,
    lookup::Rows,
    scopes::Part,
};

/// The store's name in errors.
pub(super) const STORE: Store = Store::Documents;

/// A scope's `live` is how many of its documents are no tombstones. A scope of latest versions has
/// each id once, and `until` is null; a scope of superseded versions has each (id, position) once.
/// The index by id has what a walk through a class needs without reading the documents, those by
/// position and by end what begins after a branch point and what ends before it; `words` has the text
/// by row number. Words of replaced documents are merged away at 30 % of a segment, not at SQLite's
/// 10: measured, a third of the work for the same queries.
pub(super) const TABLES: &str = "
CREATE TABLE documents (
    row INTEGER PRIMARY KEY, scope INTEGER NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL,
    live INTEGER NOT NULL, sequence INTEGER NOT NULL, event_id BLOB NOT NULL,
    occurred_at INTEGER NOT NULL, created_at INTEGER NOT NULL, until INTEGER, data TEXT) STRICT;
CREATE INDEX documents_by_id ON documents (scope, id, position, until, live);
CREATE INDEX documents_by_position ON documents (scope, position, live);
CREATE INDEX documents_by_end ON documents (scope, until, live) WHERE until IS NOT NULL;
CREATE VIRTUAL TABLE words USING fts5 (
    text, content='', contentless_delete=1, detail=none, tokenize='ascii');
INSERT INTO words (words, rank) VALUES ('deletemerge', 30);
";

/// The columns that [`document`] reads.
macro_rules! document_columns {
    () => {
        "position, sequence, event_id, occurred_at, created_at, until, data"
    };
}
pub(super) use document_columns;

/// Documents as they show: the branch itself shows what it has, those below it what was current at
/// their position, which may be superseded since.
pub(super) struct DocumentRows(pub(super) Guards);

impl Rows for DocumentRows {
    type Item = Document;

    const POINT: &'static str = concat!(
        "SELECT ",
        document_columns!(),
        " FROM documents WHERE scope = ?1 AND id = ?2 AND position <= ?3
             AND (until IS NULL OR until >= ?3)"
    );

    fn at_level(&self, index: usize, level: &Level, part: &Part) -> (i64, i64, Vec<Part>) {
        let branch = branch_key(self.0, &level.name, bound(level.generation.0));
        if index == 0 {
            return (branch, i64::MAX, vec![part.clone()]);
        }
        let parts = vec![part.clone(), part.clone().into_superseded()];
        (branch, bound(level.until), parts)
    }

    fn read(&self, row: &Row<'_>, level: &Level, entity: Entity) -> Attempt<Document> {
        document(row, branch_of(level), entity)
    }
}

/// The branch of a level.
pub(super) fn branch_of(level: &Level) -> (BranchName, BranchGeneration) {
    (level.name.clone(), level.generation)
}

/// Reads a document.
pub(super) fn document(
    row: &Row<'_>,
    branch: (BranchName, BranchGeneration),
    entity: Entity,
) -> Attempt<Document> {
    Ok(Document {
        branch,
        state: State {
            entity,
            position: position(row, 0)?,
            sequence: sequence(row, 1)?,
            event_id: event_id(row, 2)?,
            occurred_at: timestamp(row, 3)?,
            created_at: timestamp(row, 4)?,
            data: optional_json(row, 6)?,
        },
        shown: match row.get(5)? {
            None => Shown::Latest,
            Some(until) => Shown::Until(LogPosition(from_column(until)?)),
        },
    })
}

/// What tells the branches of a log apart: the generation. Without that guard, only the name.
pub(super) fn branch_key(guards: Guards, name: &BranchName, generation: i64) -> i64 {
    if guards.has(Guard::Generations) || name.is_main() {
        return generation;
    }
    let hash = name.as_str().bytes().fold(7_i64, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(i64::from(byte))
    });
    -1 - (hash & i64::MAX >> 1)
}
