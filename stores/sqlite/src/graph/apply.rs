//! Writes versions and their references.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use spice_core::{
    guard::{Guard, Guards},
    id::BranchGeneration,
    name::{ClassName, PropertyName},
    port::{
        graph::{Entity, Version},
        sink::Applied,
    },
};

use super::rows::{STORE, find_link, write_links};
use crate::{
    columns::{bound, to_column},
    failure::Attempt,
    index::{self, ValueWriter},
    scopes::{Part, ScopeBook, find_scope},
    sinks::{Written, delete_first, write_each},
};

/// Writes versions in order; skips those that exist already or are older.
pub(super) fn apply(
    connection: &Connection,
    stream: i64,
    versions: &[Version],
    guards: Guards,
) -> Attempt<Applied> {
    let mut writer = Writer::new(connection, stream, guards)?;
    write_each(STORE, versions, |version| writer.write(version))
}

struct Writer<'connection> {
    connection: &'connection Connection,
    guards: Guards,
    book: ScopeBook<'connection>,
    links: HashMap<(i64, PropertyName, ClassName), i64>,
    values: ValueWriter<'connection>,
    newest: CachedStatement<'connection>,
    insert: CachedStatement<'connection>,
    refer: CachedStatement<'connection>,
}

impl<'connection> Writer<'connection> {
    fn new(connection: &'connection Connection, stream: i64, guards: Guards) -> Attempt<Self> {
        Ok(Self {
            connection,
            guards,
            book: ScopeBook::new(connection, stream),
            links: HashMap::new(),
            values: ValueWriter::new(connection)?,
            newest: connection.prepare_cached(
                "SELECT sequence FROM versions WHERE scope = ?1 AND id = ?2
                 ORDER BY position DESC LIMIT 1",
            )?,
            insert: connection.prepare_cached(
                "INSERT OR IGNORE INTO versions (scope, id, position, sequence, event_id,
                     occurred_at, created_at, links, data, first)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            refer: connection.prepare_cached(
                "INSERT INTO referrers (link, target_id, source_id, position)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET position = excluded.position
                 WHERE excluded.position < position",
            )?,
        })
    }

    fn write(&mut self, version: &Version) -> Attempt<Written> {
        let branch = to_column(version.branch.0.0)?;
        let position = to_column(version.state.position.0)?;
        let sequence = to_column(version.state.sequence.0)?;
        let (part, id) = Part::of(&version.state.entity);
        let scope = self.book.scope(branch, branch, "", part)?;
        let newest: Option<i64> = self
            .newest
            .query_row(params![scope, id], |row| row.get(0))
            .optional()?;
        let is_newer = newest.is_none_or(|newest| newest < sequence);
        if self.guards.has(Guard::Sequence) && !is_newer {
            return Ok(Written::Stale);
        }
        let inserted = self.insert.execute(params![
            scope,
            id,
            position,
            sequence,
            version.state.event_id.0.as_bytes(),
            version.state.occurred_at.as_micros(),
            version.state.created_at.as_micros(),
            write_links(&version.references),
            version
                .state
                .data
                .as_ref()
                .map(spice_core::json::Json::as_str),
            newest.is_none()
        ])?;
        if inserted == 0 {
            return Ok(Written::Stale);
        }
        self.write_references(scope, id, position, version)?;
        if let Some(data) = &version.state.data {
            self.values.write(scope, id, position, data)?;
        }
        Ok(Written::New)
    }

    fn write_references(
        &mut self,
        scope: i64,
        id: &str,
        position: i64,
        version: &Version,
    ) -> Attempt<()> {
        for (predicate, target) in &version.references {
            let key = (scope, predicate.clone(), target.class.clone());
            let link = if let Some(link) = self.links.get(&key) {
                *link
            } else {
                let link = find_or_create_link(self.connection, scope, predicate, &target.class)?;
                self.links.insert(key, link);
                link
            };
            self.refer
                .execute(params![link, target.id.as_str(), id, position])?;
        }
        Ok(())
    }
}

fn find_or_create_link(
    connection: &Connection,
    scope: i64,
    predicate: &PropertyName,
    target: &ClassName,
) -> Attempt<i64> {
    if let Some(link) = find_link(connection, scope, predicate, target)? {
        return Ok(link);
    }
    connection.execute(
        "INSERT INTO links (scope, predicate, target) VALUES (?1, ?2, ?3)",
        params![scope, predicate.as_str(), target.as_str()],
    )?;
    Ok(connection.last_insert_rowid())
}

/// Removes entities from a branch. Their references remain as candidates that no longer lead
/// anywhere.
pub(super) fn remove(
    connection: &Connection,
    sink: i64,
    branch: BranchGeneration,
    entities: &[Entity],
) -> Attempt<()> {
    let mut delete =
        connection.prepare_cached("DELETE FROM versions WHERE scope = ?1 AND id = ?2")?;
    for entity in entities {
        let (part, id) = Part::of(entity);
        if let Some(scope) = find_scope(connection, sink, bound(branch.0), &part)? {
            delete.execute(params![scope, id])?;
        }
    }
    Ok(())
}

/// Removes at most `most` rows that a sink holds.
pub(super) fn clear_slice(connection: &Connection, sink: i64, most: usize) -> Attempt<usize> {
    const STATEMENTS: [&str; 5] = [
        "DELETE FROM referrers WHERE (link, target_id, source_id) IN (
             SELECT link, target_id, source_id FROM referrers WHERE link IN (
                 SELECT id FROM links WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1))
             LIMIT ?2)",
        "DELETE FROM links WHERE id IN (
             SELECT id FROM links WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1)
             LIMIT ?2)",
        "DELETE FROM versions WHERE row IN (
             SELECT row FROM versions WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1)
             LIMIT ?2)",
        index::CLEAR_VALUES,
        index::CLEAR_PROPERTIES,
    ];
    delete_first(connection, (sink, most), &STATEMENTS)
}
