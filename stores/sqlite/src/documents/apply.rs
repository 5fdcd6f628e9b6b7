//! Writing documents by their external version, and their words.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use spice_core::{
    guard::{Guard, Guards},
    id::{BranchGeneration, StreamId},
    json::Json,
    port::{
        documents::{BulkResult, Document},
        graph::Entity,
    },
};

use super::{
    rows::branch_key,
    sorted::{self, Keeper},
    words,
};
use crate::{
    columns::{bound, to_column},
    failure::Attempt,
    scopes::{Part, ScopeBook, drop_stream, find_stream, scopes_of},
};

enum Written {
    New,
    Stale,
}

/// A document that is there already.
#[derive(Clone, Copy)]
struct Stored {
    row: i64,
    sequence: i64,
    live: bool,
}

/// Writes documents in their order; what is not newer than what is there is left out.
pub(super) fn apply(
    connection: &Connection,
    stream: i64,
    documents: &[Document],
    guards: Guards,
) -> Attempt<BulkResult> {
    let mut writer = Writer::new(connection, stream, guards)?;
    let mut result = BulkResult::default();
    for (index, document) in documents.iter().enumerate() {
        match writer.write(document) {
            Ok(Written::New) => {}
            Ok(Written::Stale) => result.stale.push(index),
            Err(failure) if failure.is_refusal() => {
                let error = failure.into_store_error(super::SCHEMA.store);
                result.refused.push((index, error));
            }
            Err(failure) => return Err(failure),
        }
    }
    writer.values.save()?;
    writer.counts.save(connection)?;
    writer.save_words(connection)?;
    Ok(result)
}

/// How many documents a batch adds to the live ones of each scope.
#[derive(Default)]
struct Counts(HashMap<i64, i64>);

impl Counts {
    fn change(&mut self, scope: i64, was_live: bool, is_live: bool) {
        *self.0.entry(scope).or_default() += i64::from(is_live) - i64::from(was_live);
    }

    fn save(&self, connection: &Connection) -> Attempt<()> {
        let mut update =
            connection.prepare_cached("UPDATE scopes SET live = live + ?2 WHERE id = ?1")?;
        for (scope, change) in self.0.iter().filter(|(_, change)| **change != 0) {
            update.execute([scope, change])?;
        }
        Ok(())
    }
}

struct Writer<'connection> {
    guards: Guards,
    book: ScopeBook<'connection>,
    counts: Counts,
    values: Keeper<'connection>,
    find: CachedStatement<'connection>,
    insert: CachedStatement<'connection>,
    update: CachedStatement<'connection>,
    delete: CachedStatement<'connection>,
    words: BTreeMap<i64, WordChange>,
}

/// What a batch does to the words of a row.
struct WordChange {
    /// Whether the row had words before the batch.
    had_words: bool,
    /// What it has after it, marked; none for a tombstone.
    text: Option<String>,
}

impl<'connection> Writer<'connection> {
    fn new(connection: &'connection Connection, stream: i64, guards: Guards) -> Attempt<Self> {
        Ok(Self {
            guards,
            book: ScopeBook::new(connection, stream),
            counts: Counts::default(),
            values: Keeper::new(connection)?,
            find: connection.prepare_cached(FIND)?,
            insert: connection.prepare_cached(
                "INSERT INTO documents (scope, id, position, live, sequence, event_id,
                     occurred_at, created_at, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            update: connection.prepare_cached(
                "UPDATE documents SET position = ?2, live = ?3, sequence = ?4, event_id = ?5,
                     occurred_at = ?6, created_at = ?7, data = ?8
                 WHERE row = ?1",
            )?,
            delete: connection.prepare_cached(DELETE)?,
            words: BTreeMap::new(),
        })
    }

    fn write(&mut self, document: &Document) -> Attempt<Written> {
        let generation = to_column(document.branch.1.0.0)?;
        let sequence = to_column(document.sequence.0)?;
        let branch = branch_key(self.guards, &document.branch.0, generation);
        let (part, id) = Part::of(&document.entity);
        let scope = self
            .book
            .scope(branch, generation, document.branch.0.as_str(), part)?;
        let stored = find(&mut self.find, scope, id)?;
        let is_newer = stored.is_none_or(|stored| stored.sequence < sequence);
        if self.guards.has(Guard::Sequence) && !is_newer {
            return Ok(Written::Stale);
        }
        let was_live = stored.is_some_and(|stored| stored.live);
        let live = document.data.is_some();
        let before = match stored {
            Some(Stored {
                row, live: true, ..
            }) => self.values.before(scope, row)?,
            _ => None,
        };
        let row = if !live && !self.guards.has(Guard::Tombstones) {
            if let Some(stored) = stored {
                self.delete.execute([stored.row])?;
            }
            stored.map(|stored| stored.row)
        } else {
            Some(self.put(document, scope, id, sequence, stored)?)
        };
        if let Some(row) = row {
            self.note_words(row, scope, was_live, document.data.as_ref());
        }
        let after = document.data.as_ref().map(Json::as_str);
        if let Some(row) = row {
            self.values
                .replace((scope, id, row), before.as_deref(), after)?;
        }
        self.counts.change(scope, was_live, live);
        Ok(Written::New)
    }

    fn put(
        &mut self,
        document: &Document,
        scope: i64,
        id: &str,
        sequence: i64,
        stored: Option<Stored>,
    ) -> Attempt<i64> {
        let position = to_column(document.position.0)?;
        let live = document.data.is_some();
        let event_id = document.event_id.0.as_bytes();
        let occurred_at = document.occurred_at.as_micros();
        let created_at = document.created_at.as_micros();
        let data = document.data.as_ref().map(Json::as_str);
        if let Some(Stored { row, .. }) = stored {
            self.update.execute(params![
                row,
                position,
                live,
                sequence,
                event_id,
                occurred_at,
                created_at,
                data
            ])?;
            return Ok(row);
        }
        let values = params![
            scope,
            id,
            position,
            live,
            sequence,
            event_id,
            occurred_at,
            created_at,
            data
        ];
        Ok(self.insert.insert(values)?)
    }

    fn note_words(&mut self, row: i64, scope: i64, was_live: bool, data: Option<&Json>) {
        let text = data.map(|data| words::of_document(scope, data.as_str()));
        let change = self.words.entry(row).or_insert(WordChange {
            had_words: was_live,
            text: None,
        });
        change.text = text;
    }

    /// Writes the words of the whole batch, apart from everything else: FTS5 would write its
    /// buffer out at each statement between that can be undone alone.
    fn save_words(&self, connection: &Connection) -> Attempt<()> {
        let mut delete = connection.prepare_cached(DELETE_WORDS)?;
        let mut insert =
            connection.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
        for (row, change) in &self.words {
            if change.had_words {
                delete.execute([row])?;
            }
            if let Some(text) = &change.text {
                insert.execute(params![row, text])?;
            }
        }
        Ok(())
    }
}

const FIND: &str = "SELECT row, sequence, live FROM documents WHERE scope = ?1 AND id = ?2";
const DELETE: &str = "DELETE FROM documents WHERE row = ?1";
const DELETE_WORDS: &str = "DELETE FROM words WHERE rowid = ?1";

fn find(statement: &mut CachedStatement<'_>, scope: i64, id: &str) -> Attempt<Option<Stored>> {
    let found = statement.query_row(params![scope, id], |row| {
        Ok(Stored {
            row: row.get(0)?,
            sequence: row.get(1)?,
            live: row.get(2)?,
        })
    });
    Ok(found.optional()?)
}

/// Removes documents from a branch's index.
pub(super) fn remove(
    connection: &Connection,
    stream: &StreamId,
    branch: BranchGeneration,
    entities: &[Entity],
) -> Attempt<()> {
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(());
    };
    let scopes: HashMap<Part, i64> = scopes_of(connection, stream.id, bound(branch.0))?
        .into_iter()
        .map(|(scope, part)| (part, scope))
        .collect();
    let mut counts = Counts::default();
    let mut values = Keeper::new(connection)?;
    let mut find_one = connection.prepare_cached(FIND)?;
    let mut delete = connection.prepare_cached(DELETE)?;
    let mut delete_words = connection.prepare_cached(DELETE_WORDS)?;
    for entity in entities {
        let (part, id) = Part::of(entity);
        let Some(scope) = scopes.get(&part) else {
            continue;
        };
        let Some(stored) = find(&mut find_one, *scope, id)? else {
            continue;
        };
        if stored.live {
            let before = values.before(*scope, stored.row)?;
            values.replace((*scope, id, stored.row), before.as_deref(), None)?;
            delete_words.execute([stored.row])?;
        }
        delete.execute([stored.row])?;
        counts.change(*scope, stored.live, false);
    }
    values.save()?;
    counts.save(connection)
}

/// Removes all that is known of a log, the log itself included.
pub(super) fn clear(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(());
    };
    let of_scopes = "scope IN (SELECT id FROM scopes WHERE stream = ?1)";
    connection.execute(
        &format!(
            "DELETE FROM words
             WHERE rowid IN (SELECT row FROM documents WHERE {of_scopes} AND live)"
        ),
        [stream.id],
    )?;
    connection.execute(
        &format!("DELETE FROM documents WHERE {of_scopes}"),
        [stream.id],
    )?;
    sorted::clear(connection, stream.id)?;
    drop_stream(connection, stream.id)
}
