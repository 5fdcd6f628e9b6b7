//! Dead letters, and which parked aggregates are to be tried again.

use rusqlite::{Connection, Row, params};
use spice_core::{
    id::{LogPosition, StreamId},
    port::registry::{DeadLetter, DeadLetterCount, WorkKey},
};

use crate::{
    columns::{event_id, from_column, parse_name, position, text, timestamp, to_column},
    failure::Attempt,
};

pub(super) fn insert(connection: &Connection, letters: &[DeadLetter]) -> Attempt<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO dead_letters
             (handler, stream, position, event_id, aggregate_id, error, class, attempts,
              first_at, last_at, sink)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for letter in letters {
        insert.execute(params![
            letter.handler,
            letter.stream.to_string(),
            to_column(letter.position.0)?,
            letter.event_id.0.as_bytes(),
            letter.aggregate_id,
            letter.error,
            letter.class,
            letter.attempts,
            letter.first_at.as_micros(),
            letter.last_at.as_micros(),
            letter.sink
        ])?;
    }
    Ok(())
}

pub(super) fn list(connection: &Connection, stream: Option<&StreamId>) -> Attempt<Vec<DeadLetter>> {
    let mut find = connection.prepare_cached(
        "SELECT handler, stream, position, event_id, aggregate_id, error, class, attempts,
                first_at, last_at, sink
         FROM dead_letters WHERE ?1 IS NULL OR stream = ?1",
    )?;
    let mut rows = find.query([stream.map(ToString::to_string)])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(letter(row)?);
    }
    letters.sort_by(|one, other| order(one).cmp(&order(other)));
    Ok(letters)
}

pub(super) fn count(connection: &Connection) -> Attempt<Vec<DeadLetterCount>> {
    let mut find = connection.prepare_cached(
        "SELECT handler, stream, sink, count(*) FROM dead_letters GROUP BY handler, stream, sink",
    )?;
    let mut rows = find.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        counts.push(DeadLetterCount {
            handler: row.get(0)?,
            stream: parse_name(text(row, 1)?)?,
            sink: row.get(2)?,
            count: from_column(row.get(3)?)?,
        });
    }
    let order = |it: &DeadLetterCount| (it.handler.clone(), it.stream.clone(), it.sink.clone());
    counts.sort_by_cached_key(order);
    Ok(counts)
}

fn order(letter: &DeadLetter) -> (&str, &StreamId, LogPosition, &str) {
    (
        &letter.handler,
        &letter.stream,
        letter.position,
        &letter.sink,
    )
}

pub(super) fn clear(
    connection: &Connection,
    key: &WorkKey,
    handler: &str,
    positions: &[LogPosition],
) -> Attempt<()> {
    let stream = key.stream.to_string();
    let mut delete = connection.prepare_cached(
        "DELETE FROM dead_letters
         WHERE stream = ?1 AND sink = ?2 AND handler = ?3 AND position = ?4",
    )?;
    for position in positions {
        delete.execute(params![stream, key.sink, handler, to_column(position.0)?])?;
    }
    Ok(())
}

pub(super) fn forget(connection: &Connection, key: &WorkKey) -> Attempt<()> {
    connection.execute(
        "DELETE FROM dead_letters WHERE stream = ?1 AND sink = ?2",
        [&key.stream.to_string(), &key.sink],
    )?;
    Ok(())
}

pub(super) fn request_retry(
    connection: &Connection,
    handler: &str,
    stream: &StreamId,
    aggregate_id: &str,
) -> Attempt<()> {
    connection.execute(
        "INSERT OR IGNORE INTO retries (stream, handler, aggregate_id) VALUES (?1, ?2, ?3)",
        [&stream.to_string(), handler, aggregate_id],
    )?;
    Ok(())
}

pub(super) fn retries(
    connection: &Connection,
    stream: &StreamId,
) -> Attempt<Vec<(String, String)>> {
    let mut find = connection.prepare_cached(
        "SELECT handler, aggregate_id FROM retries WHERE stream = ?1
         ORDER BY handler, aggregate_id",
    )?;
    let rows = find.query_map([stream.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn clear_retry(
    connection: &Connection,
    handler: &str,
    stream: &StreamId,
    aggregate_id: &str,
) -> Attempt<()> {
    connection.execute(
        "DELETE FROM retries WHERE stream = ?1 AND handler = ?2 AND aggregate_id = ?3",
        [&stream.to_string(), handler, aggregate_id],
    )?;
    Ok(())
}

fn letter(row: &Row<'_>) -> Attempt<DeadLetter> {
    Ok(DeadLetter {
        handler: row.get(0)?,
        stream: parse_name(text(row, 1)?)?,
        position: position(row, 2)?,
        event_id: event_id(row, 3)?,
        aggregate_id: row.get(4)?,
        error: row.get(5)?,
        class: row.get(6)?,
        attempts: row.get(7)?,
        first_at: timestamp(row, 8)?,
        last_at: timestamp(row, 9)?,
        sink: row.get(10)?,
    })
}
