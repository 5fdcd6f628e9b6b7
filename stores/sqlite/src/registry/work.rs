//! The workers' part: the record of a batch, and how far each sink is recorded.

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    port::registry::{WorkKey, WorkRecord},
};

use super::{leases, letters, processed};
use crate::{
    columns::{from_column, to_column},
    failure::{Attempt, Failure},
};

/// A processed row's key is its handler's slot and its position in one number, so that rows are
/// written at the end of their slot, whatever lies behind, and dropped by range.
pub(super) const TABLES: &str = "
CREATE TABLE work (
    id INTEGER PRIMARY KEY, worker TEXT NOT NULL, stream TEXT NOT NULL, sink TEXT NOT NULL,
    worked INTEGER NOT NULL,
    UNIQUE (stream, worker, sink)) STRICT;
CREATE TABLE slots (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, handler TEXT NOT NULL, worker TEXT NOT NULL,
    UNIQUE (stream, handler)) STRICT;
CREATE TABLE processed (
    place INTEGER PRIMARY KEY, event_id BLOB NOT NULL, aggregate_id TEXT NOT NULL,
    sequence INTEGER, outcome INTEGER NOT NULL, processed_at INTEGER NOT NULL) STRICT;
CREATE TABLE dead_letters (
    handler TEXT NOT NULL, stream TEXT NOT NULL, position INTEGER NOT NULL,
    event_id BLOB NOT NULL, aggregate_id TEXT NOT NULL, error TEXT NOT NULL, class TEXT NOT NULL,
    attempts INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    PRIMARY KEY (stream, handler, position)) STRICT, WITHOUT ROWID;
CREATE TABLE retries (
    stream TEXT NOT NULL, handler TEXT NOT NULL, aggregate_id TEXT NOT NULL,
    PRIMARY KEY (stream, handler, aggregate_id)) STRICT, WITHOUT ROWID;
";

pub(super) fn worked(connection: &Connection, key: &WorkKey) -> Attempt<LogPosition> {
    Ok(find(connection, key)?.map_or(LogPosition::ZERO, |(_, worked)| worked))
}

pub(super) fn record(connection: &Connection, record: &WorkRecord, guards: Guards) -> Attempt<()> {
    let key = &record.key;
    if guards.has(Guard::Fence) && !leases::holds(connection, key, &record.lease)? {
        return Err(Failure::Fenced(format!(
            "{} no longer holds {} of {} with fence {}",
            record.lease.owner, key.worker, key.stream, record.lease.fence
        )));
    }
    let (id, worked) = match find(connection, key)? {
        Some(found) => found,
        None => (insert(connection, key)?, LogPosition::ZERO),
    };
    if guards.has(Guard::Position) && worked != record.from {
        return Err(Failure::Fenced(format!(
            "{} of {} is recorded up to {worked}, not {}",
            key.worker, key.stream, record.from
        )));
    }
    processed::insert(connection, record)?;
    letters::insert(connection, &record.parked)?;
    connection
        .prepare_cached("UPDATE work SET worked = ?2 WHERE id = ?1")?
        .execute([id, to_column(record.through.0)?])?;
    Ok(())
}

/// A number that another process's work changes.
pub(super) fn fingerprint(connection: &Connection) -> Attempt<i64> {
    Ok(connection
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(worked), 0) FROM work) * 31
                  + (SELECT count(*) FROM dead_letters) * 7 + (SELECT count(*) FROM retries)",
        )?
        .query_row([], |row| row.get(0))?)
}

/// Forgets all that was recorded of a log.
pub(super) fn forget(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    let name = name(stream);
    processed::forget(connection, stream)?;
    for statement in [
        "DELETE FROM slots WHERE stream = ?1",
        "DELETE FROM work WHERE stream = ?1",
        "DELETE FROM dead_letters WHERE stream = ?1",
        "DELETE FROM retries WHERE stream = ?1",
    ] {
        connection.execute(statement, [&name])?;
    }
    Ok(())
}

/// The furthest position of a worker on a log, over all of its sinks.
pub(super) fn furthest(
    connection: &Connection,
    stream: &str,
    worker: &str,
) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT max(worked) FROM work WHERE stream = ?1 AND worker = ?2")?
        .query_row([stream, worker], |row| row.get(0))?)
}

fn find(connection: &Connection, key: &WorkKey) -> Attempt<Option<(i64, LogPosition)>> {
    let found = connection
        .prepare_cached(
            "SELECT id, worked FROM work WHERE stream = ?1 AND worker = ?2 AND sink = ?3",
        )?
        .query_row(params![name(&key.stream), key.worker, key.sink], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((id, worked)) = found else {
        return Ok(None);
    };
    Ok(Some((id, LogPosition(from_column(worked)?))))
}

fn insert(connection: &Connection, key: &WorkKey) -> Attempt<i64> {
    connection.execute(
        "INSERT INTO work (worker, stream, sink, worked) VALUES (?1, ?2, ?3, 0)",
        params![key.worker, name(&key.stream), key.sink],
    )?;
    Ok(connection.last_insert_rowid())
}

fn name(stream: &StreamId) -> String {
    stream.to_string()
}
