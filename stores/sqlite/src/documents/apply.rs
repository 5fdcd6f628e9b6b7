//! Writes documents: the latest ones by their external version, superseded ones while a branch
//! shows them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{
    CachedStatement, Connection, OptionalExtension, params, params_from_iter,
    types::{ToSqlOutput, Value},
};
use spice_core::{
    guard::{Guard, Guards},
    id::LogPosition,
    json::Json,
    port::{
        documents::{BranchPoints, Change, Document},
        sink::Applied,
    },
};

use super::{
    points::{Gap, Points},
    rows::{STORE, branch_key},
    sorted::Keeper,
    words,
};
use crate::{
    columns::to_column,
    failure::Attempt,
    scopes::{Part, ScopeBook, scopes_of},
    sinks::{Written, write_each},
};

/// An existing document.
#[derive(Clone, Copy)]
struct Stored {
    row: i64,
    sequence: i64,
    live: bool,
}

/// Applies changes in order; skips those that exist already or are older than what exists.
pub(super) fn apply(
    connection: &Connection,
    stream: i64,
    changes: &[Change],
    guards: Guards,
) -> Attempt<Applied> {
    let mut writer = Writer::new(connection, stream, guards)?;
    let applied = write_each(STORE, changes, |change| writer.apply_change(change))?;
    writer.save()?;
    Ok(applied)
}

/// The number of live documents that a batch adds to each scope.
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

/// Writes documents and what belongs to them: counts, words, sorted values.
pub(super) struct Writer<'connection> {
    connection: &'connection Connection,
    stream: i64,
    guards: Guards,
    book: ScopeBook<'connection>,
    counts: Counts,
    values: Keeper<'connection>,
    /// Read on first use.
    points: Option<Points<'connection>>,
    find: CachedStatement<'connection>,
    insert: CachedStatement<'connection>,
    update: CachedStatement<'connection>,
    delete: CachedStatement<'connection>,
    words: BTreeMap<i64, WordChange>,
}

/// The change of a row's words in a batch.
struct WordChange {
    /// Whether the row had words before the batch.
    had_words: bool,
    /// The words after the batch, marked; none for a tombstone.
    text: Option<String>,
}

impl<'connection> Writer<'connection> {
    pub(super) fn new(
        connection: &'connection Connection,
        stream: i64,
        guards: Guards,
    ) -> Attempt<Self> {
        Ok(Self {
            connection,
            stream,
            guards,
            book: ScopeBook::new(connection, stream),
            counts: Counts::default(),
            values: Keeper::new(connection)?,
            points: None,
            find: connection.prepare_cached(
                "SELECT row, sequence, live FROM documents WHERE scope = ?1 AND id = ?2",
            )?,
            insert: connection.prepare_cached(
                "INSERT INTO documents (scope, id, until, position, live, sequence, event_id,
                     occurred_at, created_at, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            update: connection.prepare_cached(
                "UPDATE documents SET position = ?2, live = ?3, sequence = ?4, event_id = ?5,
                     occurred_at = ?6, created_at = ?7, data = ?8
                 WHERE row = ?1",
            )?,
            delete: connection.prepare_cached("DELETE FROM documents WHERE row = ?1")?,
            words: BTreeMap::new(),
        })
    }

    fn apply_change(&mut self, change: &Change) -> Attempt<Written> {
        match change {
            Change::Document(document) => match document.until() {
                None => self.write(document),
                Some(until) => self.keep_superseded(document, until),
            },
            Change::Branch(branch) => self.place_points(branch),
        }
    }

    /// Writes a latest version, unless the existing one is as new.
    fn write(&mut self, document: &Document) -> Attempt<Written> {
        let sequence = to_column(document.state.sequence.0)?;
        let (part, id) = Part::of(&document.state.entity);
        let scope = self.find_scope(document, part)?;
        let stored = self.find(scope, id)?;
        let is_newer = stored.is_none_or(|stored| stored.sequence < sequence);
        if self.guards.has(Guard::Sequence) && !is_newer {
            return Ok(Written::Stale);
        }
        let live = document.state.data.is_some();
        if !live && !self.guards.has(Guard::Tombstones) {
            self.remove(scope, id)?;
            return Ok(Written::New);
        }
        let was_live = stored.is_some_and(|stored| stored.live);
        let before = match stored {
            Some(Stored { row, .. }) if was_live => self.values.read_before(scope, row)?,
            _ => None,
        };
        let row = match stored {
            Some(Stored { row, .. }) => self.replace(document, row)?,
            None => self.insert(document, scope, id)?,
        };
        self.note_change(
            (scope, id, row),
            was_live,
            before.as_deref(),
            document.state.data.as_ref(),
        )?;
        Ok(Written::New)
    }

    /// Keeps a superseded version, unless it exists or no branch point is in its range.
    fn keep_superseded(&mut self, document: &Document, until: LogPosition) -> Attempt<Written> {
        let branch = to_column(document.branch.1.0.0)?;
        let (from, until) = (to_column(document.state.position.0)?, to_column(until.0)?);
        if !self.load_points()?.has_any_within(branch, from, until) {
            return Ok(Written::Stale);
        }
        let (part, id) = Part::of(&document.state.entity);
        let scope = self.find_scope(document, part.into_superseded())?;
        let mut find = self.connection.prepare_cached(
            "SELECT 1 FROM documents WHERE scope = ?1 AND id = ?2 AND position = ?3",
        )?;
        if find.exists(params![scope, id, from])? {
            return Ok(Written::Stale);
        }
        let row = self.insert(document, scope, id)?;
        self.note_change((scope, id, row), false, None, document.state.data.as_ref())?;
        Ok(Written::New)
    }

    /// Records the branch points of a branch, and drops what no branch shows any more.
    fn place_points(&mut self, branch: &BranchPoints) -> Attempt<Written> {
        let own = to_column(branch.branch.0.0)?;
        let points = branch.points.iter();
        let points: Vec<(i64, i64)> = points
            .map(|(parent, position)| Ok((to_column(parent.0.0)?, to_column(position.0)?)))
            .collect::<Attempt<_>>()?;
        for gap in self.load_points()?.replace(own, &points)? {
            self.drop_within(gap)?;
        }
        Ok(Written::New)
    }

    fn load_points(&mut self) -> Attempt<&mut Points<'connection>> {
        let known = match self.points.take() {
            Some(points) => points,
            None => Points::read(self.connection, self.stream)?,
        };
        Ok(self.points.insert(known))
    }

    fn drop_within(&mut self, gap: Gap) -> Attempt<()> {
        let mut find = self.connection.prepare_cached(
            "SELECT id, row, live FROM documents
             WHERE scope = ?1 AND until < ?2 AND position > ?3",
        )?;
        let scopes = scopes_of(self.connection, self.stream, gap.parent)?;
        for (scope, _) in scopes.into_iter().filter(|(_, part)| part.is_superseded()) {
            let mut rows = find.query([scope, gap.before, gap.after])?;
            let mut dropped: Vec<(String, i64, bool)> = Vec::new();
            while let Some(row) = rows.next()? {
                dropped.push((row.get(0)?, row.get(1)?, row.get(2)?));
            }
            for (id, row, live) in dropped {
                self.drop_row(scope, &id, row, live)?;
            }
        }
        Ok(())
    }

    /// Removes all documents of an id in a scope.
    pub(super) fn remove(&mut self, scope: i64, id: &str) -> Attempt<()> {
        while let Some(stored) = self.find(scope, id)? {
            self.drop_row(scope, id, stored.row, stored.live)?;
        }
        Ok(())
    }

    fn drop_row(&mut self, scope: i64, id: &str, row: i64, live: bool) -> Attempt<()> {
        let before = if live {
            self.values.read_before(scope, row)?
        } else {
            None
        };
        self.delete.execute([row])?;
        self.note_change((scope, id, row), live, before.as_deref(), None)
    }

    /// Writes what was collected until the end of a batch.
    pub(super) fn save(&mut self) -> Attempt<()> {
        self.values.save()?;
        self.counts.save(self.connection)?;
        self.save_words()
    }

    fn find_scope(&mut self, document: &Document, part: Part) -> Attempt<i64> {
        let (name, generation) = &document.branch;
        let generation = to_column(generation.0.0)?;
        let branch = branch_key(self.guards, name, generation);
        self.book.scope(branch, generation, name.as_str(), part)
    }

    fn find(&mut self, scope: i64, id: &str) -> Attempt<Option<Stored>> {
        let found = self.find.query_row(params![scope, id], |row| {
            Ok(Stored {
                row: row.get(0)?,
                sequence: row.get(1)?,
                live: row.get(2)?,
            })
        });
        Ok(found.optional()?)
    }

    fn replace(&mut self, document: &Document, row: i64) -> Attempt<i64> {
        let key = [row.into()].into_iter();
        self.update
            .execute(params_from_iter(key.chain(columns(document)?)))?;
        Ok(row)
    }

    fn insert(&mut self, document: &Document, scope: i64, id: &str) -> Attempt<i64> {
        let until = document
            .until()
            .map(|until| to_column(until.0))
            .transpose()?;
        let until = until.map_or(NULL, ToSqlOutput::from);
        let key = [scope.into(), id.into(), until].into_iter();
        let columns = params_from_iter(key.chain(columns(document)?));
        Ok(self.insert.insert(columns)?)
    }

    /// Notes the new content of a row, for its scope's count, its words and the indexes.
    fn note_change(
        &mut self,
        (scope, id, row): (i64, &str, i64),
        was_live: bool,
        before: Option<&str>,
        data: Option<&Json>,
    ) -> Attempt<()> {
        self.note_words(row, scope, was_live, data);
        let after = data.map(Json::as_str);
        self.values.replace((scope, id, row), before, after)?;
        self.counts.change(scope, was_live, data.is_some());
        Ok(())
    }

    fn note_words(&mut self, row: i64, scope: i64, was_live: bool, data: Option<&Json>) {
        let text = data.map(|data| words::of_document(scope, data.as_str()));
        let change = self.words.entry(row).or_insert(WordChange {
            had_words: was_live,
            text: None,
        });
        change.text = text;
    }

    /// Writes the words of the whole batch, apart from everything else: otherwise FTS5 would flush
    /// its buffer at each statement in between that can be undone alone.
    fn save_words(&self) -> Attempt<()> {
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM words WHERE rowid = ?1")?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
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

const NULL: ToSqlOutput<'_> = ToSqlOutput::Owned(Value::Null);

/// The columns of a version, in the order of both statements.
fn columns(document: &Document) -> Attempt<[ToSqlOutput<'_>; 7]> {
    let state = &document.state;
    let data = state.data.as_ref().map(Json::as_str);
    Ok([
        to_column(state.position.0)?.into(),
        data.is_some().into(),
        to_column(state.sequence.0)?.into(),
        state.event_id.0.as_bytes().as_slice().into(),
        state.occurred_at.as_micros().into(),
        state.created_at.as_micros().into(),
        data.map_or(NULL, ToSqlOutput::from),
    ])
}
