//! Updates indexes while documents are written.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{CachedStatement, Connection, params};

use super::{Entry, INSERT, Slot, comparison};
use crate::{failure::Attempt, properties::member};

/// Updates the entries of documents while these are written. The changes of a batch are collected
/// and written at its end in the order of the index: each of its pages once.
pub(in crate::documents) struct Keeper<'connection> {
    connection: &'connection Connection,
    data: CachedStatement<'connection>,
    slots: HashMap<i64, Vec<Slot>>,
    /// Each entry with its document's id and row, and whether it is added or removed.
    changes: BTreeMap<(Entry, String, i64), bool>,
}

impl<'connection> Keeper<'connection> {
    pub(in crate::documents) fn new(connection: &'connection Connection) -> Attempt<Self> {
        Ok(Self {
            connection,
            data: connection.prepare_cached("SELECT data FROM documents WHERE row = ?1")?,
            slots: HashMap::new(),
            changes: BTreeMap::new(),
        })
    }

    /// Returns the content of a live document if indexes need it before it is replaced.
    pub(in crate::documents) fn read_before(
        &mut self,
        scope: i64,
        row: i64,
    ) -> Attempt<Option<String>> {
        self.load_slots(scope)?;
        if self.slots[&scope].is_empty() {
            return Ok(None);
        }
        Ok(self.data.query_row([row], |row| row.get(0))?)
    }

    /// Replaces the entries of a document by those of its new state.
    pub(in crate::documents) fn replace(
        &mut self,
        (scope, id, row): (i64, &str, i64),
        before: Option<&str>,
        after: Option<&str>,
    ) -> Attempt<()> {
        self.load_slots(scope)?;
        for slot in &self.slots[&scope] {
            let old = before.and_then(|data| member(data, &slot.property));
            let new = after.and_then(|data| member(data, &slot.property));
            if old == new {
                continue;
            }
            for (value, comes) in [(old, false), (new, true)] {
                for entry in slot.entries(value)? {
                    self.changes.insert((entry, id.to_owned(), row), comes);
                }
            }
        }
        Ok(())
    }

    /// Writes the changes of the batch.
    pub(in crate::documents) fn save(&mut self) -> Attempt<()> {
        let mut insert = self.connection.prepare_cached(INSERT)?;
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM sorted_values WHERE slot = ?1 AND value = ?2 AND id = ?3 AND row = ?4",
        )?;
        for (((slot, key), id, row), comes) in std::mem::take(&mut self.changes) {
            let write = if comes { &mut insert } else { &mut delete };
            write.execute(params![slot, key.as_bytes(), id, row])?;
        }
        Ok(())
    }

    fn load_slots(&mut self, scope: i64) -> Attempt<()> {
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
