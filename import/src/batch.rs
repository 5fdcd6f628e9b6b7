//! Batches of rows: one class each, limited in rows and bytes, with no id twice.

use std::{collections::HashMap, ops::Range};

use bytes::Bytes;
use spice_core::name::{ClassName, InstanceId};

use crate::{
    error::{Error, Result},
    instance::Instance,
    occurrences::hash,
    reader::{Place, Record},
    reason::Reason,
    rows::{Rows, Taken},
    text::write_string,
    waiting::WaitingRow,
};

/// The approximate maximum size of a batch in bytes; the api accepts 16 MiB.
const BYTES: usize = 4 * 1024 * 1024;

/// A row of a batch.
#[derive(Debug)]
pub struct Row {
    /// The row as it is in the file.
    pub raw: Record,
    /// What happens to it.
    pub fate: Fate,
    /// The range of its values in the batch.
    span: Range<usize>,
    /// Its id, if the api does not derive it; for a rejected row, the id that it would have.
    id: Option<InstanceId>,
}

/// What happens to a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sent; contains a hash of its class and key.
    Sent(u64),
    /// It equals an earlier row of the batch, by index, which is sent.
    SameAs(usize),
    /// It is not sent.
    Rejected(Vec<Reason>),
}

/// Rows that are sent together.
#[derive(Debug)]
pub struct Batch {
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
    /// The class of the rows that are sent.
    pub(crate) class: Option<ClassName>,
    /// The values of the rows that are sent, as JSON separated by commas.
    instances: Vec<u8>,
    pub(crate) begin: Place,
    pub(crate) end: Place,
    /// Whether the api adds no defaults.
    pub(crate) is_whole: bool,
    /// Blank rows that were skipped before and between the rows.
    pub(crate) blanks: u64,
    /// Rows without a key that equal an earlier row of the file.
    pub(crate) equal: u64,
    /// Blank cells after the last column, in rows that are sent.
    pub(crate) surplus: u64,
    /// Blank items that are left out of lists, in rows that are sent, and the line of the first.
    pub(crate) blank_items: u64,
    pub(crate) blank_item_line: Option<u64>,
}

/// A file as batches.
pub struct Batches<R: Rows> {
    rows: R,
    most: usize,
    ends_at_reject: bool,
    /// The first row of the next batch.
    held: Option<Taken>,
    /// The start of the next batch. At the start it may be after the place of the rows.
    place: Place,
    failed: Option<Error>,
    is_over: bool,
}

impl Batch {
    fn new(begin: Place, is_whole: bool) -> Self {
        Self {
            is_whole,
            rows: Vec::new(),
            class: None,
            instances: Vec::new(),
            begin,
            end: begin,
            blanks: 0,
            equal: 0,
            surplus: 0,
            blank_items: 0,
            blank_item_line: None,
        }
    }

    /// The class and the body of the request; none if no row is sent.
    pub fn body(&self) -> Option<(&ClassName, Bytes)> {
        let class = self.class.as_ref()?;
        let mut body = Vec::with_capacity(self.instances.len() + 64 * self.rows.len());
        body.extend_from_slice(br#"{"instances":["#);
        body.extend_from_slice(&self.instances);
        body.extend_from_slice(br#"],"ids":["#);
        let start = body.len();
        for (_, row) in self.rows_to_send() {
            let Some(id) = &row.id else {
                continue;
            };
            if body.len() > start {
                body.push(b',');
            }
            write_string(id.as_str(), &mut body);
        }
        body.push(b']');
        if self.is_whole {
            body.extend_from_slice(br#","without_defaults":true"#);
        }
        body.push(b'}');
        Some((class, body.into()))
    }

    /// The rows that are sent, with their index.
    pub(crate) fn rows_to_send(&self) -> impl Iterator<Item = (usize, &Row)> {
        let is_sent = |(_, row): &(usize, &Row)| matches!(row.fate, Fate::Sent(_));
        self.rows.iter().enumerate().filter(is_sent)
    }

    /// The values of a row that is sent, as JSON.
    pub(crate) fn data(&self, row: usize) -> &[u8] {
        let row = self.rows.get(row);
        row.map_or(&[], |row| &self.instances[row.span.clone()])
    }

    /// The id of a row, if the api does not derive it; for a rejected row, the id that it would
    /// have.
    pub(crate) fn id(&self, row: usize) -> Option<&InstanceId> {
        self.rows.get(row)?.id.as_ref()
    }

    /// A batch of rows of one class that were refused before, the places of its rows in the
    /// rejects, and the rows for the next batch, whose id is in this one with other values.
    pub(crate) fn from_waiting(
        begin: Place,
        rows: Vec<WaitingRow>,
    ) -> (Self, Vec<u64>, Vec<WaitingRow>) {
        let mut batch = Self::new(begin, rows.first().is_some_and(|row| row.is_whole));
        let mut sent: HashMap<u64, usize> = HashMap::new();
        let (mut places, mut later) = (Vec::new(), Vec::new());
        for row in rows {
            let first = *sent.entry(row.mark).or_insert(batch.rows.len());
            if first == batch.rows.len() {
                batch.class.get_or_insert(row.class);
                batch.push(row.raw, Fate::Sent(row.mark), Some((&row.data, row.id)));
            } else if *batch.data(first) == *row.data {
                batch.push(row.raw, Fate::SameAs(first), None);
            } else {
                later.push(row);
                continue;
            }
            places.push(row.place);
        }
        (batch, places, later)
    }

    /// A row that was refused and may be accepted later; `place` is its place in the rejects.
    pub(crate) fn waiting_row(
        &self,
        index: usize,
        reasons: Vec<Reason>,
        place: u64,
    ) -> Option<WaitingRow> {
        let row = self.rows.get(index)?;
        let first = match row.fate {
            Fate::SameAs(first) => first,
            _ => index,
        };
        let Fate::Sent(mark) = self.rows.get(first)?.fate else {
            return None;
        };
        Some(WaitingRow {
            raw: row.raw.clone(),
            class: self.class.clone()?,
            data: self.data(first).to_vec(),
            id: self.id(first).cloned(),
            mark,
            is_whole: self.is_whole,
            reasons,
            place,
        })
    }

    /// Adds a row; `known` is an earlier row of the batch with the same id and the same values.
    fn add(&mut self, next: Taken, known: Option<usize>, keys: &mut HashMap<String, usize>) {
        self.blanks += next.raw.blanks;
        self.equal += u64::from(next.is_equal);
        if next.blank_items > 0 {
            self.blank_items += next.blank_items;
            self.blank_item_line.get_or_insert(next.raw.line);
        }
        match (next.instance, known) {
            (Err(reasons), _) => {
                self.push(next.raw, Fate::Rejected(reasons), None);
                if let Some(row) = self.rows.last_mut() {
                    row.id = next.rejected_id;
                }
                return;
            }
            (Ok(_), Some(first)) => self.push(next.raw, Fate::SameAs(first), None),
            (Ok(instance), None) => {
                let fate = Fate::Sent(hash(&(instance.class.as_str(), &instance.key)));
                keys.insert(instance.key, self.rows.len());
                self.push(next.raw, fate, Some((&instance.data, instance.id)));
                self.class.get_or_insert(instance.class);
            }
        }
        self.surplus += next.surplus;
    }

    fn push(&mut self, raw: Record, fate: Fate, values: Option<(&[u8], Option<InstanceId>)>) {
        let (mut span, mut own) = (0..0, None);
        if let Some((data, id)) = values {
            if !self.instances.is_empty() {
                self.instances.push(b',');
            }
            let start = self.instances.len();
            self.instances.extend_from_slice(data);
            (span, own) = (start..self.instances.len(), id);
        }
        self.rows.push(Row {
            raw,
            fate,
            span,
            id: own,
        });
    }

    fn is_full(&self, most: usize) -> bool {
        self.rows.len() >= most || self.instances.len() >= BYTES
    }

    /// Whether a row needs another batch than the previous rows, because it has another class, or
    /// the id of `known` with other values. The result of that row is known only after its batch is
    /// answered.
    fn excludes(&self, instance: &Instance, known: Option<usize>) -> bool {
        self.class.as_ref().is_some_and(|it| *it != instance.class)
            || known.is_some_and(|first| *self.data(first) != *instance.data)
    }
}

impl<R: Rows> Batches<R> {
    /// Batches of `most` rows; with `ends_at_reject` a rejected row is the last.
    pub fn new(rows: R, most: usize, ends_at_reject: bool) -> Self {
        Self {
            place: rows.place(),
            rows,
            most,
            ends_at_reject,
            held: None,
            failed: None,
            is_over: false,
        }
    }

    /// Starts after a row, by reading the rows before it.
    pub(crate) fn with_start(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    fn catch_up(&mut self) -> Result<()> {
        while self.rows.place().offset < self.place.offset {
            if self.rows.next()?.is_none() {
                // Blank rows at the end are already counted.
                self.is_over = true;
                break;
            }
        }
        Ok(())
    }

    fn gather(&mut self) -> Batch {
        let mut batch = Batch::new(self.place, self.rows.is_whole());
        let mut keys: HashMap<String, usize> = HashMap::new();
        while !batch.is_full(self.most) && !self.is_over {
            let held = self.held.take().map(|held| Ok(Some(held)));
            let next = match held.unwrap_or_else(|| self.rows.next()) {
                Ok(Some(next)) => next,
                Ok(None) => {
                    self.is_over = true;
                    batch.blanks += self.rows.blanks();
                    batch.end = self.rows.place();
                    break;
                }
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            let instance = next.instance.as_ref().ok();
            let known = instance.and_then(|it| keys.get(&it.key)).copied();
            if instance.is_some_and(|it| batch.excludes(it, known)) {
                self.held = Some(next);
                break;
            }
            self.is_over = instance.is_none() && self.ends_at_reject;
            batch.add(next, known, &mut keys);
            batch.end = self.rows.place();
        }
        self.place = batch.end;
        batch
    }
}

impl<R: Rows> Iterator for Batches<R> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.catch_up() {
            self.failed = Some(error);
        }
        if self.failed.is_none() && !self.is_over {
            let batch = self.gather();
            if !batch.rows.is_empty() || batch.blanks > 0 {
                return Some(Ok(batch));
            }
        }
        self.is_over |= self.failed.is_some();
        self.failed.take().map(Err)
    }
}
