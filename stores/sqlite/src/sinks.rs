//! What a store of sinks in one file does with them, whatever they hold: batches, and their roles.

#[cfg(test)]
mod tests;

use rusqlite::{Connection, params};
use spice_core::{
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
    port::{
        Store, StoreResult,
        sink::{Applied, Sink, SinkPosition, SinkRole},
    },
};

use super::{
    columns::to_column,
    database::Database,
    failure::{Attempt, Failure},
    streams::{
        Stream, drop_stream, find_all, find_hidden, find_in_role, find_or_create_live, find_sink,
        hide, move_stream,
    },
};

/// The most rows that one transaction removes when a sink is dropped: others wait for it.
const SLICE: usize = 1_000;

/// Removes at most so many rows of a sink. Returns how many; 0 if it holds nothing any more.
pub(crate) type ClearSlice = fn(&Connection, i64, usize) -> Attempt<usize>;

/// A file with the sinks of many logs.
#[derive(Clone)]
pub(crate) struct SinkFile {
    pub(crate) database: Database,
    pub(crate) guards: Guards,
}

impl SinkFile {
    /// Writes a batch to a sink and moves it, in one commit.
    pub(crate) async fn apply<T: Clone + Send + 'static>(
        &self,
        (stream, sink): (&StreamId, &str),
        (from, through): (LogPosition, SinkPosition),
        items: &[T],
        write: fn(&Connection, i64, &[T], Guards) -> Attempt<Applied>,
    ) -> StoreResult<Applied> {
        let (stream, sink) = (stream.clone(), sink.to_owned());
        let (items, guards) = (items.to_vec(), self.guards);
        let work = move |connection: &Connection| {
            let Stream { id, sink } = admit(connection, &stream, &sink, from, guards)?;
            let mut applied = write(connection, id, &items, guards)?;
            applied.live = sink.role == SinkRole::Live;
            if through.position > sink.position {
                move_stream(connection, id, &through)?;
            }
            Ok(applied)
        };
        self.database.write(work).await
    }

    /// The sinks of a log, the live one first; it is made when there is none.
    pub(crate) async fn sinks(&self, stream: &StreamId) -> StoreResult<Vec<Sink>> {
        let wanted = stream.clone();
        let find = move |connection: &_| find_all(connection, &wanted);
        let mut found = self.database.read(find).await?;
        let live = found.first().map(|first| first.sink.role);
        if live != Some(SinkRole::Live) {
            let wanted = stream.clone();
            let make = move |connection: &_| {
                find_or_create_live(connection, &wanted)?;
                find_all(connection, &wanted)
            };
            found = self.database.write(make).await?;
        }
        Ok(found.into_iter().map(|found| found.sink).collect())
    }

    /// Hides a sink, if it still has this role, and removes its content slice by slice, so that others
    /// can write in between. If that is interrupted, the next drop in this file goes on with it.
    pub(crate) async fn drop_sink(
        &self,
        stream: &StreamId,
        generation: &str,
        role: SinkRole,
        clear: ClearSlice,
    ) -> StoreResult<()> {
        self.hide(stream, generation, role).await?;
        while self.clear_slice(clear).await? {}
        Ok(())
    }

    async fn hide(&self, stream: &StreamId, generation: &str, role: SinkRole) -> StoreResult<()> {
        let (stream, generation) = (stream.clone(), generation.to_owned());
        let work = move |connection: &_| match find_in_role(connection, &stream, &generation, role)?
        {
            Some(sink) => hide(connection, sink),
            None => Ok(()),
        };
        self.database.write(work).await
    }

    /// Removes a slice of a hidden sink; false if there is no such sink.
    async fn clear_slice(&self, clear: ClearSlice) -> StoreResult<bool> {
        let work = move |connection: &_| {
            let Some(sink) = find_hidden(connection)? else {
                return Ok(false);
            };
            if clear(connection, sink, SLICE)? == 0 {
                drop_stream(connection, sink)?;
            }
            Ok(true)
        };
        self.database.write(work).await
    }
}

/// Executes statements, which each remove at most ?2 rows of the sink ?1, up to the first that removes
/// any. Returns how many it removed.
pub(crate) fn delete_first(
    connection: &Connection,
    (sink, most): (i64, usize),
    statements: &[&str],
) -> Attempt<usize> {
    for statement in statements {
        let deleted = connection
            .prepare_cached(statement)?
            .execute(params![sink, to_column(most as u64)?])?;
        if deleted > 0 {
            return Ok(deleted);
        }
    }
    Ok(0)
}

/// Work on one sink of a log, by its number here.
pub(crate) fn on_sink<T, F: FnOnce(&Connection, i64) -> Attempt<T>>(
    stream: &StreamId,
    sink: &str,
    work: F,
) -> impl FnOnce(&Connection) -> Attempt<T> + use<T, F> {
    let (stream, sink) = (stream.clone(), sink.to_owned());
    move |connection| work(connection, find_sink(connection, &stream, &sink)?.id)
}

/// Lets a batch for a sink in, or fences it off.
fn admit(
    connection: &Connection,
    stream: &StreamId,
    generation: &str,
    from: LogPosition,
    guards: Guards,
) -> Attempt<Stream> {
    let found = if guards.has(Guard::Generations) {
        find_sink(connection, stream, generation)?
    } else {
        find_or_create_live(connection, stream)?
    };
    let position = found.sink.position;
    if guards.has(Guard::Position) && from > position {
        return Err(Failure::Fenced(format!(
            "the sink of {stream} is at {position}, so the events before {from} are missing"
        )));
    }
    Ok(found)
}

/// The result of writing one item of a batch.
pub(crate) enum Written {
    New,
    /// It is there already, or something newer is.
    Stale,
}

/// Writes the items of a batch in their order. What a sink refuses does not stop the others.
pub(crate) fn write_each<T>(
    store: Store,
    items: &[T],
    mut write: impl FnMut(&T) -> Attempt<Written>,
) -> Attempt<Applied> {
    let mut applied = Applied::default();
    for (index, item) in items.iter().enumerate() {
        match write(item) {
            Ok(Written::New) => {}
            Ok(Written::Stale) => applied.stale.push(index),
            Err(failure) if failure.is_refusal() => {
                let error = failure.into_store_error(store);
                applied.refused.push((index, error));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(applied)
}

/// Implements [`Sinks`](spice_core::port::sink::Sinks),
/// [`Anchors`](spice_core::port::registry::Anchors) and
/// [`Installed`](spice_core::port::installation::Installed) for a store with a [`SinkFile`] named
/// `file`; `$clear` removes a slice of what one sink holds.
macro_rules! sinks_in_file {
    ($store:ty, $projection:ident, $clear:path) => {
        const _: () = {
            use spice_core::{
                handler::Projection,
                id::StreamId,
                port::{
                    StoreResult,
                    sink::{Sink, SinkRole, Sinks},
                },
            };

            use $crate::streams;

            $crate::anchors::keeps_anchors!($store, file.database);
            $crate::installation::remembers_installation!($store, file.database);

            #[async_trait::async_trait]
            impl Sinks for $store {
                fn projection(&self) -> Projection {
                    Projection::$projection
                }

                async fn sinks(&self, stream: &StreamId) -> StoreResult<Vec<Sink>> {
                    self.file.sinks(stream).await
                }

                async fn create_shadow(&self, stream: &StreamId) -> StoreResult<Sink> {
                    let stream = stream.clone();
                    let write =
                        move |connection: &_| streams::find_or_create_shadow(connection, &stream);
                    Ok(self.file.database.write(write).await?.sink)
                }

                async fn swap(&self, stream: &StreamId, shadow: &str) -> StoreResult<bool> {
                    let (stream, shadow) = (stream.clone(), shadow.to_owned());
                    let write = move |connection: &_| streams::swap(connection, &stream, &shadow);
                    self.file.database.write(write).await
                }

                async fn drop_sink(
                    &self,
                    stream: &StreamId,
                    generation: &str,
                    role: SinkRole,
                ) -> StoreResult<()> {
                    self.file.drop_sink(stream, generation, role, $clear).await
                }
            }
        };
    };
}
pub(crate) use sinks_in_file;
