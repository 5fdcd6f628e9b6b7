//! The anchors: how far each log was seen, and its chain there.

use rusqlite::{Connection, Rows};
use spice_core::{chain::Anchor, id::StreamId, name::DatabaseName};

use crate::{columns::parse_name, failure::Attempt, streams::find_all};

/// Implements [`Anchors`](spice_core::port::registry::Anchors) for a store with a database.
macro_rules! keeps_anchors {
    ($store:ty, $($database:ident).+) => {
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
                    self.$($database).+.read(read).await
                }

                async fn anchored_logs(&self) -> StoreResult<Vec<StreamId>> {
                    self.$($database).+.read(anchors::list).await
                }

                async fn anchored_generations(
                    &self,
                    database: &DatabaseName,
                ) -> StoreResult<Vec<StreamId>> {
                    let name = database.clone();
                    let read = move |connection: &_| anchors::generations(connection, &name);
                    self.$($database).+.read(read).await
                }
            }
        };
    };
}
pub(crate) use keeps_anchors;

/// The farthest anchor of a log, over all of its sinks.
pub(crate) fn find(connection: &Connection, stream: &StreamId) -> Attempt<Option<Anchor>> {
    let sinks = find_all(connection, stream)?;
    let anchors = sinks.into_iter().filter_map(|found| found.sink.anchor);
    Ok(anchors.max_by_key(|anchor| anchor.position))
}

pub(crate) fn list(connection: &Connection) -> Attempt<Vec<StreamId>> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT name FROM streams WHERE chain IS NOT NULL")?;
    streams(statement.query([])?)
}

/// Returns the logs of one database.
pub(crate) fn generations(
    connection: &Connection,
    database: &DatabaseName,
) -> Attempt<Vec<StreamId>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT name FROM streams
         WHERE chain IS NOT NULL
           AND (name = ?1 OR (name > ?1 || '.g' AND name < ?1 || '.h'))",
    )?;
    let mut found = streams(statement.query([database.as_str()])?)?;
    found.retain(|stream| stream.database == *database);
    Ok(found)
}

fn streams(mut rows: Rows<'_>) -> Attempt<Vec<StreamId>> {
    let mut streams: Vec<StreamId> = Vec::new();
    while let Some(row) = rows.next()? {
        streams.push(parse_name(&row.get::<_, String>(0)?)?);
    }
    streams.sort();
    Ok(streams)
}
