//! Where a filtered scan can start from less than the whole class.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde_json::Value;
use spice_core::{
    ontology::PropertyType,
    query::{Filter, INSTANCE_ID, Operator},
};

use super::{
    index::{Look, find_slot},
    read::Scan,
};
use crate::sqlite::{columns::text, failure::Attempt, layers::Layer};

/// More candidates than this, and walking through the class is no slower.
const ENOUGH: usize = 5_000;

/// The first and the last look of values that a filter can accept.
type Range = (Look, Look);

/// Candidates and what could not be asked.
#[derive(Default)]
pub(super) struct Found {
    /// Ids that may pass, in order; none when the class has to be walked.
    pub(super) ids: Option<BTreeSet<String>>,
    /// Indexes that would have helped: scope and property.
    pub(super) missing: Vec<(i64, String)>,
}

/// The ids that can pass the filters, as far as an id or an index tells.
pub(super) fn find(connection: &Connection, scan: &Scan, layers: &[Layer]) -> Attempt<Found> {
    let mut found = Found::default();
    for filter in &scan.filters {
        let Some(values) = accepted(filter) else {
            continue;
        };
        if filter.property.as_str() == INSTANCE_ID {
            found.ids = Some(values.into_iter().filter_map(single_text).collect());
            return Ok(found);
        }
    }
    for filter in &scan.filters {
        let Some(ranges) = ranges(filter) else {
            continue;
        };
        let Some(slots) = slots(connection, filter, scan, layers, &mut found.missing)? else {
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

/// The values that an equality accepts.
fn accepted(filter: &Filter) -> Option<Vec<&Value>> {
    match &filter.operator {
        Operator::Eq(value) => Some(vec![value]),
        Operator::In(values) => Some(values.iter().collect()),
        _ => None,
    }
}

fn single_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The ranges of looks outside of which nothing passes; none when looks do not tell.
fn ranges(filter: &Filter) -> Option<Vec<Range>> {
    let by_other_rules = matches!(
        filter.property_type,
        PropertyType::Date
            | PropertyType::DateTime
            | PropertyType::Uuid
            | PropertyType::Ip
            | PropertyType::Money
    );
    if by_other_rules || filter.property.as_str() == INSTANCE_ID {
        return None;
    }
    let look = |value: &Value| Look::of(&value.to_string());
    match &filter.operator {
        Operator::Gt(value) | Operator::Gte(value) => {
            let least = look(value)?;
            let greatest = least.greatest_of_kind();
            Some(vec![(least, greatest)])
        }
        Operator::Lt(value) | Operator::Lte(value) => {
            let greatest = look(value)?;
            Some(vec![(greatest.least_of_kind(), greatest)])
        }
        Operator::Eq(_) | Operator::In(_) => accepted(filter)?
            .into_iter()
            .map(|value| look(value).map(|look| (look.clone(), look)))
            .collect(),
        Operator::Like(_) | Operator::Exists(_) => None,
    }
}

/// The index over the property in each layer; none while one is missing. It is asked for when
/// there is a layer that is large enough to be worth it.
fn slots(
    connection: &Connection,
    filter: &Filter,
    scan: &Scan,
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
        if has_rows(connection, layer.scope, scan.index_from)? {
            wanted.append(&mut missing);
        }
    }
    Ok(None)
}

fn has_rows(connection: &Connection, scope: i64, count: usize) -> Attempt<bool> {
    let skipped = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
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
