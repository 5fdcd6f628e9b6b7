//! A table: its rows as instances, and messages about them.

mod rejects;

use std::{io::Read, sync::Arc};

use serde_json::Value;
use spice_core::{
    name::{ClassName, InstanceId},
    ontology::Class,
};

use self::rejects::Layout;
use crate::{
    error::Result,
    identity::Identity,
    instance::Instance,
    occurrences::Occurrences,
    plan::Plan,
    reader::{Dialect, Place, Reader, Record},
    reason::Reason,
    rows::{Rows, Taken},
    shape::{Shape, read_message},
};

/// The maximum size of one row as JSON.
const ROW: usize = 8 * 1024 * 1024;

/// The rows of a table, read by its plan.
pub struct TableRows<R> {
    reader: Reader<R>,
    plan: Arc<Plan>,
    occurrences: Occurrences,
}

impl<R: Read> TableRows<R> {
    /// The rows after the place of a reader.
    pub fn new(reader: Reader<R>, plan: Arc<Plan>) -> Self {
        Self {
            reader,
            plan,
            occurrences: Occurrences::default(),
        }
    }

    /// The instance of a row, and whether an earlier row is equal.
    fn instance(&mut self, record: &Record) -> Result<(Result<Instance, Vec<Reason>>, bool)> {
        let mut instance = match self.plan.convert(record) {
            Ok(instance) if instance.data.len() > ROW => {
                let sentence = format!("the row is larger than {ROW} bytes");
                return Ok((Err(vec![Reason::of_row("limit", sentence)]), false));
            }
            Ok(instance) => instance,
            Err(reasons) => return Ok((Err(reasons), false)),
        };
        if !self.plan.is_by_content(record) {
            return Ok((Ok(instance), false));
        }
        let nth = self.occurrences.next(&instance.key);
        instance.number(nth)?;
        Ok((Ok(instance), nth > 1))
    }

    fn rejected_id(&mut self, record: &Record) -> Result<Option<InstanceId>> {
        let Some(id) = self.plan.derive_rejected(record) else {
            return Ok(None);
        };
        Ok(Some(match self.occurrences.next(&id) {
            1 => id.parse()?,
            nth => format!("{id}_{nth}").parse()?,
        }))
    }
}

impl<R: Read> Rows for TableRows<R> {
    fn next(&mut self) -> Result<Option<Taken>> {
        let Some(record) = self.reader.read()? else {
            return Ok(None);
        };
        let (instance, is_equal) = self.instance(&record)?;
        let (rejected_id, blank_items) = match &instance {
            Ok(_) => (None, self.plan.count_blank_items(&record)),
            Err(_) => (self.rejected_id(&record)?, 0),
        };
        let surplus = record.len().saturating_sub(self.plan.columns.len());
        Ok(Some(Taken {
            raw: record,
            instance,
            rejected_id,
            is_equal,
            surplus: surplus as u64,
            blank_items,
        }))
    }

    fn place(&self) -> Place {
        self.reader.place()
    }

    fn blanks(&self) -> u64 {
        self.reader.blanks()
    }

    fn is_whole(&self) -> bool {
        self.plan.exact.is_some()
    }
}

/// A table for an import.
pub(crate) struct Table {
    plan: Arc<Plan>,
    rejects: Layout,
}

impl Table {
    pub(crate) fn new(plan: Arc<Plan>, dialect: Dialect) -> Self {
        Self {
            rejects: Layout::new(&plan, dialect),
            plan,
        }
    }
}

impl Shape for Table {
    fn class(&self, _name: &ClassName) -> Option<&Class> {
        Some(&self.plan.class)
    }

    fn reason(&self, field: &Value) -> Reason {
        let text = |key: &str| field[key].as_str().unwrap_or_default();
        let path = text("field");
        let advice = match (&self.plan.identity, text("rule")) {
            (Identity::Given(column), "primary_key") => {
                let name = &self.plan.columns[*column].name;
                format!(
                    "; the id is from the column {name}: to leave it out, use --skip-column {name}"
                )
            }
            _ => String::new(),
        };
        Reason {
            column: (!path.is_empty()).then(|| self.plan.column_of(path).to_owned()),
            rule: text("rule").to_owned(),
            sentence: read_message(field) + &advice,
        }
    }

    fn rejects_head(&self) -> Vec<u8> {
        self.rejects.head()
    }

    fn render_reject(&self, raw: &Record, id: Option<&InstanceId>, reasons: &[Reason]) -> Vec<u8> {
        self.rejects.render(&self.plan, raw, id, reasons)
    }
}
