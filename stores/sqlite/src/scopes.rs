//! Logs and the parts of them, as small numbers that keys begin with. A scope is what one branch
//! holds of one class (or all of its classes, or all of its write model).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{
    chain::Anchor,
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    name::ClassName,
    port::{
        StoreResult,
        graph::{Entity, Sink, SinkPosition},
    },
};
use uuid::Uuid;

use super::{
    anchors,
    columns::{from_column, name, to_column},
    database::Database,
    failure::{Attempt, Failure},
    layers::KeyRange,
};

/// The tables that every file has: logs with their generation and position, and scopes.
pub(crate) const TABLES: &str = "
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    generation TEXT NOT NULL, position INTEGER NOT NULL) STRICT;
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, branch INTEGER NOT NULL,
    kind INTEGER NOT NULL, class TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0, branch_name TEXT NOT NULL DEFAULT '',
    live INTEGER NOT NULL DEFAULT 0,
    UNIQUE (stream, branch, kind, class)) STRICT;
";

/// A log as this file knows it.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// Its number here.
    pub(crate) id: i64,
    /// The sink's generation for it.
    pub(crate) generation: String,
    /// The next position that is not reflected here yet.
    pub(crate) position: LogPosition,
}

impl Stream {
    /// What the port calls it.
    fn into_sink(self, anchor: Option<Anchor>) -> Sink {
        Sink {
            generation: self.generation,
            position: self.position,
            anchor,
        }
    }
}

/// A log's sink in this file; made when there is none.
pub(crate) async fn sink(database: &Database, stream: &StreamId) -> StoreResult<Sink> {
    let wanted = stream.clone();
    let find = move |connection: &_| {
        let found = find_stream(connection, &wanted)?;
        let anchor = anchors::find(connection, &wanted)?;
        Ok(found.map(|found| found.into_sink(anchor)))
    };
    if let Some(found) = database.read(find).await? {
        return Ok(found);
    }
    let wanted = stream.clone();
    let make = move |connection: &_| make_stream(connection, &wanted);
    Ok(database.write(make).await?.into_sink(None))
}

/// Empties a log's sink, which is another generation then. `clear` removes what the tables hold.
pub(crate) async fn reset(
    database: &Database,
    stream: &StreamId,
    clear: fn(&Connection, &StreamId) -> Attempt<()>,
) -> StoreResult<Sink> {
    let stream = stream.clone();
    let write = move |connection: &_| {
        clear(connection, &stream)?;
        anchors::drop_of(connection, &stream)?;
        make_stream(connection, &stream)
    };
    Ok(database.write(write).await?.into_sink(None))
}

/// The log, if it is known.
pub(crate) fn find_stream(connection: &Connection, stream: &StreamId) -> Attempt<Option<Stream>> {
    let found = connection
        .prepare_cached("SELECT id, generation, position FROM streams WHERE name = ?1")?
        .query_row([stream.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((id, generation, position)) = found else {
        return Ok(None);
    };
    Ok(Some(Stream {
        id,
        generation,
        position: LogPosition(from_column(position)?),
    }))
}

/// The log, made known at position zero with a generation of its own when it is not.
pub(crate) fn make_stream(connection: &Connection, stream: &StreamId) -> Attempt<Stream> {
    if let Some(found) = find_stream(connection, stream)? {
        return Ok(found);
    }
    let generation = Uuid::new_v4().to_string();
    connection
        .prepare_cached("INSERT INTO streams (name, generation, position) VALUES (?1, ?2, 0)")?
        .execute(params![stream.to_string(), generation])?;
    Ok(Stream {
        id: connection.last_insert_rowid(),
        generation,
        position: LogPosition::ZERO,
    })
}

/// Moves a log on.
pub(crate) fn move_stream(connection: &Connection, id: i64, to: LogPosition) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE streams SET position = ?2 WHERE id = ?1")?
        .execute([id, to_column(to.0)?])?;
    Ok(())
}

/// Moves a sink on, with the anchor that was seen on the way. Neither goes back.
pub(crate) fn move_sink(
    connection: &Connection,
    stream: &StreamId,
    sink: &Stream,
    through: &SinkPosition,
) -> Attempt<()> {
    if through.position <= sink.position {
        return Ok(());
    }
    if let Some(anchor) = &through.anchor {
        anchors::put(connection, stream, anchor)?;
    }
    move_stream(connection, sink.id, through.position)
}

/// Forgets a log and its scopes; what stands in the scopes must be gone already.
pub(crate) fn drop_stream(connection: &Connection, id: i64) -> Attempt<()> {
    connection.execute("DELETE FROM scopes WHERE stream = ?1", [id])?;
    connection.execute("DELETE FROM streams WHERE id = ?1", [id])?;
    Ok(())
}

/// Lets a batch for a sink in, or fences it off.
pub(crate) fn enter_sink(
    connection: &Connection,
    stream: &StreamId,
    generation: &str,
    from: LogPosition,
    guards: Guards,
) -> Attempt<Stream> {
    let sink = make_stream(connection, stream)?;
    if guards.has(Guard::Generations) && sink.generation != generation {
        return Err(Failure::Fenced(format!(
            "the sink of {stream} is generation {}, not {generation}",
            sink.generation
        )));
    }
    if guards.has(Guard::Position) && from > sink.position {
        return Err(Failure::Fenced(format!(
            "the sink of {stream} is at {}, what comes before {from} is missing",
            sink.position
        )));
    }
    Ok(sink)
}

/// What stands in a scope: classes come before instances, as entities are ordered.
const CLASSES: i64 = 0;
const INSTANCES: i64 = 1;
/// Added for a scope of superseded versions.
const SUPERSEDED: i64 = 2;

/// What a scope holds: the classes, or the instances of one class; or superseded versions of these.
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

    /// The superseded versions of what this part holds.
    pub(crate) fn superseded(mut self) -> Self {
        self.kind |= SUPERSEDED;
        self
    }

    /// Whether this part holds superseded versions.
    pub(crate) fn is_superseded(&self) -> bool {
        self.kind & SUPERSEDED != 0
    }

    /// The part whose superseded versions this one holds; any other is its own.
    pub(crate) fn latest(mut self) -> Self {
        self.kind &= !SUPERSEDED;
        self
    }

    /// The part that an entity stands in, and its key there.
    pub(crate) fn of(entity: &Entity) -> (Self, &str) {
        match entity {
            Entity::Class(class) => (Self::classes(), class.as_str()),
            Entity::Instance(instance) => (Self::instances(&instance.class), instance.id.as_str()),
        }
    }

    /// The entity that stands in this part at a key.
    pub(crate) fn entity(&self, key: &str) -> Attempt<Entity> {
        Ok(match &self.class {
            None => Entity::Class(name(key)?),
            Some(class) => Entity::Instance(spice_core::id::InstanceRef {
                class: class.clone(),
                id: name(key)?,
            }),
        })
    }

    /// The keys of this part that come after an entity; none when the whole part comes before.
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
            _ => Some(name(class)?),
        };
        Ok(Self { kind, class })
    }
}

/// The scope of a part of a branch, if there is one.
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

/// The scopes of a branch, in the order of the entities in them. `generation` is the branch's.
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
    /// An empty book for a log.
    pub(crate) fn new(connection: &'connection Connection, stream: i64) -> Self {
        Self {
            connection,
            stream,
            known: HashMap::new(),
        }
    }

    /// The scope of a part of a branch, made when there is none. `branch` is what tells branches
    /// apart here: their generation, unless a test took that guard out.
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
