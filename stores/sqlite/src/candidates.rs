//! Chooses candidates for a filtered scan, so that it need not read the whole class.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use spice_core::{
    query::{Filter, INSTANCE_ID},
    unicode::nfc,
};

use super::{
    columns::text,
    failure::Attempt,
    index::{Indexer, find_slot},
    layers::Layer,
    looks::{Range, accepted_values, ranges},
};

/// With more candidates than this, a walk through the class is no slower.
const ENOUGH: usize = 5_000;

/// Candidates, and the indexes that are missing.
#[derive(Default)]
pub(crate) struct Found {
    /// Ids that may pass, in order; none if the class has to be walked.
    pub(crate) ids: Option<BTreeSet<String>>,
    /// Indexes that would have helped: scope and property.
    pub(crate) missing: Vec<(i64, String)>,
}

/// Returns the ids that can pass the filters, as far as ids and indexes show.
pub(crate) fn find(
    connection: &Connection,
    indexer: &Indexer,
    filters: &[Filter],
    layers: &[Layer],
) -> Attempt<Found> {
    let mut found = Found::default();
    for filter in filters {
        let Some(values) = accepted_values(filter) else {
            continue;
        };
        if filter.property.as_str() == INSTANCE_ID {
            found.ids = Some(
                values
                    .into_iter()
                    .filter_map(|value| Some(nfc(&value.as_string()?).into_owned()))
                    .collect(),
            );
            return Ok(found);
        }
    }
    for filter in filters {
        let Some(ranges) = ranges(filter) else {
            continue;
        };
        let Some(slots) = slots(connection, filter, indexer, layers, &mut found.missing)? else {
            continue;
        };
        if let Some(ids) = collect(connection, &ranges, &slots)? {
            let fewer = found.ids.as_ref().is_none_or(|best| ids.len() < best.len());
            if fewer {
                found.ids = Some(ids);
            }
        }
    }
    Ok(found)
}

/// Returns the index over the property in each layer; none while one is missing. A missing index is
/// requested if a layer is large enough to be worth it.
fn slots(
    connection: &Connection,
    filter: &Filter,
    indexer: &Indexer,
    layers: &[Layer],
    wanted: &mut Vec<(i64, String)>,
) -> Attempt<Option<Vec<(i64, Layer)>>> {
    let property = filter.property.as_str();
    let mut slots = Vec::new();
    let mut missing = Vec::new();
    for layer in layers {
        match find_slot(connection, layer.scope, property)? {
            Some(slot) => slots.push((slot, *layer)),
            None => missing.push((layer.scope, property.to_owned())),
        }
    }
    if missing.is_empty() {
        return Ok(Some(slots));
    }
    for layer in layers {
        if !missing.is_empty() && has_rows(connection, layer.scope, indexer)? {
            wanted.append(&mut missing);
        }
    }
    Ok(None)
}

fn has_rows(connection: &Connection, scope: i64, indexer: &Indexer) -> Attempt<bool> {
    let skipped = i64::try_from(indexer.from.saturating_sub(1)).unwrap_or(i64::MAX);
    Ok(connection
        .prepare_cached("SELECT 1 FROM versions WHERE scope = ?1 LIMIT 1 OFFSET ?2")?
        .exists([scope, skipped])?)
}

fn collect(
    connection: &Connection,
    ranges: &[Range],
    slots: &[(i64, Layer)],
) -> Attempt<Option<BTreeSet<String>>> {
    let mut find = connection.prepare_cached(
        "SELECT id FROM property_values
         WHERE slot = ?1 AND value >= ?2 AND value <= ?3 AND position <= ?4",
    )?;
    let mut ids = BTreeSet::new();
    let mut seen = 0;
    for (slot, layer) in slots {
        for (least, greatest) in ranges {
            let mut rows = find.query(params![slot, least, greatest, layer.until])?;
            while let Some(row) = rows.next()? {
                seen += 1;
                if seen > ENOUGH {
                    return Ok(None);
                }
                ids.insert(text(row, 0)?.to_owned());
            }
        }
    }
    Ok(Some(ids))
}
