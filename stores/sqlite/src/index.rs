//! Indexes over property values, built on demand: the first filter on a property of a large class
//! requests one, and later writes maintain it. An entry is a candidate: some version from
//! `position` on had the value, or one with the same look; the visible version decides.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use spice_core::json::Json;

use super::{
    columns::text,
    database::{Database, Mode},
    failure::Attempt,
    looks::Look,
    properties::member,
};

/// The tables of indexes, and of the values in them.
pub(crate) const TABLES: &str = "
CREATE TABLE indexed_properties (
    id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, property TEXT NOT NULL,
    UNIQUE (scope, property)) STRICT;
CREATE TABLE property_values (
    slot INTEGER NOT NULL, value ANY NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (slot, value, id)) STRICT, WITHOUT ROWID;
";

/// Returns the index over a property of a scope, if it exists.
pub(crate) fn find_slot(
    connection: &Connection,
    scope: i64,
    property: &str,
) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT id FROM indexed_properties WHERE scope = ?1 AND property = ?2")?
        .query_row(params![scope, property], |row| row.get(0))
        .optional()?)
}

/// Builds an index of a scope.
fn build(connection: &Connection, scope: i64, property: &str) -> Attempt<()> {
    if find_slot(connection, scope, property)?.is_some() {
        return Ok(());
    }
    connection.execute(
        "INSERT INTO indexed_properties (scope, property)
         SELECT id, ?2 FROM scopes WHERE id = ?1",
        params![scope, property],
    )?;
    let Some(slot) = find_slot(connection, scope, property)? else {
        return Ok(());
    };
    let mut insert = prepare_insert(connection)?;
    let mut all = connection
        .prepare("SELECT id, position, data FROM versions WHERE scope = ?1 AND data IS NOT NULL")?;
    let mut rows = all.query([scope])?;
    while let Some(row) = rows.next()? {
        let Some(value) = member(text(row, 2)?, property) else {
            continue;
        };
        for look in Look::all(value) {
            insert.execute(params![slot, look, text(row, 0)?, row.get::<_, i64>(1)?])?;
        }
    }
    Ok(())
}

/// The number of rows from which a class is worth an index over a filtered property.
const INDEX_FROM: usize = 1_000;

/// Builds the requested indexes of a file.
#[derive(Clone)]
pub(crate) struct Indexer {
    database: Database,
    /// From how many versions on a class gets an index.
    pub(crate) from: usize,
    building: Arc<Mutex<HashSet<(i64, String)>>>,
}

impl Indexer {
    pub(crate) fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
            from: INDEX_FROM,
            building: Arc::default(),
        }
    }

    /// Builds indexes (scope and property) for the next read: in the background, unless everything
    /// runs inline.
    pub(crate) async fn build_all(&self, missing: Vec<(i64, String)>) {
        for index in missing {
            if !self.lock_building().insert(index.clone()) {
                continue;
            }
            let indexer = self.clone();
            let build = async move { indexer.build_one(index).await };
            match self.database.mode() {
                Mode::Inline => build.await,
                Mode::Threads => drop(tokio::spawn(build)),
            }
        }
    }

    async fn build_one(&self, index: (i64, String)) {
        let (scope, property) = index.clone();
        let write = move |connection: &_| build(connection, scope, &property);
        if let Err(error) = self.database.write(write).await {
            tracing::warn!(property = index.1, %error, "cannot build an index");
        }
        self.lock_building().remove(&index);
    }

    fn lock_building(&self) -> MutexGuard<'_, HashSet<(i64, String)>> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare_insert(connection: &Connection) -> Attempt<CachedStatement<'_>> {
    Ok(connection.prepare_cached(
        "INSERT INTO property_values (slot, value, id, position) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET position = excluded.position
         WHERE excluded.position < position",
    )?)
}

/// Updates the indexes while versions are written.
pub(crate) struct ValueWriter<'connection> {
    connection: &'connection Connection,
    insert: CachedStatement<'connection>,
    slots: HashMap<i64, Vec<(i64, String)>>,
}

impl<'connection> ValueWriter<'connection> {
    pub(crate) fn new(connection: &'connection Connection) -> Attempt<Self> {
        Ok(Self {
            connection,
            insert: prepare_insert(connection)?,
            slots: HashMap::new(),
        })
    }

    pub(crate) fn write(
        &mut self,
        scope: i64,
        id: &str,
        position: i64,
        data: &Json,
    ) -> Attempt<()> {
        if !self.slots.contains_key(&scope) {
            let slots = slots_of(self.connection, scope)?;
            self.slots.insert(scope, slots);
        }
        for (slot, property) in &self.slots[&scope] {
            let Some(value) = member(data.as_str(), property) else {
                continue;
            };
            for look in Look::all(value) {
                self.insert.execute(params![slot, look, id, position])?;
            }
        }
        Ok(())
    }
}

/// Removes at most ?2 values of the indexes of the sink ?1.
pub(crate) const CLEAR_VALUES: &str = "
    DELETE FROM property_values WHERE (slot, value, id) IN (
        SELECT slot, value, id FROM property_values WHERE slot IN (
            SELECT id FROM indexed_properties
            WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1))
        LIMIT ?2)";

/// Removes at most ?2 indexes of the sink ?1, whose values must be gone already.
pub(crate) const CLEAR_PROPERTIES: &str = "
    DELETE FROM indexed_properties WHERE id IN (
        SELECT id FROM indexed_properties
        WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1)
        LIMIT ?2)";

fn slots_of(connection: &Connection, scope: i64) -> Attempt<Vec<(i64, String)>> {
    let mut find = connection
        .prepare_cached("SELECT id, property FROM indexed_properties WHERE scope = ?1")?;
    let rows = find.query_map([scope], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
