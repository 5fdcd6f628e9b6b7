//! Logs and the parts of them, as small numbers that keys begin with. A scope is what one branch
//! holds of one class (or all of its classes, or all of its write model).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use spice_core::{
    chain::{Anchor, Chain},
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    name::ClassName,
    port::{
        StoreResult,
        graph::Entity,
        sink::{Sink, SinkPosition, SinkRole},
    },
};
use uuid::Uuid;

use super::{
    columns::{name, position, to_column},
    database::Database,
    failure::{Attempt, Failure},
    layers::KeyRange,
};

/// The tables that every file has: of each log its sinks with generation, role, position and anchor,
/// and scopes. A log has one live sink and at most one shadow.
pub(crate) const TABLES: &str = "
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, generation TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL, position INTEGER NOT NULL,
    seen INTEGER, append INTEGER, chain BLOB) STRICT;
CREATE INDEX streams_by_name ON streams (name, role);
CREATE UNIQUE INDEX streams_by_role ON streams (name, role) WHERE role < 2;
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, branch INTEGER NOT NULL,
    kind INTEGER NOT NULL, class TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0, branch_name TEXT NOT NULL DEFAULT '',
    live INTEGER NOT NULL DEFAULT 0,
    UNIQUE (stream, branch, kind, class)) STRICT;
";

/// A sink of a log, as this file knows it.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// Its number here.
    pub(crate) id: i64,
    /// Its generation.
    pub(crate) generation: String,
    /// What it is for.
    pub(crate) role: SinkRole,
    /// The next position that is not reflected here yet.
    pub(crate) position: LogPosition,
    /// What was seen of the log: how far it reached, and its chain there.
    pub(crate) anchor: Option<Anchor>,
}

impl Stream {
    fn into_sink(self) -> Sink {
        Sink {
            generation: self.generation,
            role: self.role,
            position: self.position,
            anchor: self.anchor,
            visible: self.position,
        }
    }
}

const LIVE: i64 = 0;
const SHADOW: i64 = 1;
const OLD: i64 = 2;

fn role_of(number: i64) -> Attempt<SinkRole> {
    match number {
        LIVE => Ok(SinkRole::Live),
        SHADOW => Ok(SinkRole::Shadow),
        OLD => Ok(SinkRole::Old),
        _ => Err(Failure::Damaged(format!("unknown sink role {number}"))),
    }
}

/// The sinks of a log in this file, the live one first; it is made when there is none.
pub(crate) async fn sinks(database: &Database, stream: &StreamId) -> StoreResult<Vec<Sink>> {
    let wanted = stream.clone();
    let find = move |connection: &_| find_all(connection, &wanted);
    let mut found = database.read(find).await?;
    if found
        .first()
        .is_none_or(|first| first.role != SinkRole::Live)
    {
        let wanted = stream.clone();
        let make = move |connection: &_| {
            make_stream(connection, &wanted)?;
            find_all(connection, &wanted)
        };
        found = database.write(make).await?;
    }
    Ok(found.into_iter().map(Stream::into_sink).collect())
}

/// The shadow of a log, made when there is none.
pub(crate) fn create_shadow(connection: &Connection, stream: &StreamId) -> Attempt<Sink> {
    let sinks = find_all(connection, stream)?;
    let shadow = sinks.into_iter().find(|sink| sink.role == SinkRole::Shadow);
    let shadow = match shadow {
        Some(shadow) => shadow,
        None => insert_stream(connection, stream, SHADOW)?,
    };
    Ok(shadow.into_sink())
}

/// Makes a shadow the live sink, unless it is behind the one that is.
pub(crate) fn swap(connection: &Connection, stream: &StreamId, shadow: &str) -> Attempt<bool> {
    let shadow = find_sink(connection, stream, shadow)?;
    let live = make_stream(connection, stream)?;
    if shadow.id == live.id {
        return Ok(true);
    }
    if shadow.role != SinkRole::Shadow {
        return Err(Failure::Rejected(format!(
            "sink {} of {stream} is not a shadow",
            shadow.generation
        )));
    }
    if shadow.position < live.position {
        return Ok(false);
    }
    let mut give = connection.prepare_cached("UPDATE streams SET role = ?2 WHERE id = ?1")?;
    give.execute([live.id, OLD])?;
    give.execute([shadow.id, LIVE])?;
    Ok(true)
}

/// The sink of a log that is to be dropped; none when it is gone.
pub(crate) fn find_to_drop(
    connection: &Connection,
    stream: &StreamId,
    generation: &str,
    role: SinkRole,
) -> Attempt<Option<Stream>> {
    let sinks = find_all(connection, stream)?;
    let found = sinks.into_iter().find(|sink| sink.generation == generation);
    match found {
        Some(sink) if sink.role != role => Err(Failure::Fenced(format!(
            "sink {generation} of {stream} is {:?} by now, not {role:?}",
            sink.role
        ))),
        found => Ok(found),
    }
}

/// The live sink of a log, if the log is known.
pub(crate) fn find_stream(connection: &Connection, stream: &StreamId) -> Attempt<Option<Stream>> {
    let sinks = find_all(connection, stream)?;
    Ok(sinks.into_iter().find(|sink| sink.role == SinkRole::Live))
}

/// A sink of a log by its generation; fenced when it is gone.
pub(crate) fn find_sink(
    connection: &Connection,
    stream: &StreamId,
    generation: &str,
) -> Attempt<Stream> {
    let sinks = find_all(connection, stream)?;
    sinks
        .into_iter()
        .find(|sink| sink.generation == generation)
        .ok_or_else(|| Failure::Fenced(format!("{stream} has no sink {generation}")))
}

/// The sinks of a log, in order of role.
pub(crate) fn find_all(connection: &Connection, stream: &StreamId) -> Attempt<Vec<Stream>> {
    let mut find = connection.prepare_cached(
        "SELECT id, generation, role, position, seen, append, chain FROM streams
         WHERE name = ?1 ORDER BY role, id",
    )?;
    let mut rows = find.query([stream.to_string()])?;
    let mut sinks = Vec::new();
    while let Some(row) = rows.next()? {
        sinks.push(Stream {
            id: row.get(0)?,
            generation: row.get(1)?,
            role: role_of(row.get(2)?)?,
            position: position(row, 3)?,
            anchor: anchor(row, 4)?,
        });
    }
    Ok(sinks)
}

fn anchor(row: &Row<'_>, first: usize) -> Attempt<Option<Anchor>> {
    let Some(chain) = row.get(first + 2)? else {
        return Ok(None);
    };
    Ok(Some(Anchor {
        position: position(row, first)?,
        append: position(row, first + 1)?,
        chain: Chain::from_bytes(chain),
    }))
}

/// The live sink of a log, made at position zero when there is none.
pub(crate) fn make_stream(connection: &Connection, stream: &StreamId) -> Attempt<Stream> {
    match find_stream(connection, stream)? {
        Some(found) => Ok(found),
        None => insert_stream(connection, stream, LIVE),
    }
}

fn insert_stream(connection: &Connection, stream: &StreamId, role: i64) -> Attempt<Stream> {
    let generation = Uuid::new_v4().to_string();
    connection
        .prepare_cached(
            "INSERT INTO streams (name, generation, role, position) VALUES (?1, ?2, ?3, 0)",
        )?
        .execute(params![stream.to_string(), generation, role])?;
    Ok(Stream {
        id: connection.last_insert_rowid(),
        generation,
        role: role_of(role)?,
        position: LogPosition::ZERO,
        anchor: None,
    })
}

/// Moves a sink on, with the anchor that was seen on the way. Neither goes back.
pub(crate) fn move_sink(
    connection: &Connection,
    sink: &Stream,
    through: &SinkPosition,
) -> Attempt<()> {
    if through.position > sink.position {
        move_stream(connection, sink.id, through)?;
    }
    Ok(())
}

/// Moves a log to a position. Without an anchor it keeps the one it has.
pub(crate) fn move_stream(connection: &Connection, id: i64, to: &SinkPosition) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE streams SET position = ?2 WHERE id = ?1")?
        .execute([id, to_column(to.position.0)?])?;
    if let Some(anchor) = &to.anchor {
        connection
            .prepare_cached("UPDATE streams SET seen = ?2, append = ?3, chain = ?4 WHERE id = ?1")?
            .execute(params![
                id,
                to_column(anchor.position.0)?,
                to_column(anchor.append.0)?,
                anchor.chain.as_bytes()
            ])?;
    }
    Ok(())
}

/// Forgets a sink, its anchor and its scopes; what stands in the scopes must be gone already.
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
    let sink = if guards.has(Guard::Generations) {
        find_sink(connection, stream, generation)?
    } else {
        make_stream(connection, stream)?
    };
    if guards.has(Guard::Position) && from > sink.position {
        return Err(Failure::Fenced(format!(
            "the sink of {stream} is at {}, what comes before {from} is missing",
            sink.position
        )));
    }
    Ok(sink)
}

/// Implements [`Sinks`](spice_core::port::sink::Sinks) for a store with a `database`, whose content
/// of one sink `$clear` removes.
macro_rules! sinks_in_file {
    ($store:ty, $projection:expr, $clear:path) => {
        #[async_trait]
        impl Sinks for $store {
            fn projection(&self) -> spice_core::handler::Projection {
                $projection
            }

            async fn sinks(&self, stream: &StreamId) -> StoreResult<Vec<Sink>> {
                scopes::sinks(&self.database, stream).await
            }

            async fn create_shadow(&self, stream: &StreamId) -> StoreResult<Sink> {
                let stream = stream.clone();
                let write = move |connection: &_| scopes::create_shadow(connection, &stream);
                self.database.write(write).await
            }

            async fn swap(&self, stream: &StreamId, shadow: &str) -> StoreResult<bool> {
                let (stream, shadow) = (stream.clone(), shadow.to_owned());
                let write = move |connection: &_| scopes::swap(connection, &stream, &shadow);
                self.database.write(write).await
            }

            async fn drop_sink(
                &self,
                stream: &StreamId,
                generation: &str,
                role: SinkRole,
            ) -> StoreResult<()> {
                let (stream, generation) = (stream.clone(), generation.to_owned());
                let write = move |connection: &_| {
                    let found = scopes::find_to_drop(connection, &stream, &generation, role)?;
                    found.map_or(Ok(()), |sink| $clear(connection, sink.id))
                };
                self.database.write(write).await
            }
        }
    };
}
pub(crate) use sinks_in_file;

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
