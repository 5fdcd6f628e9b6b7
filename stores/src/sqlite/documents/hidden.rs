//! Which documents of a layer do not show in a view: those that are newer than the layer's
//! position, and those that a layer above knows.

use rusqlite::{Connection, params};

use super::row_set::RowSet;
use crate::sqlite::{columns::from_column, failure::Attempt, layers::Layer};

/// What is hidden in a layer.
#[derive(Default)]
pub(super) struct Hidden {
    /// Its rows.
    pub(super) rows: RowSet,
    /// How many of them are no tombstones.
    live: u64,
}

impl Hidden {
    /// What is hidden in a layer below those above it.
    pub(super) fn find(connection: &Connection, above: &[Layer], layer: &Layer) -> Attempt<Self> {
        let mut hidden = Self::default();
        if layer.until < i64::MAX {
            let newer = "SELECT row, live FROM documents WHERE scope = ?1 AND position > ?2";
            hidden.add(connection, newer, &[layer.scope, layer.until])?;
        }
        for upper in above {
            // Fewer on one side are looked up on the other.
            let join = if live(connection, upper.scope)? > live(connection, layer.scope)? {
                "lower CROSS JOIN documents upper"
            } else {
                "upper CROSS JOIN documents lower"
            };
            let covered = format!(
                "SELECT lower.row, lower.live FROM documents {join} ON upper.id = lower.id
                 WHERE lower.scope = ?1 AND upper.scope = ?2 AND upper.position <= ?3"
            );
            hidden.add(
                connection,
                &covered,
                &[layer.scope, upper.scope, upper.until],
            )?;
        }
        Ok(hidden)
    }

    /// How many documents of the layer show.
    pub(super) fn showing(&self, connection: &Connection, layer: &Layer) -> Attempt<u64> {
        Ok(live(connection, layer.scope)?.saturating_sub(self.live))
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

/// How many live documents a scope holds.
pub(super) fn live(connection: &Connection, scope: i64) -> Attempt<u64> {
    let live = connection
        .prepare_cached("SELECT live FROM scopes WHERE id = ?1")?
        .query_row(params![scope], |row| row.get(0))?;
    from_column(live)
}
