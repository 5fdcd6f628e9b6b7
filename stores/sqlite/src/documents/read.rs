//! Reads of single documents, counts, and whole indices.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
};

use rusqlite::{CachedStatement, Connection, params};
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, InstanceRef, StreamId},
    lineage::View,
    name::{BranchName, ClassName},
    port::{documents::Document, graph::Entity},
};

use super::{
    hidden::Hidden,
    rows::{branch_key, document, document_columns},
};
use crate::{
    columns::{bound, name},
    failure::Attempt,
    layers::{Keys, Layer, walk},
    scopes::{Part, find_scope, find_stream, scopes_of},
};

const KEYS: Keys = Keys {
    all: "SELECT id, position, row FROM documents
          WHERE scope = ?1 AND id >= ?2 AND id < ?3 ORDER BY id",
    newest: "SELECT position, row FROM documents
             WHERE scope = ?1 AND id = ?2 AND position <= ?3",
};

/// The layers of a view that hold anything of a part, topmost first. The branch's own index
/// shows whole; those below only up to their position.
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
    for (index, level) in view.lineage.levels().iter().enumerate() {
        let branch = branch_key(guards, &level.name, bound(level.generation.0));
        if let Some(scope) = find_scope(connection, stream.id, branch, part)? {
            let until = if index == 0 {
                i64::MAX
            } else {
                bound(level.until)
            };
            layers.push(Layer {
                scope,
                until,
                level: index,
            });
        }
    }
    Ok(layers)
}

/// The index that a layer is.
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
            " FROM documents WHERE scope = ?1 AND id = ?2 AND position <= ?3"
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
            classes.insert(name(crate::columns::text(row, 0)?)?);
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

pub(super) fn all(
    connection: &Connection,
    stream: &StreamId,
    branch: BranchGeneration,
    after: Option<&Entity>,
    limit: usize,
) -> Attempt<Vec<Document>> {
    let mut documents = Vec::new();
    let Some(stream) = find_stream(connection, stream)? else {
        return Ok(documents);
    };
    let mut fetch = connection.prepare_cached(concat!(
        "SELECT ",
        document_columns!(),
        " FROM documents WHERE row = ?1"
    ))?;
    let mut branch_name =
        connection.prepare_cached("SELECT branch_name FROM scopes WHERE id = ?1")?;
    for (scope, part) in scopes_of(connection, stream.id, bound(branch.0))? {
        let Some(range) = part.range_after(after) else {
            continue;
        };
        if documents.len() >= limit {
            break;
        }
        let text: String = branch_name.query_row([scope], |row| row.get(0))?;
        let index: (BranchName, _) = (name(&text)?, branch);
        let layer = Layer {
            scope,
            until: i64::MAX,
            level: 0,
        };
        walk(connection, &KEYS, &[layer], &range, |shown| {
            let mut rows = fetch.query([shown.row])?;
            if let Some(row) = rows.next()? {
                documents.push(document(row, index.clone(), part.entity(shown.key)?)?);
            }
            Ok(if documents.len() >= limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
    }
    Ok(documents)
}
