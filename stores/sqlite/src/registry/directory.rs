//! The databases, the logs that may hold more than is reflected, and whether every log was read
//! into this registry.

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{
    id::StreamId,
    lineage::Lineage,
    model::{DatabaseState, ModelKey},
    port::registry::{ListedDatabase, Lookup},
    time::Timestamp,
};
use uuid::Uuid;

use super::model;
use crate::{
    anchors,
    columns::parse_name,
    failure::{Attempt, Failure},
};

pub(super) const TABLES: &str = "
CREATE TABLE active_logs (
    stream TEXT NOT NULL, owner TEXT NOT NULL, marked_at INTEGER NOT NULL,
    PRIMARY KEY (stream, owner)) STRICT, WITHOUT ROWID;
CREATE TABLE sweep (
    row INTEGER PRIMARY KEY CHECK (row = 1), token TEXT NOT NULL, is_done INTEGER NOT NULL) STRICT;
";

/// Microseconds after which an unrenewed mark counts as left behind by a dead process.
const GONE: i64 = 600_000_000;

pub(super) fn databases(connection: &Connection) -> Attempt<Vec<ListedDatabase>> {
    let lookup = [Lookup {
        lineage: Lineage::main(),
        key: ModelKey::database(),
    }];
    let mut listed = Vec::new();
    for stream in anchors::list(connection)? {
        let found = model::get(connection, &stream, &lookup)?
            .entries
            .pop()
            .flatten();
        let Some(entry) = found else { continue };
        let database: DatabaseState = entry.value.read().map_err(Failure::unreadable)?;
        if database.live {
            listed.push(ListedDatabase {
                end: model::reflected_position(connection, &stream)?,
                stream,
                database,
            });
        }
    }
    Ok(listed)
}

pub(super) fn mark_active(
    connection: &Connection,
    stream: &StreamId,
    owner: &str,
    now: Timestamp,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO active_logs (stream, owner, marked_at) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![stream.to_string(), owner, now.as_micros()])?;
    Ok(())
}

/// Removes an owner's mark, and those of dead processes.
pub(super) fn clear_active(
    connection: &Connection,
    stream: &StreamId,
    owner: &str,
    now: Timestamp,
) -> Attempt<()> {
    connection
        .prepare_cached(
            "DELETE FROM active_logs
             WHERE stream = ?1 AND (owner = ?2 OR marked_at < ?3)",
        )?
        .execute(params![stream.to_string(), owner, now.as_micros() - GONE])?;
    Ok(())
}

pub(super) fn list_active(connection: &Connection) -> Attempt<Vec<StreamId>> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT stream FROM active_logs ORDER BY stream")?;
    let mut rows = statement.query([])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        streams.push(parse_name(&row.get::<_, String>(0)?)?);
    }
    Ok(streams)
}

pub(super) fn marked_by(connection: &Connection, stream: &StreamId) -> Attempt<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT owner FROM active_logs WHERE stream = ?1 ORDER BY 1")?;
    let owners = statement.query_map([stream.to_string()], |row| row.get(0))?;
    Ok(owners.collect::<Result<_, _>>()?)
}

pub(super) fn sweep_due(connection: &Connection) -> Attempt<Option<String>> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO sweep (row, token, is_done) VALUES (1, ?1, 0)")?
        .execute([Uuid::new_v4().to_string()])?;
    let token = connection
        .prepare_cached("SELECT token FROM sweep WHERE is_done = 0")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(token)
}

pub(super) fn has_swept(connection: &Connection) -> Attempt<bool> {
    let done = connection
        .prepare_cached("SELECT is_done FROM sweep")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(done.unwrap_or(false))
}

pub(super) fn end_sweep(connection: &Connection, token: &str) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE sweep SET is_done = 1 WHERE token = ?1")?
        .execute([token])?;
    Ok(())
}
