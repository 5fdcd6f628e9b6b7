//! Builds indexes step by step.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Entry, INSERT, Slot, Wanted, comparison, count_free};
use crate::{columns::text, failure::Attempt, properties::member};

/// The number of documents that one step reads; other writes run between steps.
pub(super) const STEP: i64 = 10_000;

/// The result of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::documents) enum Built {
    /// There is more to do.
    Partly,
    /// The index is complete; the scope can have this many more.
    Wholly { left: i64 },
    /// The index exists already, the scope has the maximum number, or the scope is gone.
    Nothing,
}

/// Runs one step of building an index of a scope.
pub(in crate::documents) fn build_step(connection: &Connection, wanted: &Wanted) -> Attempt<Built> {
    build_step_of(connection, wanted, STEP)
}

pub(super) fn build_step_of(connection: &Connection, wanted: &Wanted, step: i64) -> Attempt<Built> {
    if count_free(connection, wanted.scope)? > 0 {
        connection
            .prepare_cached(
                "INSERT INTO sorted_properties (scope, property, comparison)
                 SELECT id, ?2, ?3 FROM scopes WHERE id = ?1
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![wanted.scope, wanted.property, wanted.comparison])?;
    }
    let found = connection
        .prepare_cached(
            "SELECT id, built, ready FROM sorted_properties
             WHERE scope = ?1 AND property = ?2 AND comparison = ?3",
        )?
        .query_row(
            params![wanted.scope, wanted.property, wanted.comparison],
            |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)),
        )
        .optional()?;
    let (slot, built) = match found {
        None | Some((_, _, true)) => return Ok(Built::Nothing),
        Some((slot, built, false)) => (slot, built),
    };
    let slot = Slot {
        number: slot,
        property: wanted.property.clone(),
        comparison: comparison(wanted.comparison),
    };
    let last = add_entries(connection, wanted.scope, &slot, &built, step)?;
    connection
        .prepare_cached("UPDATE sorted_properties SET built = ?2, ready = ?3 WHERE id = ?1")?
        .execute(params![
            slot.number,
            last.as_deref().unwrap_or_default(),
            last.is_none()
        ])?;
    Ok(match last {
        Some(_) => Built::Partly,
        None => Built::Wholly {
            left: count_free(connection, wanted.scope)?,
        },
    })
}

/// Adds the entries of the next documents, always all documents of an id together; returns the last
/// id, or none if there are no more.
fn add_entries(
    connection: &Connection,
    scope: i64,
    slot: &Slot,
    built: &str,
    step: i64,
) -> Attempt<Option<String>> {
    let mut entries: Vec<(Entry, String, i64)> = Vec::new();
    let (mut seen, mut last) = (0, String::new());
    let mut all = connection.prepare_cached(
        "SELECT id, row, data FROM documents WHERE scope = ?1 AND id > ?2 AND live = 1
         ORDER BY id",
    )?;
    let mut rows = all.query(params![scope, built])?;
    while let Some(row) = rows.next()? {
        if seen >= step && text(row, 0)? != last {
            break;
        }
        seen += 1;
        text(row, 0)?.clone_into(&mut last);
        let number: i64 = row.get(1)?;
        for entry in slot.entries(member(text(row, 2)?, &slot.property))? {
            entries.push((entry, last.clone(), number));
        }
    }
    // In the order of the index, so that each of its pages is written once.
    entries.sort();
    let mut insert = connection.prepare_cached(INSERT)?;
    for ((slot, key), id, row) in &entries {
        insert.execute(params![slot, key.as_bytes(), id, row])?;
    }
    Ok((seen >= step).then_some(last))
}
