//! Replays: one row each, changed by compare-and-set on its revision.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use spice_core::{
    id::StreamId,
    port::{
        StoreResult,
        replays::{KEPT, Replays, Start},
    },
    replay::{Replay, ReplayId},
};

use super::SqliteRegistry;
use crate::{
    columns::{text, to_column},
    failure::{Attempt, Failure},
};

#[async_trait]
impl Replays for SqliteRegistry {
    async fn start_replay(&self, replay: &Replay) -> StoreResult<Start> {
        let replay = replay.clone();
        let write = move |connection: &_| start(connection, &replay);
        self.database.write(write).await
    }

    async fn change_replay(&self, replay: &Replay) -> StoreResult<bool> {
        let replay = replay.clone();
        let write = move |connection: &_| change(connection, &replay);
        self.database.write(write).await
    }

    async fn replay(&self, id: ReplayId) -> StoreResult<Option<Replay>> {
        self.database
            .read(move |connection| find(connection, id))
            .await
    }

    async fn replays(&self, stream: Option<&StreamId>) -> StoreResult<Vec<Replay>> {
        let stream = stream.cloned();
        let read = move |connection: &_| list(connection, stream.as_ref());
        self.database.read(read).await
    }

    async fn open_replays(&self, stream: &StreamId) -> StoreResult<Vec<Replay>> {
        let stream = stream.clone();
        let read = move |connection: &_| list_open(connection, &stream);
        self.database.read(read).await
    }
}

fn start(connection: &Connection, replay: &Replay) -> Attempt<Start> {
    if let Some(found) = find(connection, replay.id)? {
        return Ok(Start::Exists(Box::new(found)));
    }
    let mut open = list_open(connection, &replay.stream)?.into_iter();
    if let Some(other) = open.find(|other| other.meets(replay)) {
        return Ok(Start::Running(Box::new(other)));
    }
    connection
        .prepare_cached(
            "INSERT INTO replays (id, stream, requested_at, is_open, revision, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            replay.id.0.as_bytes(),
            replay.stream.to_string(),
            replay.requested_at.as_micros(),
            !replay.state.is_finished(),
            to_column(replay.revision)?,
            write(replay)?
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM replays WHERE stream = ?1 AND is_open = 0 AND id NOT IN (
                 SELECT id FROM replays WHERE stream = ?1 AND is_open = 0
                 ORDER BY requested_at DESC, id DESC LIMIT ?2)",
        )?
        .execute(params![replay.stream.to_string(), to_column(KEPT as u64)?])?;
    Ok(Start::Started)
}

fn change(connection: &Connection, replay: &Replay) -> Attempt<bool> {
    let mut next = replay.clone();
    next.revision += 1;
    let changed = connection
        .prepare_cached(
            "UPDATE replays SET is_open = ?3, revision = ?4, body = ?5
             WHERE id = ?1 AND revision = ?2",
        )?
        .execute(params![
            replay.id.0.as_bytes(),
            to_column(replay.revision)?,
            !next.state.is_finished(),
            to_column(next.revision)?,
            write(&next)?
        ])?;
    Ok(changed == 1)
}

fn find(connection: &Connection, id: ReplayId) -> Attempt<Option<Replay>> {
    let mut find = connection.prepare_cached("SELECT body FROM replays WHERE id = ?1")?;
    let found = find.query_row([id.0.as_bytes()], |row| Ok(read(row)));
    found.optional()?.transpose()
}

fn list(connection: &Connection, stream: Option<&StreamId>) -> Attempt<Vec<Replay>> {
    let mut find = connection.prepare_cached(
        "SELECT body FROM replays WHERE ?1 IS NULL OR stream = ?1
         ORDER BY requested_at DESC, id DESC",
    )?;
    let mut rows = find.query([stream.map(ToString::to_string)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn list_open(connection: &Connection, stream: &StreamId) -> Attempt<Vec<Replay>> {
    let mut find = connection.prepare_cached(
        "SELECT body FROM replays WHERE stream = ?1 AND is_open = 1 ORDER BY requested_at, id",
    )?;
    let mut rows = find.query([stream.to_string()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Attempt<Replay> {
    serde_json::from_str(text(row, 0)?).map_err(Failure::unreadable)
}

fn write(replay: &Replay) -> Attempt<String> {
    serde_json::to_string(replay).map_err(|error| Failure::Rejected(error.to_string()))
}
