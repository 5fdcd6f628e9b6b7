//! Sorted values: exact indexes over properties of what a scope holds. An entry is a live
//! document's value as its sort key, with the document's id and row; the elements of a list stand
//! apart, under the slot's negative number. Each write of a document keeps its entries right, also
//! while an index is being made.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use spice_core::{json::Json, ontology::PropertyType, query::SortKey};

use crate::sqlite::{
    columns::text,
    failure::{Attempt, Failure},
    properties::member,
};

/// The tables of indexes, and of the values in them. `built` is the last id that an index being
/// made has reached.
pub(super) const TABLES: &str = "
CREATE TABLE sorted_properties (
    id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, property TEXT NOT NULL,
    comparison INTEGER NOT NULL, built TEXT NOT NULL DEFAULT '', ready INTEGER NOT NULL DEFAULT 0,
    UNIQUE (scope, property, comparison)) STRICT;
CREATE TABLE sorted_values (
    slot INTEGER NOT NULL, value BLOB NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (slot, value, id)) STRICT, WITHOUT ROWID;
";

/// Indexes that a scope can have: each costs every later write.
const SLOTS: i64 = 32;
/// Documents that one step of making an index reads; writes of others come in between.
const STEP: i64 = 10_000;

/// Which index: over a property of a scope, by the comparison that a type stands for.
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

/// The types that stand for a comparison of their own, by number.
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

/// An index that is complete.
pub(super) fn find_slot(connection: &Connection, wanted: &Wanted) -> Attempt<Option<i64>> {
    Ok(connection
        .prepare_cached(
            "SELECT id FROM sorted_properties
             WHERE scope = ?1 AND property = ?2 AND comparison = ?3 AND ready = 1",
        )?
        .query_row(
            params![wanted.scope, wanted.property, wanted.comparison],
            |row| row.get(0),
        )
        .optional()?)
}

/// What a step of making an index came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Built {
    /// There is more to do.
    Partly,
    /// The index is complete.
    Wholly,
    /// The scope has as many indexes as it can have, or is gone.
    Refused,
}

/// Makes a step of an index over what a scope holds.
pub(super) fn build_step(connection: &Connection, wanted: &Wanted) -> Attempt<Built> {
    build_step_of(connection, wanted, STEP)
}

fn build_step_of(connection: &Connection, wanted: &Wanted, step: i64) -> Attempt<Built> {
    connection
        .prepare_cached(
            "INSERT INTO sorted_properties (scope, property, comparison)
             SELECT id, ?2, ?3 FROM scopes WHERE id = ?1 AND ?4 >
                 (SELECT count(*) FROM sorted_properties WHERE scope = ?1)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            wanted.scope,
            wanted.property,
            wanted.comparison,
            SLOTS
        ])?;
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
        None => return Ok(Built::Refused),
        Some((_, _, true)) => return Ok(Built::Wholly),
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
        None => Built::Wholly,
    })
}

/// Adds the entries of the next documents; the last of their ids, none when there are no more.
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
         ORDER BY id LIMIT ?3",
    )?;
    let mut rows = all.query(params![scope, built, step])?;
    while let Some(row) = rows.next()? {
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
    Ok((seen == step).then_some(last))
}

const INSERT: &str =
    "INSERT OR REPLACE INTO sorted_values (slot, value, id, row) VALUES (?1, ?2, ?3, ?4)";

/// Under which number, and what.
type Entry = (i64, SortKey);

/// An index, made or being made.
struct Slot {
    number: i64,
    property: String,
    comparison: PropertyType,
}

impl Slot {
    /// The entries of a value; none where it is absent or null.
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

/// Keeps the entries of documents right while these are written. What a batch changes is kept
/// until its end and then written in the order of the index: each of its pages once.
pub(super) struct Keeper<'connection> {
    connection: &'connection Connection,
    data: CachedStatement<'connection>,
    slots: HashMap<i64, Vec<Slot>>,
    /// The row of each entry that comes; none for one that goes.
    changes: BTreeMap<(Entry, String), Option<i64>>,
}

impl<'connection> Keeper<'connection> {
    pub(super) fn new(connection: &'connection Connection) -> Attempt<Self> {
        Ok(Self {
            connection,
            data: connection.prepare_cached("SELECT data FROM documents WHERE row = ?1")?,
            slots: HashMap::new(),
            changes: BTreeMap::new(),
        })
    }

    /// What a live document holds, where indexes need to know it before it is replaced.
    pub(super) fn before(&mut self, scope: i64, row: i64) -> Attempt<Option<String>> {
        self.learn(scope)?;
        if self.slots[&scope].is_empty() {
            return Ok(None);
        }
        Ok(self.data.query_row([row], |row| row.get(0))?)
    }

    /// Replaces the entries of a document by those of its new state.
    pub(super) fn replace(
        &mut self,
        (scope, id, row): (i64, &str, i64),
        before: Option<&str>,
        after: Option<&str>,
    ) -> Attempt<()> {
        self.learn(scope)?;
        for slot in &self.slots[&scope] {
            let old = before.and_then(|data| member(data, &slot.property));
            let new = after.and_then(|data| member(data, &slot.property));
            if old == new {
                continue;
            }
            for entry in slot.entries(old)? {
                self.changes.insert((entry, id.to_owned()), None);
            }
            for entry in slot.entries(new)? {
                self.changes.insert((entry, id.to_owned()), Some(row));
            }
        }
        Ok(())
    }

    /// Writes what the batch changes.
    pub(super) fn save(&mut self) -> Attempt<()> {
        let mut insert = self.connection.prepare_cached(INSERT)?;
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM sorted_values WHERE slot = ?1 AND value = ?2 AND id = ?3",
        )?;
        for (((slot, key), id), row) in std::mem::take(&mut self.changes) {
            match row {
                Some(row) => insert.execute(params![slot, key.as_bytes(), id, row])?,
                None => delete.execute(params![slot, key.as_bytes(), id])?,
            };
        }
        Ok(())
    }

    fn learn(&mut self, scope: i64) -> Attempt<()> {
        if self.slots.contains_key(&scope) {
            return Ok(());
        }
        let mut find = self.connection.prepare_cached(
            "SELECT id, property, comparison FROM sorted_properties WHERE scope = ?1",
        )?;
        let slots = find.query_map([scope], |row| {
            Ok(Slot {
                number: row.get(0)?,
                property: row.get(1)?,
                comparison: comparison(row.get(2)?),
            })
        })?;
        let slots = slots.collect::<Result<_, _>>()?;
        self.slots.insert(scope, slots);
        Ok(())
    }
}

/// Forgets the indexes over what a log holds.
pub(super) fn clear(connection: &Connection, stream: i64) -> Attempt<()> {
    let of_stream = "SELECT id FROM sorted_properties
         WHERE scope IN (SELECT id FROM scopes WHERE stream = ?1)";
    let statements = [
        format!("DELETE FROM sorted_values WHERE slot IN ({of_stream})"),
        format!("DELETE FROM sorted_values WHERE slot IN (SELECT -id FROM ({of_stream}))"),
        format!("DELETE FROM sorted_properties WHERE id IN ({of_stream})"),
    ];
    for statement in statements {
        connection.execute(&statement, [stream])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;
    use spice_core::ontology::PropertyType;

    use super::{Built, Keeper, STEP, TABLES, Wanted, build_step_of};
    use crate::sqlite::scopes;

    fn open() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for tables in [scopes::TABLES, super::super::rows::TABLES, TABLES] {
            connection.execute_batch(tables).unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO scopes (id, stream, branch, kind, class) VALUES (1, 1, 0, 1, 'A')",
            )
            .unwrap();
        connection
    }

    /// Writes one document as a batch of one.
    fn write(connection: &Connection, id: usize, data: Option<&str>) {
        let name = format!("i{id}");
        let row = i64::try_from(id).unwrap() + 1;
        let mut keeper = Keeper::new(connection).unwrap();
        let live = "SELECT live FROM documents WHERE row = ?1";
        let was_live = connection
            .query_row(live, [row], |row| row.get(0))
            .unwrap_or(false);
        let before = was_live.then(|| keeper.before(1, row).unwrap()).flatten();
        connection
            .execute(
                "INSERT OR REPLACE INTO documents (row, scope, id, position, live, sequence,
                     event_id, occurred_at, created_at, data)
                 VALUES (?1, 1, ?2, 0, ?3, 1, x'', 0, 0, ?4)",
                rusqlite::params![row, name, data.is_some(), data],
            )
            .unwrap();
        keeper
            .replace((1, &name, row), before.as_deref(), data)
            .unwrap();
        keeper.save().unwrap();
    }

    fn entries(connection: &Connection) -> Vec<(i64, Vec<u8>, String, i64)> {
        let mut all = connection
            .prepare("SELECT slot, value, id, row FROM sorted_values")
            .unwrap();
        let rows = all.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    const STATES: [Option<&str>; 6] = [
        None,
        Some("{}"),
        Some(r#"{"p":1}"#),
        Some(r#"{"p":"x","q":2}"#),
        Some(r#"{"p":[1,"x",1]}"#),
        Some(r#"{"p":null}"#),
    ];

    #[test]
    fn a_scope_has_only_so_many_indexes() {
        let connection = open();
        let build = |number| {
            let wanted = Wanted::new(1, &format!("p{number}"), PropertyType::Integer);
            build_step_of(&connection, &wanted, STEP).unwrap()
        };
        assert!((0..super::SLOTS).all(|number| build(number) == Built::Wholly));
        assert_eq!(build(super::SLOTS), Built::Refused);
        assert_eq!(build(0), Built::Wholly);
        let elsewhere = Wanted::new(2, "p", PropertyType::Integer);
        let gone = build_step_of(&connection, &elsewhere, STEP).unwrap();
        assert_eq!(gone, Built::Refused);
    }

    proptest! {
        /// However writes fall between the steps, the index is what one made at the end would be.
        #[test]
        fn an_index_made_between_writes_is_the_index_of_what_is_there(
            rounds in prop::collection::vec(
                prop::collection::vec((0..9_usize, 0..STATES.len()), 0..6), 1..8),
        ) {
            let wanted = Wanted::new(1, "p", PropertyType::Integer);
            let connection = open();
            for round in &rounds {
                for (id, state) in round {
                    write(&connection, *id, STATES[*state]);
                }
                build_step_of(&connection, &wanted, 2).unwrap();
            }
            while build_step_of(&connection, &wanted, 2).unwrap() == Built::Partly {}
            let between = entries(&connection);
            connection
                .execute_batch("DELETE FROM sorted_values; DELETE FROM sorted_properties")
                .unwrap();
            prop_assert_eq!(build_step_of(&connection, &wanted, STEP).unwrap(), Built::Wholly);
            prop_assert_eq!(between, entries(&connection));
        }
    }
}
