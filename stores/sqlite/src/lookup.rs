//! Looking up single entities through the layers of a view. The first layer that knows an entity says
//! what it shows.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, Row, params};
use spice_core::{
    lineage::{Level, View},
    port::graph::Entity,
};

use super::{
    failure::Attempt,
    layers::Layer,
    scopes::{Part, find_scope},
    streams::find_stream,
};

/// The rows of a store, by entity and position.
pub(crate) trait Rows {
    type Item;

    /// Selects the row of ?1 a scope and ?2 an id that shows at position ?3.
    const POINT: &'static str;

    /// What a level of a lineage shows of a part: of which branch, up to which position, and in which
    /// parts of it.
    fn at_level(&self, index: usize, level: &Level, part: &Part) -> (i64, i64, Vec<Part>);

    /// Reads what [`Self::POINT`] selects.
    fn read(&self, row: &Row<'_>, level: &Level, entity: Entity) -> Attempt<Self::Item>;
}

/// Returns the layers of a view that hold anything of a part, topmost first.
pub(crate) fn layers_of(
    connection: &Connection,
    rows: &impl Rows,
    view: &View,
    part: &Part,
) -> Attempt<Vec<Layer>> {
    let mut layers = Vec::new();
    let Some(stream) = find_stream(connection, &view.stream)? else {
        return Ok(layers);
    };
    for (index, level) in view.lineage.levels().iter().enumerate() {
        let (branch, until, parts) = rows.at_level(index, level, part);
        for part in parts {
            let scope = find_scope(connection, stream.id, branch, &part)?;
            layers.extend(scope.map(|scope| Layer {
                scope,
                until,
                level: index,
            }));
        }
    }
    Ok(layers)
}

/// The level of a lineage that a layer is of.
pub(crate) fn level_of<'view>(view: &'view View, layer: &Layer) -> &'view Level {
    &view.lineage.levels()[layer.level]
}

/// Reads the visible state of single entities of one part.
pub(crate) struct PointReader<'connection, 'rows, R> {
    rows: &'rows R,
    find: CachedStatement<'connection>,
}

impl<'connection, 'rows, R: Rows> PointReader<'connection, 'rows, R> {
    pub(crate) fn new(connection: &'connection Connection, rows: &'rows R) -> Attempt<Self> {
        let find = connection.prepare_cached(R::POINT)?;
        Ok(Self { rows, find })
    }

    pub(crate) fn read(
        &mut self,
        view: &View,
        layers: &[Layer],
        part: &Part,
        id: &str,
    ) -> Attempt<Option<R::Item>> {
        for layer in layers {
            let mut found = self.find.query(params![layer.scope, id, layer.until])?;
            if let Some(row) = found.next()? {
                let item = self.rows.read(row, level_of(view, layer), part.entity(id)?);
                return item.map(Some);
            }
        }
        Ok(None)
    }
}

/// What entities show in a view, in the order asked.
pub(crate) fn get<R: Rows>(
    connection: &Connection,
    rows: &R,
    view: &View,
    entities: &[Entity],
) -> Attempt<Vec<Option<R::Item>>> {
    let mut known: HashMap<Part, Vec<Layer>> = HashMap::new();
    let mut reader = PointReader::new(connection, rows)?;
    let mut answers = Vec::with_capacity(entities.len());
    for entity in entities {
        let (part, id) = Part::of(entity);
        if !known.contains_key(&part) {
            known.insert(part.clone(), layers_of(connection, rows, view, &part)?);
        }
        answers.push(reader.read(view, &known[&part], &part, id)?);
    }
    Ok(answers)
}
