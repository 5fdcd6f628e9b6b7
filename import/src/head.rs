//! The header of a table: the names of its columns, and the columns of the mapping, by name, or by
//! number if a name is missing or occurs twice.

use std::collections::HashMap;

use spice_core::{ontology::Class, unicode::nfc};

use crate::{
    column::Reserved,
    encoding::suggest,
    error::{Result, refuse_input},
    options::Mapping,
    reader::Record,
    text::{UNDECODED, reveal, show, trim},
};

/// The names of a header, in order; blank where there is none.
pub(crate) struct Names {
    each: Vec<String>,
    /// The columns whose names are not text in the encoding of the file, and what to do about each.
    unreadable: Vec<(usize, String)>,
    /// The names of the columns that an import adds.
    notes: [String; 2],
    line: u64,
}

/// The mapping of each column: the name of a property, or empty to leave it out.
pub(crate) struct Orders(Vec<Option<String>>);

impl Names {
    pub(crate) fn read(class: &Class, head: &Record) -> Self {
        let names = head.fields().map(|field| trim(&show(field)).to_owned());
        let fields = head.fields().enumerate();
        let unreadable = fields.filter(|(_, field)| std::str::from_utf8(field).is_err());
        let unreadable = unreadable.map(|(index, field)| (index, describe_unreadable(field)));
        Self {
            each: names.collect(),
            unreadable: unreadable.collect(),
            notes: [Reserved::Line, Reserved::Reason].map(|it| it.name(class)),
            line: head.line,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &String> {
        self.each.iter()
    }

    /// The columns that an import has added after the others, as in the rejects.
    pub(crate) fn has_notes(&self) -> bool {
        self.each.ends_with(&self.notes)
    }

    /// The column for a text: its name, or its number as `3` or `#3`. A text that is the name of
    /// one column and the number of another is refused.
    pub(crate) fn find(&self, text: &str) -> Result<usize, String> {
        let wanted = nfc(trim(text));
        let mut named = (0..self.each.len()).filter(|index| {
            let name = &self.each[*index];
            !name.is_empty() && nfc(name) == wanted
        });
        let number = wanted.strip_prefix('#').unwrap_or(&wanted);
        let number = number.parse::<usize>().ok();
        let numbered = number
            .and_then(|it| it.checked_sub(1))
            .filter(|it| *it < self.each.len());
        match (named.next(), named.next(), numbered) {
            (Some(one), None, None) => Ok(one),
            (Some(one), None, Some(index)) if one == index => Ok(one),
            (Some(one), None, Some(index)) => Err(format!(
                "column {} is called {}; write {} for it, or {} for the column with that number",
                one + 1,
                reveal(&wanted),
                self.number(one),
                self.number(index)
            )),
            (Some(one), Some(other), _) => Err(format!(
                "columns {} and {} are both called {wanted:?}; write the number of the column",
                one + 1,
                other + 1
            )),
            (None, _, Some(index)) => Ok(index),
            (None, _, None) => Err(self.describe_missing(&wanted)),
        }
    }

    /// The number of a column, in a form that is not the name of another column.
    fn number(&self, index: usize) -> String {
        let plain = (index + 1).to_string();
        let marked = format!("#{plain}");
        let is_name = self.each.iter().any(|name| nfc(name) == marked);
        if is_name { plain } else { marked }
    }

    fn describe_missing(&self, wanted: &str) -> String {
        let names: Vec<String> = self
            .each
            .iter()
            .enumerate()
            .map(|(index, name)| match name.as_str() {
                "" => format!("column {}, which has no name", index + 1),
                name => reveal(name).into_owned(),
            })
            .collect();
        let line = self.line;
        let names = names.join(", ");
        format!("line {line} has no column {wanted:?}; the columns are {names}")
    }

    /// Refuses a column whose name is not text, unless the mapping addresses it by number.
    fn refuse_unreadable(&self, orders: &Orders) -> Result<()> {
        let unknown = self
            .unreadable
            .iter()
            .find(|(index, _)| orders.of(*index).is_none());
        let Some((index, why)) = unknown else {
            return Ok(());
        };
        let (line, number, name) = (self.line, index + 1, &self.each[*index]);
        Err(refuse_input(format!(
            "line {line}: the name of column {number}, {name:?}, {why}; or leave the column out with --skip-column {number}, or map it with --map {number}=PROPERTY"
        )))
    }

    /// Refuses two columns of one name, unless the mapping selects them by number.
    fn refuse_repeated(&self, orders: &Orders) -> Result<()> {
        let notes = if self.has_notes() { 2 } else { 0 };
        let mut known: HashMap<String, usize> = HashMap::new();
        for (index, name) in self.each.iter().enumerate().take(self.each.len() - notes) {
            if name.is_empty() || orders.0[index].is_some() {
                continue;
            }
            if let Some(first) = known.insert(nfc(name).into_owned(), index) {
                let (line, first, second) = (self.line, first + 1, index + 1);
                return Err(refuse_input(format!(
                    "line {line}: columns {first} and {second} are both called {name:?}; leave one out by its number, for example --skip-column {second}, or map it, for example --map {second}=PROPERTY"
                )));
            }
        }
        Ok(())
    }
}

/// Why the name of a column is not text, and which encodings would read it.
fn describe_unreadable(name: &[u8]) -> String {
    let marks = [UNDECODED, b'\\', b'x'];
    if name.windows(3).any(|it| it == marks) {
        return "is not in the encoding of --encoding".to_owned();
    }
    format!("is not UTF-8; {}", suggest(name, 1))
}

impl Orders {
    pub(crate) fn read(mapping: &Mapping, names: &Names) -> Result<Self> {
        let mut orders = Self(vec![None; names.each.len()]);
        for entry in &mapping.map {
            let Some((column, wanted)) = entry.rsplit_once('=') else {
                return Err(refuse_input(format!(
                    "--map {entry}: write COLUMN=PROPERTY"
                )));
            };
            orders.set(names, column, trim(wanted), &format!("--map {entry}"))?;
        }
        for column in &mapping.skip {
            orders.set(names, column, "", &format!("--skip-column {column}"))?;
        }
        names.refuse_unreadable(&orders)?;
        names.refuse_repeated(&orders)?;
        Ok(orders)
    }

    fn set(&mut self, names: &Names, column: &str, wanted: &str, flag: &str) -> Result<()> {
        let index = names
            .find(column)
            .map_err(|why| refuse_input(format!("{flag}: {why}")))?;
        let order = &mut self.0[index];
        if order.is_some() {
            let number = index + 1;
            let message = format!("{flag}: column {number} is mapped already, or left out");
            return Err(refuse_input(message));
        }
        *order = Some(wanted.to_owned());
        Ok(())
    }

    pub(crate) fn of(&self, index: usize) -> Option<&str> {
        self.0.get(index)?.as_deref()
    }
}
