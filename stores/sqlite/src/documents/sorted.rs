//! Sorted values: exact indexes over properties of a scope's documents. An entry is a live
//! document's value as its sort key, with the document's id and row; the elements of a list are
//! stored apart, under the negative slot number. Each write of a document updates its entries, also
//! while an index is being built.

mod build;
mod keeper;

use rusqlite::{Connection, OptionalExtension, params};
use spice_core::{
    json::Json,
    value::{PropertyType, SortKey},
};

pub(super) use self::{
    build::{Built, build_step},
    keeper::Keeper,
};
use crate::failure::{Attempt, Failure};

/// The tables of indexes, and of the values in them. `built` is the last id that an index under
/// construction has reached.
pub(super) const TABLES: &str = "
CREATE TABLE sorted_properties (
    id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, property TEXT NOT NULL,
    comparison INTEGER NOT NULL, built TEXT NOT NULL DEFAULT '', ready INTEGER NOT NULL DEFAULT 0,
    UNIQUE (scope, property, comparison)) STRICT;
CREATE TABLE sorted_values (
    slot INTEGER NOT NULL, value BLOB NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (slot, value, id, row)) STRICT, WITHOUT ROWID;
";

/// The maximum number of indexes of a scope: each makes every later write more expensive.
const SLOTS: i64 = 32;

/// The identity of an index: a property of a scope, with the comparison of a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) scope: i64,
    pub(super) property: String,
    pub(super) comparison: i64,
}

impl Wanted {
    pub(super) fn new(scope: i64, property: &str, property_type: PropertyType) -> Self {
        Self {
            scope,
            property: property.to_owned(),
            comparison: number_of(property_type),
        }
    }
}

/// The types with a comparison of their own, by number.
const COMPARISONS: [PropertyType; 5] = [
    PropertyType::Json,
    PropertyType::DateTime,
    PropertyType::Uuid,
    PropertyType::Ip,
    PropertyType::Money,
];

fn number_of(property_type: PropertyType) -> i64 {
    let comparison = property_type.comparison();
    let place = COMPARISONS.iter().position(|one| *one == comparison);
    place.and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
}

fn comparison(number: i64) -> PropertyType {
    let known = usize::try_from(number)
        .ok()
        .and_then(|at| COMPARISONS.get(at));
    known.copied().unwrap_or(PropertyType::Json)
}

/// The state of a requested index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    /// It is complete, under this number.
    Complete(i64),
    /// It can be built, or is being built.
    Possible,
    /// The scope has the maximum number of indexes.
    Refused,
}

/// Finds an index.
pub(super) fn find_index(connection: &Connection, wanted: &Wanted) -> Attempt<Index> {
    let found = connection
        .prepare_cached(
            "SELECT id, ready FROM sorted_properties
             WHERE scope = ?1 AND property = ?2 AND comparison = ?3",
        )?
        .query_row(
            params![wanted.scope, wanted.property, wanted.comparison],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(match found {
        Some((slot, true)) => Index::Complete(slot),
        Some((_, false)) => Index::Possible,
        None if count_free(connection, wanted.scope)? > 0 => Index::Possible,
        None => Index::Refused,
    })
}

/// Returns how many more indexes a scope can have.
fn count_free(connection: &Connection, scope: i64) -> Attempt<i64> {
    let taken: i64 = connection
        .prepare_cached("SELECT count(*) FROM sorted_properties WHERE scope = ?1")?
        .query_row([scope], |row| row.get(0))?;
    Ok(SLOTS - taken)
}

const INSERT: &str =
    "INSERT OR IGNORE INTO sorted_values (slot, value, id, row) VALUES (?1, ?2, ?3, ?4)";

/// The slot number and the key.
type Entry = (i64, SortKey);

/// An index, complete or under construction.
struct Slot {
    number: i64,
    property: String,
    comparison: PropertyType,
}

impl Slot {
    /// Returns the entries of a value; none if it is absent or null.
    fn entries(&self, value: Option<&str>) -> Attempt<Vec<Entry>> {
        let Some(value) = value.filter(|value| *value != "null") else {
            return Ok(Vec::new());
        };
        let value = Json::parse(value).map_err(Failure::unreadable)?;
        let (own, elements) = SortKey::all(self.comparison, &value);
        let elements = elements.into_iter().map(|key| (-self.number, key));
        Ok(std::iter::once((self.number, own))
            .chain(elements)
            .collect())
    }
}

/// Removes at most ?2 rows of the indexes of the sink ?1: values, elements of lists, then the indexes.
pub(super) const CLEAR: [&str; 3] = [
    "DELETE FROM sorted_values WHERE (slot, value, id, row) IN (
         SELECT slot, value, id, row FROM sorted_values WHERE slot IN (
             SELECT id FROM sorted_properties
             WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1))
         LIMIT ?2)",
    "DELETE FROM sorted_values WHERE (slot, value, id, row) IN (
         SELECT slot, value, id, row FROM sorted_values WHERE slot IN (
             SELECT -id FROM sorted_properties
             WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1))
         LIMIT ?2)",
    "DELETE FROM sorted_properties WHERE id IN (
         SELECT id FROM sorted_properties
         WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1)
         LIMIT ?2)",
];

#[cfg(test)]
mod tests;
