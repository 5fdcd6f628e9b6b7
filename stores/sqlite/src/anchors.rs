//! What was seen of each log: how far it reached, and its chain there.

use rusqlite::{Connection, OptionalExtension, Rows, params};
use spice_core::{
    chain::{Anchor, Chain},
    id::{LogPosition, StreamId},
    name::DatabaseName,
};

use crate::{
    columns::{from_column, name, to_column},
    failure::Attempt,
};

/// Implements [`Anchors`](spice_core::port::registry::Anchors) for a store with a `database`.
macro_rules! keeps_anchors {
    ($store:ty) => {
        const _: () = {
            use spice_core::{
                chain::Anchor,
                id::StreamId,
                name::DatabaseName,
                port::{StoreResult, registry::Anchors},
            };

            use $crate::anchors;

            #[async_trait::async_trait]
            impl Anchors for $store {
                async fn anchor(&self, stream: &StreamId) -> StoreResult<Option<Anchor>> {
                    let stream = stream.clone();
                    let read = move |connection: &_| anchors::find(connection, &stream);
                    self.database.read(read).await
                }

                async fn anchored(&self) -> StoreResult<Vec<StreamId>> {
                    self.database.read(anchors::list).await
                }

                async fn anchored_generations(
                    &self,
                    database: &DatabaseName,
                ) -> StoreResult<Vec<StreamId>> {
                    let name = database.clone();
                    let read = move |connection: &_| anchors::generations(connection, &name);
                    self.database.read(read).await
                }
            }
        };
    };
}
pub(crate) use keeps_anchors;

pub(crate) const TABLES: &str = "
CREATE TABLE anchors (
    stream TEXT PRIMARY KEY, position INTEGER NOT NULL, append INTEGER NOT NULL,
    chain BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

pub(crate) fn find(connection: &Connection, stream: &StreamId) -> Attempt<Option<Anchor>> {
    let found: Option<(i64, i64, [u8; 32])> = connection
        .prepare_cached("SELECT position, append, chain FROM anchors WHERE stream = ?1")?
        .query_row([stream.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((position, append, chain)) = found else {
        return Ok(None);
    };
    Ok(Some(Anchor {
        position: LogPosition(from_column(position)?),
        append: LogPosition(from_column(append)?),
        chain: Chain::from_bytes(chain),
    }))
}

pub(crate) fn list(connection: &Connection) -> Attempt<Vec<StreamId>> {
    let mut statement = connection.prepare_cached("SELECT stream FROM anchors")?;
    streams(statement.query([])?)
}

/// The logs of one database.
pub(crate) fn generations(
    connection: &Connection,
    database: &DatabaseName,
) -> Attempt<Vec<StreamId>> {
    let mut statement = connection.prepare_cached(
        "SELECT stream FROM anchors
         WHERE stream = ?1 OR (stream > ?1 || '.g' AND stream < ?1 || '.h')",
    )?;
    let mut found = streams(statement.query([database.as_str()])?)?;
    found.retain(|stream| stream.database == *database);
    Ok(found)
}

fn streams(mut rows: Rows<'_>) -> Attempt<Vec<StreamId>> {
    let mut streams: Vec<StreamId> = Vec::new();
    while let Some(row) = rows.next()? {
        streams.push(name(&row.get::<_, String>(0)?)?);
    }
    streams.sort();
    Ok(streams)
}

pub(crate) fn put(connection: &Connection, stream: &StreamId, anchor: &Anchor) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO anchors (stream, position, append, chain)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            stream.to_string(),
            to_column(anchor.position.0)?,
            to_column(anchor.append.0)?,
            anchor.chain.as_bytes()
        ])?;
    Ok(())
}

pub(crate) fn drop_of(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    connection.execute(
        "DELETE FROM anchors WHERE stream = ?1",
        [stream.to_string()],
    )?;
    Ok(())
}
