//! Removing documents: single ones for repair, or all of a log.

use std::collections::HashMap;

use rusqlite::Connection;
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, StreamId},
    port::graph::Entity,
};

use super::{apply::Writer, points, sorted};
use crate::{
    columns::bound,
    failure::Attempt,
    scopes::{Part, drop_stream, find_stream, scopes_of},
};

/// Removes what a branch wrote of entities, superseded versions too.
pub(super) fn remove(
    connection: &Connection,
    stream: &StreamId,
    branch: BranchGeneration,
    entities: &[Entity],
    guards: Guards,
) -> Attempt<()> {
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(());
    };
    let scopes: HashMap<Part, i64> = scopes_of(connection, stream.id, bound(branch.0))?
        .into_iter()
        .map(|(scope, part)| (part, scope))
        .collect();
    let mut writer = Writer::new(connection, stream.id, guards)?;
    for entity in entities {
        let (part, id) = Part::of(entity);
        for part in [part.clone(), part.superseded()] {
            if let Some(scope) = scopes.get(&part) {
                writer.remove(*scope, id)?;
            }
        }
    }
    writer.save()
}

/// Removes all that is known of a log, the log itself included.
pub(super) fn clear(connection: &Connection, stream: &StreamId) -> Attempt<()> {
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(());
    };
    let of_scopes = "scope IN (SELECT id FROM scopes WHERE stream = ?1)";
    connection.execute(
        &format!(
            "DELETE FROM words
             WHERE rowid IN (SELECT row FROM documents WHERE {of_scopes} AND live)"
        ),
        [stream.id],
    )?;
    connection.execute(
        &format!("DELETE FROM documents WHERE {of_scopes}"),
        [stream.id],
    )?;
    sorted::clear(connection, stream.id)?;
    points::clear(connection, stream.id)?;
    drop_stream(connection, stream.id)
}
