//! The tables of documents and of their words, and how a document is read back.

use rusqlite::Row;
use spice_core::{
    guard::{Guard, Guards},
    id::BranchGeneration,
    name::BranchName,
    port::{documents::Document, graph::Entity},
};

use crate::{
    columns::{event_id, optional_json, position, sequence, timestamp},
    failure::Attempt,
};

/// A scope's `live` is how many of its documents are no tombstones. The index by id tells what a
/// walk through a class needs without reading the documents, the one by position what is newer than
/// what a branch sees; `words` has their text by row number. Words of replaced documents are merged
/// away at 30 % of a segment, not at SQLite's 10: measured, a third of the work for the same
/// queries.
pub(super) const TABLES: &str = "
CREATE TABLE documents (
    row INTEGER PRIMARY KEY, scope INTEGER NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL,
    live INTEGER NOT NULL, sequence INTEGER NOT NULL, event_id BLOB NOT NULL,
    occurred_at INTEGER NOT NULL, created_at INTEGER NOT NULL, data TEXT) STRICT;
CREATE INDEX documents_by_id ON documents (scope, id, position, live);
CREATE INDEX documents_by_position ON documents (scope, position, live);
CREATE VIRTUAL TABLE words USING fts5 (
    text, content='', contentless_delete=1, detail=none, tokenize='ascii');
INSERT INTO words (words, rank) VALUES ('deletemerge', 30);
";

/// The columns that [`document`] reads.
macro_rules! document_columns {
    () => {
        "position, sequence, event_id, occurred_at, created_at, data"
    };
}
pub(super) use document_columns;

/// Reads a document.
pub(super) fn document(
    row: &Row<'_>,
    branch: (BranchName, BranchGeneration),
    entity: Entity,
) -> Attempt<Document> {
    Ok(Document {
        branch,
        entity,
        position: position(row, 0)?,
        sequence: sequence(row, 1)?,
        event_id: event_id(row, 2)?,
        occurred_at: timestamp(row, 3)?,
        created_at: timestamp(row, 4)?,
        data: optional_json(row, 5)?,
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
