//! The hidden documents of a layer in a view: those newer than the layer's position, those
//! superseded before it, and those that an upper layer has.

use rusqlite::{Connection, params};

use super::row_set::RowSet;
use crate::{columns::from_column, failure::Attempt, layers::Layer};

/// Documents newer than a layer's position: as many steps as there are such documents, however many
/// are older.
const NEWER: &str = "SELECT row, live FROM documents WHERE scope = ?1 AND position > ?2";

/// Documents superseded before a layer's position; only superseded versions have an end.
const ENDED: &str = "SELECT row, live FROM documents WHERE scope = ?1 AND until < ?2";

/// Documents that an upper layer has. The `+` keeps SQLite off the index by position, which has no
/// ids.
const COVERED: &str = "SELECT lower.row, lower.live
     FROM documents upper CROSS JOIN documents lower ON upper.id = lower.id
     WHERE lower.scope = ?1 AND upper.scope = ?2 AND +upper.position <= ?3
         AND (upper.until IS NULL OR +upper.until >= ?3)";

/// The same, from below.
const COVERED_BY_MANY: &str = "SELECT lower.row, lower.live
     FROM documents lower CROSS JOIN documents upper ON upper.id = lower.id
     WHERE lower.scope = ?1 AND upper.scope = ?2 AND +upper.position <= ?3
         AND (upper.until IS NULL OR +upper.until >= ?3)";

/// The hidden documents of a layer.
#[derive(Default)]
pub(super) struct Hidden {
    /// Its rows.
    pub(super) rows: RowSet,
    /// The number of them that are not tombstones.
    live: u64,
}

impl Hidden {
    /// Finds the hidden documents of a layer below the upper ones.
    pub(super) fn find(connection: &Connection, above: &[Layer], layer: &Layer) -> Attempt<Self> {
        let mut hidden = Self::default();
        if layer.until < i64::MAX {
            for outside in [NEWER, ENDED] {
                hidden.add(connection, outside, &[layer.scope, layer.until])?;
            }
        }
        for upper in above {
            // The smaller side is looked up on the larger one.
            let is_wide =
                count_live(connection, upper.scope)? > count_live(connection, layer.scope)?;
            let covered = if is_wide { COVERED_BY_MANY } else { COVERED };
            let scopes = [layer.scope, upper.scope, upper.until];
            hidden.add(connection, covered, &scopes)?;
        }
        Ok(hidden)
    }

    /// Returns how many documents of the layer are visible.
    pub(super) fn count_visible(&self, connection: &Connection, layer: &Layer) -> Attempt<u64> {
        Ok(count_live(connection, layer.scope)?.saturating_sub(self.live))
    }

    fn add(&mut self, connection: &Connection, sql: &str, scopes: &[i64]) -> Attempt<()> {
        let mut find = connection.prepare_cached(sql)?;
        let mut rows = find.query(rusqlite::params_from_iter(scopes))?;
        while let Some(row) = rows.next()? {
            if self.rows.insert(row.get(0)?) {
                self.live += u64::from(row.get::<_, bool>(1)?);
            }
        }
        Ok(())
    }
}

/// Returns how many live documents a scope holds.
pub(super) fn count_live(connection: &Connection, scope: i64) -> Attempt<u64> {
    let live = connection
        .prepare_cached("SELECT live FROM scopes WHERE id = ?1")?
        .query_row(params![scope], |row| row.get(0))?;
    from_column(live)
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus};

    use super::{COVERED, COVERED_BY_MANY, ENDED, Hidden, NEWER};
    use crate::{documents::rows, layers::Layer, scopes};

    /// A parent (1) with a document at each of its positions, and a branch (2) of it, created two
    /// positions before the end, that changed one document.
    fn open(documents: i64) -> (Connection, [Layer; 2]) {
        let connection = Connection::open_in_memory().unwrap();
        for tables in [scopes::TABLES, rows::TABLES] {
            connection.execute_batch(tables).unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO scopes (id, stream, branch, kind, class) VALUES
                     (1, 1, 0, 1, 'A'), (2, 1, 9, 1, 'A')",
            )
            .unwrap();
        let write = |scope: i64, position: i64| {
            let insert = "INSERT INTO documents (scope, id, position, live, sequence, event_id,
                              occurred_at, created_at, data)
                          VALUES (?1, 'i' || ?2, ?2, 1, 1, x'', 0, 0, '{}')";
            connection.execute(insert, [scope, position]).unwrap();
            let count = "UPDATE scopes SET live = live + 1 WHERE id = ?1";
            connection.execute(count, [scope]).unwrap();
        };
        (0..documents).for_each(|position| write(1, position));
        write(2, 1);
        let layer = |scope, until, level| Layer {
            scope,
            until,
            level,
        };
        let layers = [layer(2, i64::MAX, 0), layer(1, documents - 3, 1)];
        (connection, layers)
    }

    /// Returns the steps that SQLite takes to find the hidden documents of the parent.
    fn count_steps(documents: i64) -> Vec<i32> {
        let (connection, [upper, lower]) = open(documents);
        let hidden = Hidden::find(&connection, &[upper], &lower).unwrap();
        let rows: Vec<i64> = hidden.rows.iter().collect();
        assert_eq!(rows, [2, documents - 1, documents]);
        let showing = hidden.count_visible(&connection, &lower).unwrap();
        assert_eq!(i64::try_from(showing).unwrap(), documents - 3);
        // Upside down, the upper layer has everything.
        let all = Hidden::find(&connection, &[lower], &upper).unwrap();
        assert_eq!(all.rows.len(), 1);
        let steps = [NEWER, ENDED, COVERED, COVERED_BY_MANY].map(|sql| {
            let find = connection.prepare_cached(sql).unwrap();
            find.get_status(StatementStatus::VmStep)
        });
        assert!(steps.iter().all(|steps| *steps > 0), "{steps:?}");
        steps.to_vec()
    }

    #[test]
    fn hidden_documents_cost_by_their_number_not_by_the_class() {
        assert_eq!(count_steps(10), count_steps(1_000));
    }

    #[test]
    fn hidden_documents_are_found_without_reading_documents() {
        let (connection, _) = open(10);
        for sql in [NEWER, ENDED, COVERED, COVERED_BY_MANY] {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let mut plan = connection.prepare(&explain).unwrap();
            let mut rows = plan.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let detail: String = row.get(3).unwrap();
                assert!(detail.contains("COVERING INDEX"), "{sql}: {detail}");
            }
        }
    }
}
