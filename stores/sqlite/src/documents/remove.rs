//! Removes documents: single ones for a repair, or all of a sink.

use std::collections::HashMap;

use rusqlite::Connection;
use spice_core::{guard::Guards, id::BranchGeneration, port::graph::Entity};

use super::{apply::Writer, points, sorted};
use crate::{
    columns::bound,
    failure::Attempt,
    scopes::{Part, scopes_of},
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

/// Removes all that a sink holds.
pub(super) fn clear(connection: &Connection, sink: i64) -> Attempt<()> {
    let of_scopes = "scope IN (SELECT id FROM scopes WHERE stream = ?1)";
    connection.execute(
        &format!(
            "DELETE FROM words
             WHERE rowid IN (SELECT row FROM documents WHERE {of_scopes} AND live)"
        ),
        [sink],
    )?;
    connection.execute(&format!("DELETE FROM documents WHERE {of_scopes}"), [sink])?;
    sorted::clear(connection, sink)?;
    points::clear(connection, sink)
}
