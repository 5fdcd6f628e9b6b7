//! Indexes over property values, made on demand: the first filter on a property of a large class
//! asks for one, later writes keep it up. An entry is a candidate: some version from `position`
//! on had the value, or one that looks the same in the index; the version that shows is asked.

use std::collections::HashMap;

use rusqlite::{
    CachedStatement, Connection, OptionalExtension, ToSql, params,
    types::{ToSqlOutput, ValueRef},
};
use spice_core::json::Json;

use crate::sqlite::{columns::text, failure::Attempt, properties::member};

pub(super) const TABLES: &str = "
CREATE TABLE indexed_properties (
    id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, property TEXT NOT NULL,
    UNIQUE (scope, property)) STRICT;
CREATE TABLE property_values (
    slot INTEGER NOT NULL, value ANY NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (slot, value, id)) STRICT, WITHOUT ROWID;
";

/// Longer texts are told apart by the version itself.
const TEXT_LENGTH: usize = 120;

/// What a value looks like in the index: equal values look the same, and order is kept, though
/// not strictly.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Look {
    Number(f64),
    Text(String),
    /// After every text; nothing looks like this.
    TextEnd,
    Flag(bool),
}

impl ToSql for Look {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::TextEnd => ValueRef::Blob(&[]),
            Self::Flag(false) => ValueRef::Blob(&[0]),
            Self::Flag(true) => ValueRef::Blob(&[1]),
        }))
    }
}

impl Look {
    /// The look of a scalar; none for lists, objects and null.
    pub(super) fn of(json: &str) -> Option<Self> {
        match json.as_bytes().first()? {
            b't' => Some(Self::Flag(true)),
            b'f' => Some(Self::Flag(false)),
            b'"' => serde_json::from_str(json).ok().map(Self::of_text),
            b'n' | b'{' | b'[' => None,
            // Negative zero is zero.
            _ => json
                .parse()
                .ok()
                .map(|number: f64| Self::Number(number + 0.0)),
        }
    }

    /// Comes before every look of the same kind.
    pub(super) fn least_of_kind(&self) -> Self {
        match self {
            Self::Number(_) => Self::Number(f64::NEG_INFINITY),
            Self::Text(_) | Self::TextEnd => Self::Text(String::new()),
            Self::Flag(_) => Self::Flag(false),
        }
    }

    /// Comes after every look of the same kind.
    pub(super) fn greatest_of_kind(&self) -> Self {
        match self {
            Self::Number(_) => Self::Number(f64::INFINITY),
            Self::Text(_) | Self::TextEnd => Self::TextEnd,
            Self::Flag(_) => Self::Flag(true),
        }
    }

    fn of_text(mut text: String) -> Self {
        if text.len() > TEXT_LENGTH {
            let end = text.floor_char_boundary(TEXT_LENGTH);
            text.truncate(end);
        }
        Self::Text(text)
    }

    /// The looks that a stored value is found by: its own, or those of a list's items.
    fn all(json: &str) -> Vec<Self> {
        if !json.starts_with('[') {
            return Self::of(json).into_iter().collect();
        }
        let items: Vec<Json> = serde_json::from_str(json).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| Self::of(item.as_str()))
            .collect()
    }
}

/// The index over a property of a scope, if it has been made.
pub(super) fn find_slot(
    connection: &Connection,
    scope: i64,
    property: &str,
) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT id FROM indexed_properties WHERE scope = ?1 AND property = ?2")?
        .query_row(params![scope, property], |row| row.get(0))
        .optional()?)
}

/// Makes an index over what a scope holds.
pub(super) fn build(connection: &Connection, scope: i64, property: &str) -> Attempt<()> {
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

fn prepare_insert(connection: &Connection) -> Attempt<CachedStatement<'_>> {
    Ok(connection.prepare_cached(
        "INSERT INTO property_values (slot, value, id, position) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET position = excluded.position
         WHERE excluded.position < position",
    )?)
}

/// Keeps the indexes up while versions are written.
pub(super) struct ValueWriter<'connection> {
    connection: &'connection Connection,
    insert: CachedStatement<'connection>,
    slots: HashMap<i64, Vec<(i64, String)>>,
}

impl<'connection> ValueWriter<'connection> {
    pub(super) fn new(connection: &'connection Connection) -> Attempt<Self> {
        Ok(Self {
            connection,
            insert: prepare_insert(connection)?,
            slots: HashMap::new(),
        })
    }

    pub(super) fn write(
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

fn slots_of(connection: &Connection, scope: i64) -> Attempt<Vec<(i64, String)>> {
    let mut find = connection
        .prepare_cached("SELECT id, property FROM indexed_properties WHERE scope = ?1")?;
    let rows = find.query_map([scope], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
