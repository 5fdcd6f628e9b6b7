//! Writes instances as CSV that an import reads back exactly. A cell shows its value as people and
//! programs expect it. If an import would read the cell differently, the column `_exact` has the
//! value as JSON. The columns `_id` and `_exact` exist only if an instance needs them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Write},
};

use anyhow::Context;
use indexmap::IndexMap;
use serde::Deserialize;
use spice_core::{
    id::CommandId,
    json::{Json, Properties},
    name::PropertyName,
    ontology::{Class, Schema},
};
use uuid::Uuid;

use spice_import::{Kind, Reserved, kinds, read_cell, show};

/// The part of a line that the table needs.
#[derive(Deserialize)]
struct Row {
    instance_id: String,
    data: Properties,
}

/// A class as columns: its properties and relationships, then other keys that occur.
pub(super) struct Table<'a> {
    class: &'a Class,
    columns: IndexMap<PropertyName, Kind>,
    has_ids: bool,
    /// The number of instances with values that their cells cannot represent.
    rows_with_exact: u64,
    nothing: Json,
}

impl<'a> Table<'a> {
    /// Finds the columns that these instances need. There is one instance per line.
    pub(super) fn survey(
        schema: &Schema,
        class: &'a Class,
        lines: impl BufRead,
    ) -> anyhow::Result<Self> {
        let mut table = Self {
            class,
            columns: kinds(schema, class),
            has_ids: class.primary_key().next().is_none(),
            rows_with_exact: 0,
            nothing: Json::null(),
        };
        let mut others: BTreeSet<PropertyName> = BTreeSet::new();
        for line in lines.lines() {
            let row = read(&line?)?;
            for name in row.data.keys() {
                if !table.columns.contains_key(name) {
                    others.insert(name.clone());
                }
            }
            table.has_ids = table.has_ids || !table.determines_id(&row);
            table.rows_with_exact += u64::from(!table.find_exact(&row).is_empty());
        }
        let others = others.into_iter().map(|name| (name, Kind::Text));
        table.columns.extend(others);
        Ok(table)
    }

    /// Writes the header, and a record for each line.
    pub(super) fn write(&self, lines: impl BufRead, out: impl Write) -> anyhow::Result<()> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::Any(b'\n'))
            .from_writer(out);
        writer.write_record(self.head())?;
        for line in lines.lines() {
            writer.write_record(self.record(&read(&line?)?)?)?;
        }
        writer.flush()?;
        Ok(())
    }

    /// The number of instances with values in the column `_exact`.
    pub(super) fn count_exact_rows(&self) -> u64 {
        self.rows_with_exact
    }

    fn head(&self) -> Vec<String> {
        let own = |column: Reserved| column.name(self.class);
        let ids = self.has_ids.then(|| own(Reserved::Id));
        let exact = (self.rows_with_exact > 0).then(|| own(Reserved::Exact));
        let names = self.columns.keys().map(ToString::to_string);
        ids.into_iter().chain(names).chain(exact).collect()
    }

    fn record(&self, row: &Row) -> anyhow::Result<Vec<String>> {
        let mut cells = Vec::with_capacity(self.columns.len() + 2);
        if self.has_ids {
            cells.push(row.instance_id.clone());
        }
        for (name, kind) in &self.columns {
            let value = row.data.get(name);
            cells.push(value.map_or_else(String::new, |value| cell(kind, value)));
        }
        if self.rows_with_exact > 0 {
            let exact = self.find_exact(row);
            let text = (!exact.is_empty()).then(|| serde_json::to_string(&exact));
            cells.push(text.transpose()?.unwrap_or_default());
        }
        Ok(cells)
    }

    /// The values that an import would read differently from their cells.
    fn find_exact<'r>(&'r self, row: &'r Row) -> BTreeMap<&'r PropertyName, &'r Json> {
        let is_lost = |(name, value): &(&PropertyName, &Json)| {
            // A key that the class does not declare is read as text.
            let kind = self.columns.get(*name).unwrap_or(&Kind::Text);
            let read = read_cell(kind, &cell(kind, value));
            !read.is_some_and(|read| is_same(&read, value))
        };
        // An import would add the default.
        let missing = self.class.defaults().map(|(name, _)| name);
        let missing = missing.filter(|name| !row.data.contains_key(*name));
        let missing = missing.map(|name| (name, &self.nothing));
        row.data.iter().filter(is_lost).chain(missing).collect()
    }

    /// Whether the class determines the id from these values.
    fn determines_id(&self, row: &Row) -> bool {
        let data = row.data.iter();
        let data = data.map(|(name, value)| (name.to_string(), value.clone()));
        let made = self
            .class
            .identify(&data.collect(), CommandId(Uuid::nil()), 0);
        made.is_some_and(|made| made.as_str() == row.instance_id)
    }
}

fn read(line: &str) -> anyhow::Result<Row> {
    serde_json::from_str(line).context("cannot read an instance")
}

/// The text of a cell: a text as it is, anything else as JSON. A value of type json is always JSON,
/// so `"5"` differs from 5.
fn cell(kind: &Kind, value: &Json) -> String {
    match kind {
        Kind::Json => value.as_str().to_owned(),
        _ => show(value),
    }
}

/// Whether two values are equal, however their texts are escaped.
fn is_same(one: &Json, other: &Json) -> bool {
    one == other || (one.as_string().is_some() && one.as_string() == other.as_string())
}
