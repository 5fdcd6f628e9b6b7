//! The ledger: when the newest batches of a sink took effect, and the outcome of each event that
//! the position alone does not show. One row per batch, so that it stays small under load.

use rusqlite::{Connection, params};
use spice_core::{
    id::{LogPosition, StreamId},
    port::registry::{Outcome, Processing, WorkRecord},
};

use crate::{
    columns::{timestamp, to_column},
    failure::{Attempt, Failure},
};

pub(super) const TABLES: &str = "
CREATE TABLE batches (
    sink INTEGER NOT NULL, slot INTEGER NOT NULL, first INTEGER NOT NULL, below INTEGER NOT NULL,
    processed_at INTEGER NOT NULL,
    PRIMARY KEY (sink, slot)) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_end ON batches (sink, below, first, processed_at);
CREATE TABLE outcomes (
    sink INTEGER NOT NULL, position INTEGER NOT NULL, handler TEXT NOT NULL,
    outcome INTEGER NOT NULL, processed_at INTEGER NOT NULL,
    PRIMARY KEY (sink, position, handler)) STRICT, WITHOUT ROWID;
";

/// The number of batches that are kept for each sink.
const KEPT: i64 = 4_096;

/// Writes the record of a sink: `number` counts its batches, and each replaces an old one.
pub(super) fn insert(
    connection: &Connection,
    sink: i64,
    number: i64,
    record: &WorkRecord,
) -> Attempt<()> {
    let at = record.at.as_micros();
    let (from, through) = (to_column(record.from.0)?, to_column(record.through.0)?);
    if through > from {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO batches (sink, slot, first, below, processed_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute([sink, number % KEPT, from, through, at])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO outcomes (sink, position, handler, outcome, processed_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for processed in &record.processed {
        insert.execute(params![
            sink,
            to_column(processed.position.0)?,
            processed.handler,
            to_number(processed.outcome),
            at
        ])?;
    }
    Ok(())
}

pub(super) fn list_at(
    connection: &Connection,
    stream: &StreamId,
    position: LogPosition,
) -> Attempt<Vec<Processing>> {
    let mut find = connection.prepare_cached(
        "SELECT work.worker, work.sink, outcomes.handler, outcomes.outcome, outcomes.processed_at
         FROM work JOIN outcomes ON outcomes.sink = work.id AND outcomes.position = ?2
         WHERE work.stream = ?1
         UNION ALL
         SELECT work.worker, work.sink, NULL, 0, batches.processed_at
         FROM work JOIN batches ON batches.sink = work.id AND batches.below = (
             SELECT min(b.below) FROM batches b WHERE b.sink = work.id AND b.below > ?2)
         WHERE work.stream = ?1 AND batches.first <= ?2
         ORDER BY 1, 2",
    )?;
    let mut rows = find.query(params![stream.to_string(), to_column(position.0)?])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Processing {
            worker: row.get(0)?,
            sink: row.get(1)?,
            handler: row.get(2)?,
            outcome: outcome(row.get(3)?)?,
            at: timestamp(row, 4)?,
        });
    }
    // The record of the event itself comes first.
    found.sort_by_key(|row| row.handler.is_none());
    Ok(found)
}

/// Removes the records of a sink.
pub(super) fn forget(connection: &Connection, sink: i64) -> Attempt<()> {
    connection.execute("DELETE FROM batches WHERE sink = ?1", [sink])?;
    connection.execute("DELETE FROM outcomes WHERE sink = ?1", [sink])?;
    Ok(())
}

fn to_number(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Parked => 1,
        Outcome::Discarded => 2,
    }
}

fn outcome(number: i64) -> Attempt<Outcome> {
    match number {
        0 => Ok(Outcome::Done),
        1 => Ok(Outcome::Parked),
        2 => Ok(Outcome::Discarded),
        _ => Err(Failure::Damaged(format!("{number} is not an outcome"))),
    }
}
