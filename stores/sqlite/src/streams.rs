//! Logs as small numbers, and of each log its sinks: generation, role, position and anchor.

use rusqlite::{Connection, OptionalExtension, Row, params};
use spice_core::{
    chain::{Anchor, Chain},
    id::StreamId,
    port::sink::{Sink, SinkPosition, SinkRole},
};
use uuid::Uuid;

use super::{
    columns::{position, to_column},
    failure::{Attempt, Failure},
};

/// A log has one live sink and at most one shadow. The registry's write model is a live sink too.
pub(crate) const TABLES: &str = "
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, generation TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL, position INTEGER NOT NULL,
    seen INTEGER, append INTEGER, chain BLOB) STRICT;
CREATE INDEX streams_by_name ON streams (name, role);
CREATE UNIQUE INDEX streams_by_role ON streams (name, role) WHERE role < 2;
";

/// A sink of a log in this file.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Its number.
    pub(crate) id: i64,
    /// What the port says of it.
    pub(crate) sink: Sink,
}

const LIVE: i64 = 0;
const SHADOW: i64 = 1;
const OLD: i64 = 2;
/// A dropped sink whose content is being removed. No one sees it any more.
const DROPPED: i64 = 3;

fn role_of(number: i64) -> Attempt<SinkRole> {
    match number {
        LIVE => Ok(SinkRole::Live),
        SHADOW => Ok(SinkRole::Shadow),
        OLD => Ok(SinkRole::Old),
        _ => Err(Failure::Damaged(format!("unknown sink role {number}"))),
    }
}

/// Makes a shadow the live sink. False when it is behind the one that is.
pub(crate) fn swap(connection: &Connection, stream: &StreamId, shadow: &str) -> Attempt<bool> {
    let shadow = find_sink(connection, stream, shadow)?;
    let live = find_or_create_live(connection, stream)?;
    if shadow.id == live.id {
        return Ok(true);
    }
    if shadow.sink.role != SinkRole::Shadow {
        return Err(Failure::Rejected(format!(
            "sink {} of {stream} is not a shadow",
            shadow.sink.generation
        )));
    }
    if shadow.sink.position < live.sink.position {
        return Ok(false);
    }
    let mut give = connection.prepare_cached("UPDATE streams SET role = ?2 WHERE id = ?1")?;
    give.execute([live.id, OLD])?;
    give.execute([shadow.id, LIVE])?;
    Ok(true)
}

/// Returns the live sink of a log, if the log is known.
pub(crate) fn find_stream(connection: &Connection, stream: &StreamId) -> Attempt<Option<Stream>> {
    find_one(connection, stream, |sink| sink.role == SinkRole::Live)
}

/// Returns a sink of a log by its generation; fenced if it is gone.
pub(crate) fn find_sink(
    connection: &Connection,
    stream: &StreamId,
    generation: &str,
) -> Attempt<Stream> {
    find_one(connection, stream, |sink| sink.generation == generation)?
        .ok_or_else(|| Failure::Fenced(format!("{stream} has no sink {generation}")))
}

/// The number of a sink, none when it is gone; fenced when its role is another by now.
pub(crate) fn find_in_role(
    connection: &Connection,
    stream: &StreamId,
    generation: &str,
    role: SinkRole,
) -> Attempt<Option<i64>> {
    match find_one(connection, stream, |sink| sink.generation == generation)? {
        Some(Stream { sink, .. }) if sink.role != role => Err(Failure::Fenced(format!(
            "sink {generation} of {stream} is {:?} by now, not {role:?}",
            sink.role
        ))),
        found => Ok(found.map(|found| found.id)),
    }
}

fn find_one(
    connection: &Connection,
    stream: &StreamId,
    is_wanted: impl Fn(&Sink) -> bool,
) -> Attempt<Option<Stream>> {
    let sinks = find_all(connection, stream)?;
    Ok(sinks.into_iter().find(|found| is_wanted(&found.sink)))
}

/// Returns the sinks of a log, ordered by role.
pub(crate) fn find_all(connection: &Connection, stream: &StreamId) -> Attempt<Vec<Stream>> {
    let mut find = connection.prepare_cached(
        "SELECT id, generation, role, position, seen, append, chain FROM streams
         WHERE name = ?1 AND role < ?2 ORDER BY role, id",
    )?;
    let mut rows = find.query(params![stream.to_string(), DROPPED])?;
    let mut sinks = Vec::new();
    while let Some(row) = rows.next()? {
        let position = position(row, 3)?;
        sinks.push(Stream {
            id: row.get(0)?,
            sink: Sink {
                generation: row.get(1)?,
                role: role_of(row.get(2)?)?,
                position,
                visible: position,
                anchor: anchor(row, 4)?,
            },
        });
    }
    Ok(sinks)
}

fn anchor(row: &Row<'_>, first: usize) -> Attempt<Option<Anchor>> {
    let Some(chain) = row.get(first + 2)? else {
        return Ok(None);
    };
    Ok(Some(Anchor {
        position: position(row, first)?,
        append: position(row, first + 1)?,
        chain: Chain::from_bytes(chain),
    }))
}

/// Returns the live sink of a log; creates it at position zero if there is none.
pub(crate) fn find_or_create_live(connection: &Connection, stream: &StreamId) -> Attempt<Stream> {
    create(connection, stream, LIVE)
}

/// The shadow of a log; created at position zero if there is none.
pub(crate) fn find_or_create_shadow(connection: &Connection, stream: &StreamId) -> Attempt<Stream> {
    create(connection, stream, SHADOW)
}

fn create(connection: &Connection, stream: &StreamId, number: i64) -> Attempt<Stream> {
    let role = role_of(number)?;
    if let Some(found) = find_one(connection, stream, |sink| sink.role == role)? {
        return Ok(found);
    }
    let generation = Uuid::new_v4().to_string();
    connection
        .prepare_cached(
            "INSERT INTO streams (name, generation, role, position) VALUES (?1, ?2, ?3, 0)",
        )?
        .execute(params![stream.to_string(), generation, number])?;
    find_sink(connection, stream, &generation)
}

/// Moves a log to a position. Without an anchor it keeps its own.
pub(crate) fn move_stream(connection: &Connection, id: i64, to: &SinkPosition) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE streams SET position = ?2 WHERE id = ?1")?
        .execute([id, to_column(to.position.0)?])?;
    if let Some(anchor) = &to.anchor {
        connection
            .prepare_cached("UPDATE streams SET seen = ?2, append = ?3, chain = ?4 WHERE id = ?1")?
            .execute(params![
                id,
                to_column(anchor.position.0)?,
                to_column(anchor.append.0)?,
                anchor.chain.as_bytes()
            ])?;
    }
    Ok(())
}

/// Hides a sink and forgets its anchor; its content is still there.
pub(crate) fn hide(connection: &Connection, id: i64) -> Attempt<()> {
    connection.execute(
        "UPDATE streams SET role = ?2, seen = NULL, append = NULL, chain = NULL WHERE id = ?1",
        [id, DROPPED],
    )?;
    Ok(())
}

/// The number of a hidden sink, if there is one.
pub(crate) fn find_hidden(connection: &Connection) -> Attempt<Option<i64>> {
    let mut find = connection.prepare_cached("SELECT id FROM streams WHERE role = ?1 LIMIT 1")?;
    Ok(find.query_row([DROPPED], |row| row.get(0)).optional()?)
}

/// Removes a sink, its anchor and its scopes; the content of the scopes must be gone already.
pub(crate) fn drop_stream(connection: &Connection, id: i64) -> Attempt<()> {
    connection.execute("DELETE FROM scopes WHERE stream = ?1", [id])?;
    connection.execute("DELETE FROM streams WHERE id = ?1", [id])?;
    Ok(())
}
