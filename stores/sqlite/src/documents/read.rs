//! Reads of single documents, counts, and whole indices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{CachedStatement, Connection, params};
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, InstanceRef},
    lineage::View,
    name::{BranchName, ClassName},
    port::{documents::Document, graph::Entity},
};

use super::{
    hidden::Hidden,
    rows::{branch_key, document, document_columns},
};
use crate::{
    columns::{bound, name, text},
    failure::Attempt,
    layers::Layer,
    scopes::{Part, find_scope, find_stream, scopes_of},
};

/// The layers of a view that hold anything of a part, topmost first. The branch itself shows what it
/// has; those below it what was current at their position, which may be superseded since.
pub(super) fn layers_of(
    connection: &Connection,
    view: &View,
    part: &Part,
    guards: Guards,
) -> Attempt<Vec<Layer>> {
    let mut layers = Vec::new();
    let Some(stream) = find_stream(connection, &view.stream)? else {
        return Ok(layers);
    };
    let superseded = part.clone().superseded();
    for (index, level) in view.lineage.levels().iter().enumerate() {
        let branch = branch_key(guards, &level.name, bound(level.generation.0));
        let (parts, until) = match index {
            0 => (&[part][..], i64::MAX),
            _ => (&[part, &superseded][..], bound(level.until)),
        };
        for part in parts {
            let scope = find_scope(connection, stream.id, branch, part)?;
            layers.extend(scope.map(|scope| Layer {
                scope,
                until,
                level: index,
            }));
        }
    }
    Ok(layers)
}

/// The branch that a layer is of.
pub(super) fn branch_of(view: &View, layer: &Layer) -> (BranchName, BranchGeneration) {
    let level = &view.lineage.levels()[layer.level];
    (level.name.clone(), level.generation)
}

/// Reads what single entities of one part show.
pub(super) struct PointReader<'connection> {
    find: CachedStatement<'connection>,
}

impl<'connection> PointReader<'connection> {
    pub(super) fn new(connection: &'connection Connection) -> Attempt<Self> {
        let find = connection.prepare_cached(concat!(
            "SELECT ",
            document_columns!(),
            " FROM documents WHERE scope = ?1 AND id = ?2 AND position <= ?3
                 AND (until IS NULL OR until >= ?3)"
        ))?;
        Ok(Self { find })
    }

    pub(super) fn read(
        &mut self,
        view: &View,
        layers: &[Layer],
        part: &Part,
        id: &str,
    ) -> Attempt<Option<Document>> {
        for layer in layers {
            let mut rows = self.find.query(params![layer.scope, id, layer.until])?;
            if let Some(row) = rows.next()? {
                let branch = branch_of(view, layer);
                return document(row, branch, part.entity(id)?).map(Some);
            }
        }
        Ok(None)
    }
}

pub(super) fn get(
    connection: &Connection,
    view: &View,
    instances: &[InstanceRef],
    guards: Guards,
) -> Attempt<Vec<Option<Document>>> {
    let mut known: HashMap<&ClassName, (Part, Vec<Layer>)> = HashMap::new();
    let mut reader = PointReader::new(connection)?;
    let mut answers = Vec::with_capacity(instances.len());
    for instance in instances {
        if !known.contains_key(&instance.class) {
            let part = Part::instances(&instance.class);
            let layers = layers_of(connection, view, &part, guards)?;
            known.insert(&instance.class, (part, layers));
        }
        let (part, layers) = &known[&instance.class];
        answers.push(reader.read(view, layers, part, instance.id.as_str())?);
    }
    Ok(answers)
}

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
            classes.insert(name(text(row, 0)?)?);
        }
    }
    let mut counts = Vec::new();
    for class in classes {
        let layers = layers_of(connection, view, &Part::instances(&class), guards)?;
        let count = count(connection, &layers)?;
        if count > 0 {
            counts.push((class, count));
        }
    }
    Ok(counts)
}

/// How many live documents show in layers.
fn count(connection: &Connection, layers: &[Layer]) -> Attempt<u64> {
    let mut count = 0;
    for (index, layer) in layers.iter().enumerate() {
        let hidden = Hidden::find(connection, &layers[..index], layer)?;
        count += hidden.showing(connection, layer)?;
    }
    Ok(count)
}

/// The documents of two scopes, of which one may be missing (0), by id and position.
const OF_SCOPES: &str = concat!(
    "SELECT ",
    document_columns!(),
    ", id FROM documents WHERE scope = ?1 AND id >= ?3 UNION ALL SELECT ",
    document_columns!(),
    ", id FROM documents WHERE scope = ?2 AND id >= ?3 ORDER BY id, position"
);
const ID: usize = 7;

/// Every document that a branch wrote, by entity and position.
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
        parts.entry(part.latest()).or_default()[place] = scope;
    }
    let mut fetch = connection.prepare_cached(OF_SCOPES)?;
    for (part, [latest, superseded]) in parts {
        let Some(range) = part.range_after(after) else {
            continue;
        };
        let index = (branch_name(connection, latest.max(superseded))?, branch);
        let mut rows = fetch.query(params![latest, superseded, range.low()])?;
        while let Some(row) = rows.next()? {
            let entity = part.entity(text(row, ID)?)?;
            let is_next = documents.last().is_none_or(|last| last.entity != entity);
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
    name(&text)
}
