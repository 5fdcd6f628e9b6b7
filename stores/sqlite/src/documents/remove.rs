//! Removes documents: single ones for a repair, or all of a sink.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use spice_core::{guard::Guards, id::BranchGeneration, port::graph::Entity};

use super::{apply::Writer, points, sorted};
use crate::{
    columns::{bound, to_column},
    failure::Attempt,
    scopes::{Part, scopes_of},
    sinks::delete_first,
};

/// Removes a branch's documents of entities, superseded versions included.
pub(super) fn remove(
    connection: &Connection,
    sink: i64,
    branch: BranchGeneration,
    entities: &[Entity],
    guards: Guards,
) -> Attempt<()> {
    let scopes: HashMap<Part, i64> = scopes_of(connection, sink, bound(branch.0))?
        .into_iter()
        .map(|(scope, part)| (part, scope))
        .collect();
    let mut writer = Writer::new(connection, sink, guards)?;
    for entity in entities {
        let (part, id) = Part::of(entity);
        for part in [part.clone(), part.into_superseded()] {
            if let Some(scope) = scopes.get(&part) {
                writer.remove(*scope, id)?;
            }
        }
    }
    writer.save()
}

/// Removes at most `most` rows that a sink holds: documents with their words first.
pub(super) fn clear_slice(connection: &Connection, sink: i64, most: usize) -> Attempt<usize> {
    let mut find = connection.prepare_cached(
        "SELECT row, live FROM documents
         WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1) LIMIT ?2",
    )?;
    let rows = find.query_map(params![sink, to_column(most as u64)?], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let rows: Vec<(i64, bool)> = rows.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        let [values, elements, properties] = sorted::CLEAR;
        let rest = [values, elements, properties, points::CLEAR];
        return delete_first(connection, (sink, most), &rest);
    }
    let mut words = connection.prepare_cached("DELETE FROM words WHERE rowid = ?1")?;
    for (row, _) in rows.iter().filter(|(_, live)| *live) {
        words.execute([row])?;
    }
    let mut documents = connection.prepare_cached("DELETE FROM documents WHERE row = ?1")?;
    for (row, _) in &rows {
        documents.execute([row])?;
    }
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{documents::rows, scopes};

    #[test]
    fn a_slice_takes_documents_with_their_words_and_then_the_rest() {
        let connection = Connection::open_in_memory().unwrap();
        for tables in [scopes::TABLES, rows::TABLES, sorted::TABLES, points::TABLES] {
            connection.execute_batch(tables).unwrap();
        }
        let fill = "INSERT INTO scopes (id, stream, branch, kind, class) VALUES (1, 1, 0, 1, 'A');
            INSERT INTO scopes (id, stream, branch, kind, class) VALUES (2, 2, 0, 1, 'A');
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
            INSERT INTO documents (row, scope, id, position, live, sequence, event_id,
                occurred_at, created_at)
            SELECT i, 1 + i / 9, i, i, i % 3 > 0, 1, x'00', 0, 0 FROM n;
            INSERT INTO words (rowid, text) SELECT row, 'word' FROM documents WHERE live;
            INSERT INTO sorted_properties (id, scope, property, comparison) VALUES (7, 1, 'a', 1);
            INSERT INTO sorted_values VALUES (7, x'00', 'a', 1), (-7, x'00', 'a', 1);
            INSERT INTO branch_points VALUES (1, 5, 0, 4)";
        connection.execute_batch(fill).unwrap();
        let left = |table: &str| -> i64 {
            let count = format!("SELECT count(*) FROM {table}");
            connection.query_row(&count, [], |row| row.get(0)).unwrap()
        };
        let mut slices = Vec::new();
        while let removed @ 1.. = clear_slice(&connection, 1, 3).unwrap() {
            slices.push(removed);
        }
        assert_eq!(slices, [3, 3, 2, 1, 1, 1, 1]);
        assert_eq!((left("documents"), left("words")), (1, 0));
        for table in ["sorted_values", "sorted_properties", "branch_points"] {
            assert_eq!(left(table), 0, "{table}");
        }
    }
}
