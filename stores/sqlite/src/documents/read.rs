//! Counts of documents, and all documents of a branch.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use spice_core::{
    guard::Guards,
    id::BranchGeneration,
    lineage::View,
    name::{BranchName, ClassName},
    port::{documents::Document, graph::Entity},
};

use super::{
    hidden::Hidden,
    rows::{DocumentRows, branch_key, document, document_columns},
};
use crate::{
    columns::{bound, parse_name, text},
    failure::Attempt,
    layers::Layer,
    lookup::layers_of,
    scopes::{Part, scopes_of},
    streams::find_stream,
};

pub(super) fn counts(
    connection: &Connection,
    view: &View,
    guards: Guards,
) -> Attempt<Vec<(ClassName, u64)>> {
    let Some(stream) = find_stream(connection, &view.stream)? else {
        return Ok(Vec::new());
    };
    let mut classes: BTreeSet<ClassName> = BTreeSet::new();
    let mut of_branch = connection.prepare_cached(
        "SELECT class FROM scopes WHERE stream = ?1 AND branch = ?2 AND class <> ''",
    )?;
    for level in view.lineage.levels() {
        let branch = branch_key(guards, &level.name, bound(level.generation.0));
        let mut rows = of_branch.query([stream.id, branch])?;
        while let Some(row) = rows.next()? {
            classes.insert(parse_name(text(row, 0)?)?);
        }
    }
    let (rows, mut counts) = (DocumentRows(guards), Vec::new());
    for class in classes {
        let layers = layers_of(connection, &rows, view, &Part::instances(&class))?;
        let count = count(connection, &layers)?;
        if count > 0 {
            counts.push((class, count));
        }
    }
    Ok(counts)
}

/// Returns how many live documents are visible in layers.
fn count(connection: &Connection, layers: &[Layer]) -> Attempt<u64> {
    let mut count = 0;
    for (index, layer) in layers.iter().enumerate() {
        let hidden = Hidden::find(connection, &layers[..index], layer)?;
        count += hidden.count_visible(connection, layer)?;
    }
    Ok(count)
}

/// Reads the documents of two scopes, of which one may be missing (0), by id and position.
const OF_SCOPES: &str = concat!(
    "SELECT ",
    document_columns!(),
    ", id FROM documents WHERE scope = ?1 AND id >= ?3 UNION ALL SELECT ",
    document_columns!(),
    ", id FROM documents WHERE scope = ?2 AND id >= ?3 ORDER BY id, position"
);
const ID: usize = 7;

/// Returns every document that a branch wrote, by entity and position.
pub(super) fn all(
    connection: &Connection,
    sink: i64,
    branch: BranchGeneration,
    after: Option<&Entity>,
    limit: usize,
) -> Attempt<Vec<Document>> {
    let mut documents: Vec<Document> = Vec::new();
    let mut parts: BTreeMap<Part, [i64; 2]> = BTreeMap::new();
    for (scope, part) in scopes_of(connection, sink, bound(branch.0))? {
        let place = usize::from(part.is_superseded());
        parts.entry(part.into_latest()).or_default()[place] = scope;
    }
    let mut fetch = connection.prepare_cached(OF_SCOPES)?;
    for (part, [latest, superseded]) in parts {
        let Some(range) = part.range_after(after) else {
            continue;
        };
        let index = (branch_name(connection, latest.max(superseded))?, branch);
        let mut rows = fetch.query(params![latest, superseded, range.first_key()])?;
        while let Some(row) = rows.next()? {
            let entity = part.entity(text(row, ID)?)?;
            let is_next = documents
                .last()
                .is_none_or(|last| last.state.entity != entity);
            if is_next && documents.len() >= limit {
                return Ok(documents);
            }
            documents.push(document(row, index.clone(), entity)?);
        }
    }
    Ok(documents)
}

fn branch_name(connection: &Connection, scope: i64) -> Attempt<BranchName> {
    let text: String = connection
        .prepare_cached("SELECT branch_name FROM scopes WHERE id = ?1")?
        .query_row([scope], |row| row.get(0))?;
    parse_name(&text)
}
