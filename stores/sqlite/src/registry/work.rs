//! The workers' part: leases with fences, and the record of a batch.

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    port::registry::{Lease, WorkKey, WorkRecord},
    time::Timestamp,
};

use super::{letters, processed};
use crate::{
    columns::{from_column, to_column},
    failure::{Attempt, Failure},
};

/// A processed row's key is its handler's slot and its position in one number, so that rows are
/// written at the end of their slot, whatever lies behind, and dropped by range.
pub(super) const TABLES: &str = "
CREATE TABLE leases (
    id INTEGER PRIMARY KEY, worker TEXT NOT NULL, stream TEXT NOT NULL, sink TEXT NOT NULL,
    owner TEXT NOT NULL, fence INTEGER NOT NULL, held INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL, worked INTEGER NOT NULL,
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

struct Work {
    id: i64,
    owner: String,
    fence: u64,
    held: bool,
    heartbeat_at: i64,
    worked: LogPosition,
}

impl Work {
    fn is(&self, lease: &Lease) -> bool {
        self.held && self.owner == lease.owner && self.fence == lease.fence
    }

    /// Whether the heartbeat is young enough. One that lies as far ahead is from before the clock
    /// was set back: who is alive has renewed it since.
    fn is_alive(&self, now: Timestamp, expired_before: Timestamp) -> bool {
        let (now, oldest) = (now.as_micros(), expired_before.as_micros());
        let newest = now.saturating_add(now.saturating_sub(oldest));
        (oldest..=newest).contains(&self.heartbeat_at)
    }
}

pub(super) fn acquire(
    connection: &Connection,
    key: &WorkKey,
    owner: &str,
    now: Timestamp,
    expired_before: Timestamp,
) -> Attempt<Option<Lease>> {
    let Some(current) = find(connection, key)? else {
        insert(connection, key, owner, now)?;
        return Ok(Some(Lease {
            fence: 1,
            owner: owner.to_owned(),
        }));
    };
    let ours = current.owner == owner;
    if current.held && !ours && current.is_alive(now, expired_before) {
        return Ok(None);
    }
    let fence = if ours {
        current.fence
    } else {
        current.fence + 1
    };
    connection
        .prepare_cached(
            "UPDATE leases SET owner = ?2, fence = ?3, held = 1, heartbeat_at = ?4 WHERE id = ?1",
        )?
        .execute(params![
            current.id,
            owner,
            to_column(fence)?,
            now.as_micros()
        ])?;
    Ok(Some(Lease {
        fence,
        owner: owner.to_owned(),
    }))
}

pub(super) fn renew(
    connection: &Connection,
    key: &WorkKey,
    lease: &Lease,
    now: Timestamp,
) -> Attempt<bool> {
    let Some(current) = find(connection, key)?.filter(|current| current.is(lease)) else {
        return Ok(false);
    };
    connection
        .prepare_cached("UPDATE leases SET heartbeat_at = ?2 WHERE id = ?1")?
        .execute([current.id, now.as_micros()])?;
    Ok(true)
}

pub(super) fn release(connection: &Connection, key: &WorkKey, lease: &Lease) -> Attempt<()> {
    if let Some(current) = find(connection, key)?.filter(|current| current.is(lease)) {
        connection.execute("UPDATE leases SET held = 0 WHERE id = ?1", [current.id])?;
    }
    Ok(())
}

pub(super) fn worked(connection: &Connection, key: &WorkKey) -> Attempt<LogPosition> {
    Ok(find(connection, key)?.map_or(LogPosition::ZERO, |current| current.worked))
}

pub(super) fn record(connection: &Connection, record: &WorkRecord, guards: Guards) -> Attempt<()> {
    let key = &record.key;
    let current = find(connection, key)?;
    let holds = current
        .as_ref()
        .is_some_and(|current| current.is(&record.lease));
    if guards.has(Guard::Fence) && !holds {
        return Err(Failure::Fenced(format!(
            "{} no longer holds {} of {} with fence {}",
            record.lease.owner, key.worker, key.stream, record.lease.fence
        )));
    }
    let (id, worked) = match current {
        Some(current) => (current.id, current.worked),
        None => (
            insert(connection, key, &record.lease.owner, record.at)?,
            LogPosition::ZERO,
        ),
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
        .prepare_cached("UPDATE leases SET worked = ?2 WHERE id = ?1")?
        .execute([id, to_column(record.through.0)?])?;
    Ok(())
}

/// A number that another process's work changes.
pub(super) fn fingerprint(connection: &Connection) -> Attempt<i64> {
    Ok(connection
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(worked + fence), 0) FROM leases) * 31
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
        "DELETE FROM leases WHERE stream = ?1",
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
        .prepare_cached("SELECT max(worked) FROM leases WHERE stream = ?1 AND worker = ?2")?
        .query_row([stream, worker], |row| row.get(0))?)
}

fn find(connection: &Connection, key: &WorkKey) -> Attempt<Option<Work>> {
    let found = connection
        .prepare_cached(
            "SELECT id, owner, fence, held, heartbeat_at, worked FROM leases
             WHERE stream = ?1 AND worker = ?2 AND sink = ?3",
        )?
        .query_row(params![name(&key.stream), key.worker, key.sink], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, i64>(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get::<_, i64>(5)?,
            ))
        })
        .optional()?;
    let Some((id, owner, fence, held, heartbeat_at, worked)) = found else {
        return Ok(None);
    };
    Ok(Some(Work {
        id,
        owner,
        fence: from_column(fence)?,
        held,
        heartbeat_at,
        worked: LogPosition(from_column(worked)?),
    }))
}

fn insert(connection: &Connection, key: &WorkKey, owner: &str, now: Timestamp) -> Attempt<i64> {
    connection.execute(
        "INSERT INTO leases (worker, stream, sink, owner, fence, held, heartbeat_at, worked)
         VALUES (?1, ?2, ?3, ?4, 1, 1, ?5, 0)",
        params![
            key.worker,
            name(&key.stream),
            key.sink,
            owner,
            now.as_micros()
        ],
    )?;
    Ok(connection.last_insert_rowid())
}

fn name(stream: &StreamId) -> String {
    stream.to_string()
}
