//! The parts of a log, as small numbers that keys begin with. A scope is what one branch holds of one
//! class (or all of its classes, or all of its write model).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{name::ClassName, port::graph::Entity};

use super::{columns::parse_name, failure::Attempt, layers::KeyRange};

pub(crate) const TABLES: &str = "
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, branch INTEGER NOT NULL,
    kind INTEGER NOT NULL, class TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0, branch_name TEXT NOT NULL DEFAULT '',
    live INTEGER NOT NULL DEFAULT 0,
    UNIQUE (stream, branch, kind, class)) STRICT;
";

/// The content of a scope: classes come before instances, as entities are ordered.
const CLASSES: i64 = 0;
const INSTANCES: i64 = 1;
/// Added for a scope of superseded versions.
const SUPERSEDED: i64 = 2;

/// The content of a scope: the classes, the instances of one class, or superseded versions of
/// these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Part {
    kind: i64,
    class: Option<ClassName>,
}

impl Part {
    /// The classes.
    pub(crate) fn classes() -> Self {
        Self {
            kind: CLASSES,
            class: None,
        }
    }

    /// The instances of a class.
    pub(crate) fn instances(class: &ClassName) -> Self {
        Self {
            kind: INSTANCES,
            class: Some(class.clone()),
        }
    }

    /// The superseded versions of this part.
    pub(crate) fn into_superseded(mut self) -> Self {
        self.kind |= SUPERSEDED;
        self
    }

    /// Returns whether this part holds superseded versions.
    pub(crate) fn is_superseded(&self) -> bool {
        self.kind & SUPERSEDED != 0
    }

    /// The part whose superseded versions this one holds; any other part returns itself.
    pub(crate) fn into_latest(mut self) -> Self {
        self.kind &= !SUPERSEDED;
        self
    }

    /// Returns the part of an entity, and its key there.
    pub(crate) fn of(entity: &Entity) -> (Self, &str) {
        match entity {
            Entity::Class(class) => (Self::classes(), class.as_str()),
            Entity::Instance(instance) => (Self::instances(&instance.class), instance.id.as_str()),
        }
    }

    /// Returns the entity at a key of this part.
    pub(crate) fn entity(&self, key: &str) -> Attempt<Entity> {
        Ok(match &self.class {
            None => Entity::Class(parse_name(key)?),
            Some(class) => Entity::Instance(spice_core::id::InstanceRef {
                class: class.clone(),
                id: parse_name(key)?,
            }),
        })
    }

    /// Returns the keys of this part after an entity; none if the whole part comes before it.
    pub(crate) fn range_after(&self, after: Option<&Entity>) -> Option<KeyRange> {
        let Some(after) = after else {
            return Some(KeyRange::after(None));
        };
        let (part, key) = Self::of(after);
        match self.cmp(&part) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(KeyRange::after(Some(key))),
            std::cmp::Ordering::Greater => Some(KeyRange::after(None)),
        }
    }

    fn class_text(&self) -> &str {
        self.class.as_ref().map_or("", ClassName::as_str)
    }

    fn read(kind: i64, class: &str) -> Attempt<Self> {
        let class = match kind & !SUPERSEDED {
            CLASSES => None,
            _ => Some(parse_name(class)?),
        };
        Ok(Self { kind, class })
    }
}

/// Returns the scope of a part of a branch, if there is one.
pub(crate) fn find_scope(
    connection: &Connection,
    stream: i64,
    branch: i64,
    part: &Part,
) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached(
            "SELECT id FROM scopes WHERE stream = ?1 AND branch = ?2 AND kind = ?3 AND class = ?4",
        )?
        .query_row(
            params![stream, branch, part.kind, part.class_text()],
            |row| row.get(0),
        )
        .optional()?)
}

/// Returns the scopes of a branch, in the order of their entities. `generation` is the branch's.
pub(crate) fn scopes_of(
    connection: &Connection,
    stream: i64,
    generation: i64,
) -> Attempt<Vec<(i64, Part)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, class FROM scopes WHERE stream = ?1 AND generation = ?2
         ORDER BY kind, class",
    )?;
    let mut rows = statement.query([stream, generation])?;
    let mut scopes = Vec::new();
    while let Some(row) = rows.next()? {
        let class: String = row.get(2)?;
        scopes.push((row.get(0)?, Part::read(row.get(1)?, &class)?));
    }
    Ok(scopes)
}

/// The scopes that a batch writes to, looked up once each.
pub(crate) struct ScopeBook<'connection> {
    connection: &'connection Connection,
    stream: i64,
    known: HashMap<(i64, Part), i64>,
}

impl<'connection> ScopeBook<'connection> {
    /// Creates an empty book for a log.
    pub(crate) fn new(connection: &'connection Connection, stream: i64) -> Self {
        Self {
            connection,
            stream,
            known: HashMap::new(),
        }
    }

    /// Returns the scope of a part of a branch; creates it if there is none. `branch` is the key
    /// that distinguishes branches: their generation, unless a test has removed that guard.
    pub(crate) fn scope(
        &mut self,
        branch: i64,
        generation: i64,
        branch_name: &str,
        part: Part,
    ) -> Attempt<i64> {
        let key = (branch, part);
        if let Some(scope) = self.known.get(&key) {
            return Ok(*scope);
        }
        let scope = self
            .connection
            .prepare_cached(
                "INSERT INTO scopes (stream, branch, kind, class, generation, branch_name)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET generation = excluded.generation RETURNING id",
            )?
            .query_row(
                params![
                    self.stream,
                    key.0,
                    key.1.kind,
                    key.1.class_text(),
                    generation,
                    branch_name
                ],
                |row| row.get(0),
            )?;
        self.known.insert(key, scope);
        Ok(scope)
    }
}
