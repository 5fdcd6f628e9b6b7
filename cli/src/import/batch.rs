//! Rows gathered into batches: bounded by rows and bytes, no id twice in one.

use std::{collections::HashMap, io::Read, ops::Range, sync::Arc};

use bytes::Bytes;
use spice_core::name::InstanceId;

use super::{
    convert::write_string,
    occurrences::{Occurrences, hash},
    plan::Plan,
    reader::{Place, Reader, Record},
    row::{Instance, Reason},
    waiting,
};

/// Bytes of a batch, about; the api takes 16 MiB.
const BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one row as JSON.
const ROW: usize = 8 * 1024 * 1024;

/// A row of a batch.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) record: Record,
    pub(super) fate: Fate,
}

/// What becomes of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sent; a hash of what tells it from others.
    Sent(u64),
    /// It says what an earlier row of the batch says, by its index, which is sent.
    SameAs(usize),
    /// It is not sent.
    Rejected(Vec<Reason>),
}

/// Rows that go to the api at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// The values of the rows that are sent, as JSON with commas between.
    instances: Vec<u8>,
    /// Where the values of each row are, and its id.
    spans: Vec<(Range<usize>, Option<InstanceId>)>,
    pub(super) begin: Place,
    pub(super) end: Place,
    /// Whether what the rows leave out stays out.
    pub(super) is_whole: bool,
    /// Blank rows that were skipped before and between the rows.
    pub(super) blanks: u64,
    /// Rows without a key that say what an earlier row of the file says.
    pub(super) equal: u64,
    /// Blank cells behind the last column, of the rows that are sent.
    pub(super) surplus: u64,
}

/// A row that was refused and may be taken later.
#[derive(Debug)]
pub(super) struct WaitingRow {
    pub(super) record: Record,
    /// Its values, as JSON.
    data: Vec<u8>,
    pub(super) id: Option<InstanceId>,
    /// A hash of what tells it from others.
    mark: u64,
    pub(super) reasons: Vec<Reason>,
}

impl waiting::Row for WaitingRow {
    fn size(&self) -> usize {
        2 * self.data.len() + 256
    }

    fn goes_with(&self, _other: &Self) -> bool {
        true
    }
}

/// A row as it was read, and what the api gets of it or why not.
struct Taken {
    record: Record,
    instance: Result<Instance, Vec<Reason>>,
    /// The id of a row that is rejected, as far as the row has none of its own.
    id: Option<InstanceId>,
    is_equal: bool,
}

/// A file as batches.
pub(super) struct Batches<R> {
    reader: Reader<R>,
    plan: Arc<Plan>,
    most: usize,
    ends_at_reject: bool,
    /// The row with which the next batch begins.
    held: Option<Taken>,
    occurrences: Occurrences,
    /// Where to begin, when that is behind the place of the reader.
    begin: Option<Place>,
    place: Place,
    failed: Option<anyhow::Error>,
    is_over: bool,
}

impl Batch {
    fn new(begin: Place, is_whole: bool) -> Self {
        Self {
            is_whole,
            rows: Vec::new(),
            instances: Vec::new(),
            spans: Vec::new(),
            begin,
            end: begin,
            blanks: 0,
            equal: 0,
            surplus: 0,
        }
    }

    /// The body of the request; none when no row is sent.
    pub(super) fn body(&self) -> Option<Bytes> {
        let is_sent = |row: &Row| matches!(row.fate, Fate::Sent(_));
        if !self.rows.iter().any(is_sent) {
            return None;
        }
        let spans = self.rows.iter().zip(&self.spans);
        let sent = spans.filter(|(row, _)| is_sent(row)).map(|(_, span)| span);
        let mut body = Vec::with_capacity(self.instances.len() + 64 * self.rows.len());
        body.extend_from_slice(br#"{"instances":["#);
        body.extend_from_slice(&self.instances);
        body.extend_from_slice(br#"],"ids":["#);
        let start = body.len();
        for id in sent.filter_map(|(_, id)| id.as_ref()) {
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
        Some(body.into())
    }

    /// The values of a row that is sent, as JSON.
    pub(super) fn data(&self, row: usize) -> &[u8] {
        self.spans
            .get(row)
            .map_or(&[], |(span, _)| &self.instances[span.clone()])
    }

    /// The id of a row, when the api does not make it; of a rejected row, the one that it would
    /// have.
    pub(super) fn id(&self, row: usize) -> Option<&InstanceId> {
        self.spans.get(row)?.1.as_ref()
    }

    /// A batch of rows that were refused before.
    pub(super) fn of_waiting(place: Place, is_whole: bool, rows: &[WaitingRow]) -> Self {
        let mut batch = Self::new(place, is_whole);
        let mut sent: HashMap<(u64, &[u8]), usize> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            let first = *sent.entry((row.mark, &row.data)).or_insert(index);
            if first < index {
                batch.push(row.record.clone(), Fate::SameAs(first), None);
                continue;
            }
            let values = Some((row.data.as_slice(), row.id.clone()));
            batch.push(row.record.clone(), Fate::Sent(row.mark), values);
        }
        batch
    }

    /// A row that was refused and may be taken later.
    pub(super) fn waiting_row(&self, index: usize, reasons: Vec<Reason>) -> Option<WaitingRow> {
        let row = self.rows.get(index)?;
        let (sent, mark) = match row.fate {
            Fate::Sent(mark) => (index, mark),
            Fate::SameAs(first) => match self.rows.get(first)?.fate {
                Fate::Sent(mark) => (first, mark),
                _ => return None,
            },
            Fate::Rejected(_) => return None,
        };
        Some(WaitingRow {
            record: row.record.clone(),
            data: self.data(sent).to_vec(),
            id: self.id(sent).cloned(),
            mark,
            reasons,
        })
    }

    /// Adds a row; `known` is an earlier row of the batch with the same id and the same values.
    fn add(
        &mut self,
        record: Record,
        instance: Result<Instance, Vec<Reason>>,
        known: Option<usize>,
        taken: &mut HashMap<String, usize>,
    ) {
        match (instance, known) {
            (Err(reasons), _) => self.push(record, Fate::Rejected(reasons), None),
            (Ok(_), Some(first)) => self.push(record, Fate::SameAs(first), None),
            (Ok(instance), None) => {
                let fate = Fate::Sent(hash(&instance.key));
                taken.insert(instance.key.clone(), self.rows.len());
                self.push(record, fate, Some((&instance.data, instance.id)));
            }
        }
    }

    fn push(&mut self, record: Record, fate: Fate, values: Option<(&[u8], Option<InstanceId>)>) {
        let mut span = (0..0, None);
        if let Some((data, id)) = values {
            if !self.instances.is_empty() {
                self.instances.push(b',');
            }
            let start = self.instances.len();
            self.instances.extend_from_slice(data);
            span = (start..self.instances.len(), id);
        }
        self.spans.push(span);
        self.rows.push(Row { record, fate });
    }

    fn is_full(&self, most: usize) -> bool {
        self.rows.len() >= most || self.instances.len() >= BYTES
    }
}

impl<R: Read> Batches<R> {
    pub(super) fn new(
        reader: Reader<R>,
        plan: Arc<Plan>,
        most: usize,
        ends_at_reject: bool,
    ) -> Self {
        Self {
            place: reader.place(),
            reader,
            plan,
            most,
            ends_at_reject,
            held: None,
            occurrences: Occurrences::default(),
            begin: None,
            failed: None,
            is_over: false,
        }
    }

    /// Begins behind a row, which the reader, that stands before it, reaches by reading: how often
    /// each row was met is known then.
    pub(super) fn beginning_at(mut self, place: Place) -> Self {
        self.place = place;
        self.begin = Some(place);
        self
    }

    fn catch_up(&mut self, place: Place) -> anyhow::Result<()> {
        while self.reader.place().offset < place.offset {
            if self.next_row()?.is_none() {
                // Blank rows at the end are counted already.
                self.is_over = true;
                break;
            }
        }
        Ok(())
    }

    fn gather(&mut self) -> Batch {
        let mut batch = Batch::new(self.place, self.plan.has_exact());
        let mut taken: HashMap<String, usize> = HashMap::new();
        while !batch.is_full(self.most) && !self.is_over {
            let next = match self.next_row() {
                Ok(Some(next)) => next,
                Ok(None) => {
                    self.is_over = true;
                    batch.blanks += self.reader.blanks();
                    batch.end = self.reader.place();
                    break;
                }
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            let known = next.instance.as_ref().ok();
            let known = known.and_then(|instance| taken.get(&instance.key)).copied();
            match next.instance {
                // Whether the first is taken is known when its batch is answered.
                Ok(ref instance)
                    if known.is_some_and(|first| *batch.data(first) != *instance.data) =>
                {
                    self.held = Some(next);
                    break;
                }
                instance => {
                    batch.blanks += next.record.blanks;
                    batch.equal += u64::from(next.is_equal);
                    if instance.is_ok() {
                        let surplus = next.record.len().saturating_sub(self.plan.columns.len());
                        batch.surplus += surplus as u64;
                    }
                    self.is_over = instance.is_err() && self.ends_at_reject;
                    batch.add(next.record, instance, known, &mut taken);
                    if let (Some(id), Some((_, noted))) = (next.id, batch.spans.last_mut()) {
                        *noted = Some(id);
                    }
                }
            }
            batch.end = self.reader.place();
        }
        self.place = batch.end;
        batch
    }

    fn next_row(&mut self) -> anyhow::Result<Option<Taken>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let Some(record) = self.reader.read()? else {
            return Ok(None);
        };
        let mut is_equal = false;
        let instance = match self.plan.instance(&record) {
            Ok(instance) if instance.data.len() > ROW => {
                let sentence = format!("the row is over {ROW} bytes");
                Err(vec![Reason::of_row("limit", sentence)])
            }
            Ok(mut instance) if instance.is_by_content => {
                let nth = self.occurrences.next(&instance.key);
                is_equal = nth > 1;
                instance.number(nth)?;
                Ok(instance)
            }
            other => other,
        };
        let id = match &instance {
            Ok(_) => None,
            Err(_) => self.rejected_id(&record)?,
        };
        Ok(Some(Taken {
            record,
            instance,
            id,
            is_equal,
        }))
    }

    fn rejected_id(&mut self, record: &Record) -> anyhow::Result<Option<InstanceId>> {
        let Some(id) = self.plan.rejected_id(record) else {
            return Ok(None);
        };
        Ok(Some(match self.occurrences.next(&id) {
            1 => id.parse()?,
            nth => format!("{id}_{nth}").parse()?,
        }))
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.is_over = true;
            return Some(Err(error));
        }
        if let Some(place) = self.begin.take()
            && let Err(error) = self.catch_up(place)
        {
            self.is_over = true;
            return Some(Err(error));
        }
        if self.is_over {
            return None;
        }
        let batch = self.gather();
        if !batch.rows.is_empty() || batch.blanks > 0 {
            return Some(Ok(batch));
        }
        self.failed.take().map(|error| {
            self.is_over = true;
            Err(error)
        })
    }
}
