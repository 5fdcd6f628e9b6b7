//! Rows gathered into batches: bounded by rows and bytes, no id twice in one.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::Read,
    ops::Range,
    sync::Arc,
};

use bytes::Bytes;
use spice_core::name::InstanceId;

use super::{
    convert::write_string,
    plan::Plan,
    reader::{Place, Reader, Record},
    row::{Instance, Reason},
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
    /// Where the values of each row are, and its id when the api does not make it.
    spans: Vec<(Range<usize>, Option<InstanceId>)>,
    pub(super) begin: Place,
    pub(super) end: Place,
    /// Whether what the rows leave out stays out.
    pub(super) is_whole: bool,
}

/// A row as it was read, and what the api gets of it or why not.
type Taken = (Record, Result<Instance, Vec<Reason>>);

/// A file as batches.
pub(super) struct Batches<R> {
    reader: Reader<R>,
    plan: Arc<Plan>,
    most: usize,
    ends_at_reject: bool,
    /// The row with which the next batch begins.
    held: Option<(Record, Instance)>,
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
        }
    }

    /// The body of the request; none when no row is sent.
    pub(super) fn body(&self) -> Option<Bytes> {
        let is_sent = |row: &Row| matches!(row.fate, Fate::Sent(_));
        if !self.rows.iter().any(is_sent) {
            return None;
        }
        let mut body = Vec::with_capacity(self.instances.len() + 64 * self.rows.len());
        body.extend_from_slice(br#"{"instances":["#);
        body.extend_from_slice(&self.instances);
        body.extend_from_slice(br#"],"ids":["#);
        let start = body.len();
        for id in self.spans.iter().filter_map(|(_, id)| id.as_ref()) {
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

    /// The id of a row, when the api does not make it.
    pub(super) fn id(&self, row: usize) -> Option<&InstanceId> {
        self.spans.get(row)?.1.as_ref()
    }

    fn push(&mut self, record: Record, fate: Fate, instance: Option<Instance>) {
        let mut span = (0..0, None);
        if let Some(instance) = instance {
            if !self.instances.is_empty() {
                self.instances.push(b',');
            }
            let start = self.instances.len();
            self.instances.extend_from_slice(&instance.data);
            span = (start..self.instances.len(), instance.id);
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
            failed: None,
            is_over: false,
        }
    }

    fn gather(&mut self) -> Batch {
        let mut batch = Batch::new(self.place, self.plan.has_exact());
        let mut taken: HashMap<String, usize> = HashMap::new();
        while !batch.is_full(self.most) && !self.is_over {
            let (record, instance) = match self.next_row() {
                Ok(Some(next)) => next,
                Ok(None) => {
                    self.is_over = true;
                    break;
                }
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            match instance {
                Err(reasons) => {
                    batch.push(record, Fate::Rejected(reasons), None);
                    self.is_over = self.ends_at_reject;
                }
                Ok(instance) => match taken.get(&instance.key) {
                    Some(first) if *batch.data(*first) == *instance.data => {
                        batch.push(record, Fate::SameAs(*first), None);
                    }
                    // Whether the first is taken is known when its batch is answered.
                    Some(_) => {
                        self.held = Some((record, instance));
                        break;
                    }
                    None => {
                        let fate = Fate::Sent(mark(&instance.key));
                        taken.insert(instance.key.clone(), batch.rows.len());
                        batch.push(record, fate, Some(instance));
                    }
                },
            }
            batch.end = self.reader.place();
        }
        self.place = batch.end;
        batch
    }

    fn next_row(&mut self) -> anyhow::Result<Option<Taken>> {
        if let Some((record, instance)) = self.held.take() {
            return Ok(Some((record, Ok(instance))));
        }
        let Some(record) = self.reader.read()? else {
            return Ok(None);
        };
        let instance = match self.plan.instance(&record) {
            Ok(instance) if instance.data.len() > ROW => {
                let sentence = format!("the row is over {ROW} bytes");
                Err(vec![Reason::of_row("limit", sentence)])
            }
            other => other,
        };
        Ok(Some((record, instance)))
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.is_over = true;
            return Some(Err(error));
        }
        if self.is_over {
            return None;
        }
        let batch = self.gather();
        if !batch.rows.is_empty() {
            return Some(Ok(batch));
        }
        self.failed.take().map(|error| {
            self.is_over = true;
            Err(error)
        })
    }
}

/// A hash of what tells a row from others.
fn mark(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
