//! The write model: every entry by position, and the positions of commands.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
};

use rusqlite::{
    Connection, Row, params,
    types::{Value, ValueRef},
};
use spice_core::{
    chain::Anchor,
    guard::{Guard, Guards},
    id::{BranchGeneration, CommandId, LogPosition, StreamId},
    json::Json,
    lineage::{Lineage, Span},
    model::{CommandEntry, ModelEntry, ModelKey},
    port::registry::{Advance, Found, Lookup},
};

use crate::{
    columns::{bound, from_column, parse_name, text, to_column, uuid},
    failure::{Attempt, Failure},
    layers::{KeyRange, Keys, Layer, walk},
    scopes::{Part, ScopeBook, find_scope},
    streams::{drop_stream, find_or_create_live, find_stream, move_stream},
};

/// Entries are rows in the order of the log, found through an index; so a commit writes at the end
/// of the table.
pub(super) const TABLES: &str = "
CREATE TABLE entries (
    row INTEGER PRIMARY KEY, scope INTEGER NOT NULL, key TEXT NOT NULL,
    position INTEGER NOT NULL, value TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX entries_by_key ON entries (scope, key, position DESC);
CREATE INDEX entries_by_position ON entries (scope, position);
CREATE TABLE commands (
    row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, stream TEXT NOT NULL,
    position INTEGER NOT NULL, last INTEGER NOT NULL, digest ANY NOT NULL) STRICT;
CREATE INDEX commands_by_position ON commands (stream, position);
";

const KEYS: Keys = Keys {
    all: "SELECT key, position, row FROM entries
          WHERE scope = ?1 AND key >= ?2 AND key < ?3 ORDER BY key, position DESC",
    newest: "SELECT position, row FROM entries
             WHERE scope = ?1 AND key = ?2 AND position <= ?3 ORDER BY position DESC LIMIT 1",
};

/// A step of the write model from one position to another.
pub(super) struct Step<'a> {
    pub(super) from: LogPosition,
    pub(super) to: Anchor,
    pub(super) entries: &'a [ModelEntry],
    pub(super) commands: &'a [CommandEntry],
}

pub(super) fn reflected_position(
    connection: &Connection,
    stream: &StreamId,
) -> Attempt<LogPosition> {
    Ok(find_stream(connection, stream)?.map_or(LogPosition::ZERO, |stream| stream.sink.position))
}

pub(super) fn get(
    connection: &Connection,
    stream: &StreamId,
    lookups: &[Lookup],
) -> Attempt<Found> {
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(Found {
            entries: vec![None; lookups.len()],
            reflected: LogPosition::ZERO,
        });
    };
    let mut newest = connection.prepare_cached(
        "SELECT position, value FROM entries
         WHERE scope = ?1 AND key = ?2 AND position <= ?3 ORDER BY position DESC LIMIT 1",
    )?;
    let mut known: HashMap<BranchGeneration, Option<i64>> = HashMap::new();
    let mut answers = Vec::with_capacity(lookups.len());
    for lookup in lookups {
        let mut answer = None;
        for level in lookup.lineage.levels() {
            let scope = if let Some(scope) = known.get(&level.generation) {
                *scope
            } else {
                let scope = scope_of(connection, stream.id, level.generation)?;
                known.insert(level.generation, scope);
                scope
            };
            let Some(scope) = scope else { continue };
            let key = lookup.key.as_str();
            let mut rows = newest.query(params![scope, key, bound(level.until)])?;
            if let Some(row) = rows.next()? {
                answer = Some(entry(row, level.generation, lookup.key.clone())?);
                break;
            }
        }
        answers.push(answer);
    }
    Ok(Found {
        entries: answers,
        reflected: stream.sink.position,
    })
}

pub(super) fn scan(
    connection: &Connection,
    stream: &StreamId,
    lineage: &Lineage,
    range: &KeyRange,
    limit: usize,
) -> Attempt<Vec<ModelEntry>> {
    let mut entries = Vec::new();
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(entries);
    };
    let mut layers = Vec::new();
    for (index, level) in lineage.levels().iter().enumerate() {
        if let Some(scope) = scope_of(connection, stream.id, level.generation)? {
            layers.push(Layer {
                scope,
                until: bound(level.until),
                level: index,
            });
        }
    }
    if limit == 0 {
        return Ok(entries);
    }
    let mut fetch =
        connection.prepare_cached("SELECT position, value FROM entries WHERE row = ?1")?;
    walk(connection, &KEYS, &layers, range, |shown| {
        let generation = lineage.levels()[shown.layer.level].generation;
        let mut rows = fetch.query([shown.row])?;
        if let Some(row) = rows.next()? {
            entries.push(entry(row, generation, ModelKey::from_stored(shown.key))?);
        }
        Ok(if entries.len() >= limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(entries)
}

pub(super) fn changed_keys(
    connection: &Connection,
    stream: &StreamId,
    spans: &[Span],
    after: Option<&ModelKey>,
    limit: usize,
) -> Attempt<Vec<ModelKey>> {
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(Vec::new());
    };
    let mut written = connection.prepare_cached(
        "SELECT key FROM entries INDEXED BY entries_by_position
         WHERE scope = ?1 AND position > ?2 AND position <= ?3 AND key > ?4
           AND (key BETWEEN 'c:' AND 'c;' OR key BETWEEN 'i:' AND 'i;')",
    )?;
    let after = after.map_or("", ModelKey::as_str);
    // The smallest keys so far; keys beyond the page are dropped again.
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for span in spans {
        let Some(scope) = scope_of(connection, stream.id, span.generation)? else {
            continue;
        };
        let from = span.after.map_or(-1, bound);
        let mut rows = written.query(params![scope, from, bound(span.until), after])?;
        while let Some(row) = rows.next()? {
            let key = text(row, 0)?;
            let is_beyond =
                keys.len() >= limit && keys.last().is_some_and(|last| key > last.as_str());
            if !is_beyond && !keys.contains(key) {
                keys.insert(key.to_owned());
            }
            if keys.len() > limit {
                keys.pop_last();
            }
        }
    }
    Ok(keys.iter().map(|key| ModelKey::from_stored(key)).collect())
}

pub(super) fn writes(
    connection: &Connection,
    stream: &StreamId,
    span: &Span,
    limit: usize,
) -> Attempt<Vec<(LogPosition, ModelKey)>> {
    let mut found = Vec::new();
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(found);
    };
    let Some(scope) = scope_of(connection, stream.id, span.generation)? else {
        return Ok(found);
    };
    let mut written = connection.prepare_cached(
        "SELECT position, key FROM entries INDEXED BY entries_by_position
         WHERE scope = ?1 AND position > ?2 AND position <= ?3
           AND (key BETWEEN 'c:' AND 'c;' OR key BETWEEN 'i:' AND 'i;')
         ORDER BY position LIMIT ?4",
    )?;
    let after = span.after.map_or(-1, bound);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = written.query(params![scope, after, bound(span.until), limit])?;
    while let Some(row) = rows.next()? {
        let position = LogPosition(from_column(row.get(0)?)?);
        found.push((position, ModelKey::from_stored(text(row, 1)?)));
    }
    Ok(found)
}

pub(super) fn advance(
    connection: &Connection,
    stream: &StreamId,
    step: &Step<'_>,
    guards: Guards,
) -> Attempt<Advance> {
    let stream = find_or_create_live(connection, stream)?;
    let position = stream.sink.position;
    if guards.has(Guard::RegistryPosition) && position != step.from {
        return Ok(Advance::Elsewhere(position));
    }
    insert_entries(connection, stream.id, step.entries)?;
    insert_commands(connection, step.commands)?;
    move_stream(connection, stream.id, &step.to.into())?;
    Ok(Advance::Done)
}

fn insert_entries(connection: &Connection, stream: i64, entries: &[ModelEntry]) -> Attempt<()> {
    let mut book = ScopeBook::new(connection, stream);
    // Within one envelope the later entry of a key counts (a value released and claimed anew).
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO entries (scope, key, position, value) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for entry in entries {
        let branch = to_column(entry.branch.0.0)?;
        let scope = book.scope(branch, branch, "", Part::classes())?;
        insert.execute(params![
            scope,
            entry.key.as_str(),
            to_column(entry.position.0)?,
            entry.value.as_str()
        ])?;
    }
    Ok(())
}

fn insert_commands(connection: &Connection, commands: &[CommandEntry]) -> Attempt<()> {
    // The first one stays: an id belongs to one command, wherever it was accepted.
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO commands (id, stream, position, last, digest)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for command in commands {
        insert.execute(params![
            command.id.0.as_bytes(),
            command.stream.to_string(),
            to_column(command.position.0)?,
            to_column(command.last.0)?,
            pack(&command.payload_digest)
        ])?;
    }
    Ok(())
}

pub(super) fn commands(
    connection: &Connection,
    ids: &[CommandId],
) -> Attempt<Vec<Option<CommandEntry>>> {
    let mut find = connection
        .prepare_cached("SELECT id, stream, position, last, digest FROM commands WHERE id = ?1")?;
    let mut answers = Vec::with_capacity(ids.len());
    for id in ids {
        let mut rows = find.query([id.0.as_bytes()])?;
        answers.push(rows.next()?.map(command).transpose()?);
    }
    Ok(answers)
}

pub(super) fn recent_commands(
    connection: &Connection,
    stream: &StreamId,
    before: LogPosition,
    limit: usize,
) -> Attempt<Vec<CommandEntry>> {
    let mut find = connection.prepare_cached(
        "SELECT id, stream, position, last, digest FROM commands
         WHERE stream = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = find.query(params![stream.to_string(), bound(before), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(command(row)?);
    }
    Ok(found)
}

pub(super) fn forget(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    let text = stream.to_string();
    connection.execute("DELETE FROM commands WHERE stream = ?1", [text])?;
    // Reflected data has been removed: every log has to be read again before an id counts as
    // unknown.
    connection.execute("DELETE FROM sweep", [])?;
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(());
    };
    connection.execute(
        "DELETE FROM entries WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1)",
        [stream.id],
    )?;
    drop_stream(connection, stream.id)
}

fn scope_of(
    connection: &Connection,
    stream: i64,
    generation: BranchGeneration,
) -> Attempt<Option<i64>> {
    find_scope(connection, stream, bound(generation.0), &Part::classes())
}

fn entry(row: &Row<'_>, branch: BranchGeneration, key: ModelKey) -> Attempt<ModelEntry> {
    Ok(ModelEntry {
        branch,
        key,
        position: LogPosition(from_column(row.get(0)?)?),
        value: Json::parse(text(row, 1)?).map_err(Failure::unreadable)?,
    })
}

fn command(row: &Row<'_>) -> Attempt<CommandEntry> {
    Ok(CommandEntry {
        id: CommandId(uuid(row, 0)?),
        stream: parse_name(text(row, 1)?)?,
        position: LogPosition(from_column(row.get(2)?)?),
        last: LogPosition(from_column(row.get(3)?)?),
        payload_digest: unpack(row.get_ref(4)?)?,
    })
}

/// Digests are hexadecimal; as bytes they take half the space.
fn pack(digest: &str) -> Value {
    let bytes: Vec<u8> = (0..digest.len() / 2)
        .filter_map(|index| u8::from_str_radix(digest.get(index * 2..index * 2 + 2)?, 16).ok())
        .collect();
    if to_hex(&bytes) == digest {
        Value::Blob(bytes)
    } else {
        Value::Text(digest.to_owned())
    }
}

fn unpack(value: ValueRef<'_>) -> Attempt<String> {
    match value {
        ValueRef::Blob(bytes) => Ok(to_hex(bytes)),
        text => Ok(text.as_str().map_err(Failure::unreadable)?.to_owned()),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}
