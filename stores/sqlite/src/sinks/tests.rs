//! A large sink is dropped in slices; no one sees the rest of it.

use spice_core::port::sink::SinkRole;
use spice_testing::values::{block_on, stream};

use super::*;
use crate::{
    database::Mode,
    open::{Location, Schema},
    scopes, streams,
};

static SCHEMA: Schema = Schema {
    store: Store::Graph,
    application: 1,
    version: 1,
    tables: &[
        streams::TABLES,
        scopes::TABLES,
        "CREATE TABLE things (id INTEGER PRIMARY KEY, sink INTEGER NOT NULL) STRICT",
    ],
    cache: 64,
};

fn clear(connection: &Connection, sink: i64, most: usize) -> Attempt<usize> {
    let statement = "DELETE FROM things WHERE id IN (
        SELECT id FROM things WHERE sink = ?1 LIMIT ?2)";
    delete_first(connection, (sink, most), &[statement])
}

async fn count(file: &SinkFile) -> usize {
    let count = |connection: &Connection| {
        let count = "SELECT count(*) FROM things";
        Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))?)
    };
    usize::try_from(file.database.read(count).await.unwrap()).unwrap()
}

#[test]
fn a_large_sink_is_dropped_in_slices_and_takes_no_batch_meanwhile() {
    block_on(async {
        let database = Database::open(&Location::Memory, Mode::Inline, &SCHEMA).unwrap();
        let file = SinkFile {
            database,
            guards: Guards::default(),
        };
        let demo = stream("demo");
        let live = file.sinks(&demo).await.unwrap().remove(0).generation;
        let rows = 2 * SLICE + 1;
        let insert = move |connection: &Connection| {
            connection.execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO things SELECT i, (SELECT id FROM streams) FROM n",
                [to_column(rows as u64)?],
            )?;
            Ok(())
        };
        file.database.write(insert).await.unwrap();

        file.hide(&demo, &live, SinkRole::Live).await.unwrap();
        for left in [rows, SLICE + 1, 1, 0] {
            assert_eq!(count(&file).await, left);
            let next = file.sinks(&demo).await.unwrap();
            assert_eq!((next.len(), next[0].role), (1, SinkRole::Live));
            assert_ne!(next[0].generation, live);
            let (from, through) = (LogPosition::ZERO, LogPosition(9).into());
            let late = file.apply((&demo, &live), (from, through), &[()], |_, _, _, _| {
                Ok(Applied::default())
            });
            assert!(late.await.is_err(), "the dropped sink is gone for a worker");
            if left > 0 {
                assert!(file.clear_slice(clear).await.unwrap());
            }
        }
        // A drop that was interrupted is finished by the next one, whatever that drops.
        let dropped = file.drop_sink(&demo, &live, SinkRole::Live, clear);
        dropped.await.unwrap();
        assert!(!file.clear_slice(clear).await.unwrap());
        let sinks = |connection: &Connection| {
            let count = "SELECT count(*) FROM streams";
            Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(file.database.read(sinks).await.unwrap(), 1);
    });
}
