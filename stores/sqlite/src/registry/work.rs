//! The workers' part: the record of a batch, and the recorded position of each sink.

use rusqlite::{Connection, params};
use spice_core::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    port::registry::{WorkKey, WorkRecord},
};

use super::{leases, letters, processed};
use crate::{
    columns::{position, to_column},
    failure::{Attempt, Failure},
};

pub(super) const TABLES: &str = "
CREATE TABLE work (
    id INTEGER PRIMARY KEY, worker TEXT NOT NULL, stream TEXT NOT NULL, sink TEXT NOT NULL,
    worked INTEGER NOT NULL, batches INTEGER NOT NULL,
    UNIQUE (stream, worker, sink)) STRICT;
CREATE TABLE farthest (
    stream TEXT NOT NULL, worker TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (stream, worker)) STRICT, WITHOUT ROWID;
CREATE TABLE dead_letters (
    handler TEXT NOT NULL, stream TEXT NOT NULL, sink TEXT NOT NULL, position INTEGER NOT NULL,
    event_id BLOB NOT NULL, aggregate_id TEXT NOT NULL, error TEXT NOT NULL, class TEXT NOT NULL,
    attempts INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
    PRIMARY KEY (stream, sink, handler, position)) STRICT, WITHOUT ROWID;
CREATE TABLE retries (
    stream TEXT NOT NULL, handler TEXT NOT NULL, aggregate_id TEXT NOT NULL,
    PRIMARY KEY (stream, handler, aggregate_id)) STRICT, WITHOUT ROWID;
CREATE TABLE replays (
    id BLOB NOT NULL PRIMARY KEY, stream TEXT NOT NULL, requested_at INTEGER NOT NULL,
    is_open INTEGER NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX open_replays ON replays (stream) WHERE is_open = 1;
CREATE INDEX newest_replays ON replays (stream, requested_at);
";

pub(super) fn read_position(connection: &Connection, key: &WorkKey) -> Attempt<LogPosition> {
    Ok(find(connection, key)?.map_or(LogPosition::ZERO, |work| work.worked))
}

pub(super) fn record(connection: &Connection, record: &WorkRecord, guards: Guards) -> Attempt<()> {
    let key = &record.key;
    if guards.has(Guard::Fence) && !leases::is_held(connection, key, &record.lease)? {
        return Err(Failure::Fenced(format!(
            "{} no longer holds {} of {} with fence {}",
            record.lease.owner, key.worker, key.stream, record.lease.fence
        )));
    }
    let work = match find(connection, key)? {
        Some(found) => found,
        None => insert(connection, key)?,
    };
    if guards.has(Guard::Position) && work.worked != record.from {
        return Err(Failure::Fenced(format!(
            "{} of {} is recorded up to {}, not {}",
            key.worker, key.stream, work.worked, record.from
        )));
    }
    processed::insert(connection, work.id, work.batches, record)?;
    letters::insert(connection, &record.parked)?;
    connection
        .prepare_cached("UPDATE work SET worked = ?2, batches = batches + 1 WHERE id = ?1")?
        .execute([work.id, to_column(record.through.0)?])?;
    if record.live {
        move_farthest(connection, record)?;
    }
    Ok(())
}

/// Moves the farthest position of a worker on a log. It never goes back.
fn move_farthest(connection: &Connection, record: &WorkRecord) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT INTO farthest (stream, worker, position) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET position = max(position, excluded.position)",
        )?
        .execute(params![
            name(&record.key.stream),
            record.key.worker,
            to_column(record.through.0)?
        ])?;
    Ok(())
}

pub(super) fn farthest_positions(
    connection: &Connection,
    stream: &StreamId,
) -> Attempt<Vec<(String, LogPosition)>> {
    let mut find = connection
        .prepare_cached("SELECT worker, position FROM farthest WHERE stream = ?1 ORDER BY 1")?;
    let mut rows = find.query([name(stream)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, position(row, 1)?));
    }
    Ok(found)
}

/// Removes everything that was recorded of a log.
pub(super) fn forget(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    let name = name(stream);
    let mut find = connection.prepare_cached("SELECT id FROM work WHERE stream = ?1")?;
    let mut rows = find.query([&name])?;
    while let Some(row) = rows.next()? {
        processed::forget(connection, row.get(0)?)?;
    }
    for statement in [
        "DELETE FROM work WHERE stream = ?1",
        "DELETE FROM farthest WHERE stream = ?1",
        "DELETE FROM dead_letters WHERE stream = ?1",
        "DELETE FROM retries WHERE stream = ?1",
        "DELETE FROM replays WHERE stream = ?1",
    ] {
        connection.execute(statement, [&name])?;
    }
    Ok(())
}

/// Removes the records of a sink.
pub(super) fn forget_sink(connection: &Connection, key: &WorkKey) -> Attempt<()> {
    if let Some(Work { id, .. }) = find(connection, key)? {
        processed::forget(connection, id)?;
        connection.execute("DELETE FROM work WHERE id = ?1", [id])?;
    }
    letters::forget(connection, key)
}

/// The records of a sink.
struct Work {
    id: i64,
    worked: LogPosition,
    /// The number of records.
    batches: i64,
}

fn find(connection: &Connection, key: &WorkKey) -> Attempt<Option<Work>> {
    let mut find = connection.prepare_cached(
        "SELECT id, worked, batches FROM work WHERE stream = ?1 AND worker = ?2 AND sink = ?3",
    )?;
    let mut rows = find.query(params![name(&key.stream), key.worker, key.sink])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Work {
        id: row.get(0)?,
        worked: position(row, 1)?,
        batches: row.get(2)?,
    }))
}

fn insert(connection: &Connection, key: &WorkKey) -> Attempt<Work> {
    connection.execute(
        "INSERT INTO work (worker, stream, sink, worked, batches) VALUES (?1, ?2, ?3, 0, 0)",
        params![key.worker, name(&key.stream), key.sink],
    )?;
    Ok(Work {
        id: connection.last_insert_rowid(),
        worked: LogPosition::ZERO,
        batches: 0,
    })
}

fn name(stream: &StreamId) -> String {
    stream.to_string()
}
