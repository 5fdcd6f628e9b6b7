//! Leases on buckets with their fences, and the owners. The registry's own clock counts.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{
    bucket::Bucket,
    port::{
        clock::Clock,
        registry::{Lease, WorkKey},
    },
    time::Timestamp,
};

use crate::{
    columns::{from_column, to_column},
    failure::Attempt,
};

pub(super) const TABLES: &str = "
CREATE TABLE members (
    worker TEXT NOT NULL, owner TEXT NOT NULL, renewed_at INTEGER NOT NULL, ttl INTEGER NOT NULL,
    PRIMARY KEY (worker, owner)) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    worker TEXT NOT NULL, bucket INTEGER NOT NULL, owner TEXT NOT NULL, fence INTEGER NOT NULL,
    held INTEGER NOT NULL, renewed_at INTEGER NOT NULL, ttl INTEGER NOT NULL,
    PRIMARY KEY (worker, bucket)) STRICT, WITHOUT ROWID;
";

/// Returns the registry's time: of its clock if it has one, else of SQLite.
pub(super) fn now(connection: &Connection, clock: Option<&Arc<dyn Clock>>) -> Attempt<Timestamp> {
    if let Some(clock) = clock {
        return Ok(clock.now());
    }
    let micros = connection
        .prepare_cached("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000")?
        .query_row([], |row| row.get(0))?;
    Ok(Timestamp::from_micros(micros))
}

/// Returns whether a lifetime that began at `renewed_at` still lasts. One that begins in the future
/// is from before the clock was set back: its owner has renewed it since, or is gone.
fn is_current(renewed_at: i64, ttl: i64, now: Timestamp) -> bool {
    let now = now.as_micros();
    renewed_at <= now && now < renewed_at.saturating_add(ttl)
}

fn micros(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)
}

/// Announces an owner; removes expired ones; returns all others.
pub(super) fn join(
    connection: &Connection,
    worker: &str,
    owner: &str,
    ttl: Duration,
    now: Timestamp,
) -> Attempt<Vec<String>> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO members (worker, owner, renewed_at, ttl)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![worker, owner, now.as_micros(), micros(ttl)])?;
    let mut find = connection.prepare_cached(
        "SELECT owner, renewed_at, ttl FROM members WHERE worker = ?1 ORDER BY owner",
    )?;
    let mut rows = find.query([worker])?;
    let (mut members, mut gone) = (Vec::new(), Vec::<String>::new());
    while let Some(row) = rows.next()? {
        let listed = if is_current(row.get(1)?, row.get(2)?, now) {
            &mut members
        } else {
            &mut gone
        };
        listed.push(row.get(0)?);
    }
    for owner in gone {
        forget_member(connection, worker, &owner)?;
    }
    Ok(members)
}

/// Takes and renews leases; returns those that the owner holds now.
pub(super) fn acquire(
    connection: &Connection,
    worker: &str,
    buckets: &[Bucket],
    owner: &str,
    ttl: Duration,
    now: Timestamp,
) -> Attempt<Vec<Lease>> {
    let mut write = connection.prepare_cached(
        "INSERT OR REPLACE INTO leases (worker, bucket, owner, fence, held, renewed_at, ttl)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)",
    )?;
    let mut leases = Vec::new();
    for &bucket in buckets {
        let fence = match find(connection, worker, bucket)? {
            None => 1,
            Some(row) if row.held && row.owner == owner => row.fence,
            Some(row) if row.held && is_current(row.renewed_at, row.ttl, now) => continue,
            Some(row) => row.fence + 1,
        };
        write.execute(params![
            worker,
            bucket.number(),
            owner,
            to_column(fence)?,
            now.as_micros(),
            micros(ttl)
        ])?;
        leases.push(Lease {
            bucket,
            fence,
            owner: owner.to_owned(),
        });
    }
    Ok(leases)
}

/// Returns whether a lease covers a log now.
pub(super) fn is_held(connection: &Connection, key: &WorkKey, lease: &Lease) -> Attempt<bool> {
    let row = find(connection, &key.worker, Bucket::of(&key.stream))?;
    Ok(row.is_some_and(|row| row.held && row.owner == lease.owner && row.fence == lease.fence))
}

pub(super) fn release(connection: &Connection, worker: &str, lease: &Lease) -> Attempt<()> {
    connection
        .prepare_cached(
            "UPDATE leases SET held = 0
             WHERE worker = ?1 AND bucket = ?2 AND owner = ?3 AND fence = ?4",
        )?
        .execute(params![
            worker,
            lease.bucket.number(),
            lease.owner,
            to_column(lease.fence)?
        ])?;
    Ok(())
}

/// Removes an owner and releases its leases.
pub(super) fn leave(connection: &Connection, worker: &str, owner: &str) -> Attempt<()> {
    forget_member(connection, worker, owner)?;
    connection.execute(
        "UPDATE leases SET held = 0 WHERE worker = ?1 AND owner = ?2",
        [worker, owner],
    )?;
    Ok(())
}

fn forget_member(connection: &Connection, worker: &str, owner: &str) -> Attempt<()> {
    connection.execute(
        "DELETE FROM members WHERE worker = ?1 AND owner = ?2",
        [worker, owner],
    )?;
    Ok(())
}

struct Row {
    owner: String,
    fence: u64,
    held: bool,
    renewed_at: i64,
    ttl: i64,
}

fn find(connection: &Connection, worker: &str, bucket: Bucket) -> Attempt<Option<Row>> {
    let found = connection
        .prepare_cached(
            "SELECT owner, fence, held, renewed_at, ttl FROM leases
             WHERE worker = ?1 AND bucket = ?2",
        )?
        .query_row(params![worker, bucket.number()], |row| {
            let fence: i64 = row.get(1)?;
            Ok((row.get(0)?, fence, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((owner, fence, held, renewed_at, ttl)) = found else {
        return Ok(None);
    };
    let fence = from_column(fence)?;
    Ok(Some(Row {
        owner,
        fence,
        held,
        renewed_at,
        ttl,
    }))
}
