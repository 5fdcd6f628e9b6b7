//! Processed events: one row an event and handler, written in order, dropped by range.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use spice_core::{
    id::{LogPosition, StreamId},
    port::registry::{Outcome, WorkRecord},
    time::Timestamp,
};

use super::work::furthest;
use crate::{
    columns::{timestamp, to_column},
    failure::{Attempt, Failure},
};

/// Room for a million million positions in each of eight million slots.
const SLOT_BITS: u32 = 40;
const SLOT_SIZE: i64 = 1 << SLOT_BITS;
/// The last slot that fits, for a signed number.
const LAST_SLOT: i64 = (1 << (63 - SLOT_BITS)) - 1;
/// How many rows one transaction drops at most.
const PRUNE_STEP: i64 = 20_000;

pub(super) fn insert(connection: &Connection, record: &WorkRecord) -> Attempt<()> {
    let mut slots: HashMap<&'static str, i64> = HashMap::new();
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO processed
             (place, event_id, aggregate_id, sequence, outcome, processed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for processed in &record.processed {
        let slot = if let Some(slot) = slots.get(processed.handler) {
            *slot
        } else {
            let slot = make_slot(connection, record, processed.handler)?;
            slots.insert(processed.handler, slot);
            slot
        };
        let sequence = processed.sequence.map(|sequence| to_column(sequence.0));
        insert.execute(params![
            place(slot, processed.position)?,
            processed.event_id.0.as_bytes(),
            processed.aggregate_id,
            sequence.transpose()?,
            to_number(processed.outcome),
            record.at.as_micros()
        ])?;
    }
    Ok(())
}

pub(super) fn at(
    connection: &Connection,
    stream: &StreamId,
    position: LogPosition,
) -> Attempt<Vec<(String, Outcome, Timestamp)>> {
    let mut slots = connection
        .prepare_cached("SELECT id, handler FROM slots WHERE stream = ?1 ORDER BY handler")?;
    let mut find = connection
        .prepare_cached("SELECT outcome, processed_at FROM processed WHERE place = ?1")?;
    let mut slot_rows = slots.query([stream.to_string()])?;
    let mut answers = Vec::new();
    while let Some(slot) = slot_rows.next()? {
        let mut rows = find.query([place(slot.get(0)?, position)?])?;
        if let Some(row) = rows.next()? {
            answers.push((slot.get(1)?, outcome(row.get(0)?)?, timestamp(row, 1)?));
        }
    }
    Ok(answers)
}

/// Drops at most a step's worth of rows; how many.
pub(super) fn prune_some(connection: &Connection, keep: u64) -> Attempt<u64> {
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    let mut slots = connection.prepare_cached("SELECT id, stream, worker FROM slots")?;
    let mut newest =
        connection.prepare_cached("SELECT coalesce(max(worked), 0) FROM work WHERE stream = ?1")?;
    let mut delete = connection.prepare_cached(
        "DELETE FROM processed WHERE place IN (
             SELECT place FROM processed WHERE place >= ?1 AND place < ?2 LIMIT ?3)",
    )?;
    let mut rows = slots.query([])?;
    while let Some(row) = rows.next()? {
        let (slot, stream, worker): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let newest: i64 = newest.query_row([&stream], |row| row.get(0))?;
        let covered = furthest(connection, &stream, &worker)?.unwrap_or(0);
        let below = covered.min(newest.saturating_sub(keep)).max(0);
        let first = slot * SLOT_SIZE;
        let dropped = delete.execute(params![first, first + below.min(SLOT_SIZE), PRUNE_STEP])?;
        if dropped > 0 {
            return Ok(dropped as u64);
        }
    }
    Ok(0)
}

/// Drops every row of a log.
pub(super) fn forget(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    let mut slots = connection.prepare_cached("SELECT id FROM slots WHERE stream = ?1")?;
    let mut rows = slots.query([stream.to_string()])?;
    while let Some(row) = rows.next()? {
        let first = row.get::<_, i64>(0)? * SLOT_SIZE;
        connection.execute(
            "DELETE FROM processed WHERE place >= ?1 AND place < ?2",
            [first, first.saturating_add(SLOT_SIZE)],
        )?;
    }
    Ok(())
}

fn make_slot(connection: &Connection, record: &WorkRecord, handler: &str) -> Attempt<i64> {
    Ok(connection
        .prepare_cached(
            "INSERT INTO slots (stream, handler, worker) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET worker = excluded.worker RETURNING id",
        )?
        .query_row(
            params![record.key.stream.to_string(), handler, record.key.worker],
            |row| row.get(0),
        )?)
}

fn place(slot: i64, position: LogPosition) -> Attempt<i64> {
    let position = to_column(position.0)?;
    if slot > LAST_SLOT || position >= SLOT_SIZE {
        return Err(Failure::Rejected(format!(
            "no room for position {position} of slot {slot}"
        )));
    }
    Ok(slot * SLOT_SIZE + position)
}

fn to_number(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Done => 0,
        Outcome::SkippedStale => 1,
        Outcome::Parked => 2,
        Outcome::Discarded => 3,
    }
}

fn outcome(number: i64) -> Attempt<Outcome> {
    match number {
        0 => Ok(Outcome::Done),
        1 => Ok(Outcome::SkippedStale),
        2 => Ok(Outcome::Parked),
        3 => Ok(Outcome::Discarded),
        _ => Err(Failure::Damaged(format!("{number} is no outcome"))),
    }
}
