//! Lines gathered into batches: of one class, bounded by lines and bytes, no id twice in one.

use std::{
    collections::HashSet,
    io::{BufRead, Read},
    sync::Arc,
};

use bytes::Bytes;
use serde::Serialize;
use spice_core::{
    command::RawData,
    error::{ErrorCode, Refusal},
    name::{ClassName, InstanceId},
    ontology::Schema,
};

use super::line::{self, Instance};
use crate::import::waiting;

/// Bytes of a batch, about; the api takes 16 MiB.
const BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a line: an instance of this size fits into a request.
const LINE: u64 = 12 * 1024 * 1024;

/// A line as it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    pub(super) number: u64,
}

/// A line of a batch.
#[derive(Debug, Clone)]
pub(super) enum Row {
    Sent(Source),
    /// It is not sent, and why.
    Rejected(Source, String),
}

/// A line that was refused and may be taken later.
#[derive(Debug)]
pub(super) struct WaitingLine {
    pub(super) source: Source,
    pub(super) instance: Instance,
    pub(super) why: String,
}

impl waiting::Row for WaitingLine {
    fn size(&self) -> usize {
        2 * self.source.bytes.len() + 256
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.instance.class == other.instance.class
    }
}

/// Lines that go to the api at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) rows: Vec<Row>,
    instances: Vec<Instance>,
    bytes: usize,
    /// Blank lines before and between the lines.
    pub(super) blanks: u64,
    /// The number of the line behind the last.
    pub(super) end: u64,
}

/// A file as batches.
pub(crate) struct Batches<R> {
    input: R,
    schema: Arc<Schema>,
    class: Option<ClassName>,
    most: usize,
    number: u64,
    /// Blank lines that no batch counts yet.
    blanks: u64,
    /// The line with which the next batch begins.
    held: Option<(Source, Instance)>,
}

#[derive(Serialize)]
struct Body<'a> {
    instances: Vec<&'a RawData>,
    ids: Vec<&'a InstanceId>,
    /// A line has all that the instance had.
    without_defaults: bool,
}

impl Batch {
    /// The class of the lines that are sent, and the body of the request; none when none is.
    pub(super) fn body(&self) -> Option<(&ClassName, Bytes)> {
        let first = self.instances.first()?;
        let body = Body {
            instances: self.instances.iter().map(|it| &it.data).collect(),
            ids: self.instances.iter().map(|it| &it.id).collect(),
            without_defaults: true,
        };
        Some((&first.class, serde_json::to_vec(&body).ok()?.into()))
    }

    /// A batch of lines that were refused before.
    pub(super) fn of_waiting(lines: Vec<WaitingLine>) -> Self {
        let mut batch = Self::default();
        for line in lines {
            batch.add(line.source, line.instance);
        }
        batch
    }

    /// The lines, and the instances of those that are sent.
    pub(super) fn into_parts(self) -> (Vec<Row>, Vec<Instance>) {
        (self.rows, self.instances)
    }

    /// The instances that are sent.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter()
    }

    fn is_full(&self, most: usize) -> bool {
        self.rows.len() >= most || self.bytes >= BYTES
    }

    fn add(&mut self, source: Source, instance: Instance) {
        self.bytes += source.bytes.len();
        self.rows.push(Row::Sent(source));
        self.instances.push(instance);
    }
}

impl<R: BufRead> Batches<R> {
    pub(crate) fn new(
        input: R,
        schema: Arc<Schema>,
        class: Option<ClassName>,
        most: usize,
    ) -> Self {
        Self {
            input,
            schema,
            class,
            most,
            number: 0,
            blanks: 0,
            held: None,
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> anyhow::Result<Option<Source>> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.input.by_ref().take(LINE);
            if limited.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let number = self.number;
            if bytes.len() as u64 == LINE && bytes.last() != Some(&b'\n') {
                let message = format!("line {number} has no end within {LINE} bytes");
                return Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
            }
            if number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(Source { bytes, number }));
            }
            self.blanks += 1;
        }
    }

    /// The next line, and the instance that it says or why it says none.
    fn read(&mut self) -> anyhow::Result<Option<(Source, Result<Instance, String>)>> {
        let Some(source) = self.line()? else {
            return Ok(None);
        };
        let instance = line::read(&source.bytes, &self.schema, self.class.as_ref());
        Ok(Some((source, instance)))
    }

    fn gather(&mut self) -> anyhow::Result<Batch> {
        let mut batch = Batch::default();
        let mut ids: HashSet<InstanceId> = HashSet::new();
        while !batch.is_full(self.most) {
            let held = self.held.take();
            let Some((source, next)) = held.map_or_else(
                || self.read(),
                |(source, held)| Ok(Some((source, Ok(held)))),
            )?
            else {
                break;
            };
            let instance = match next {
                Ok(instance) => instance,
                Err(why) => {
                    batch.rows.push(Row::Rejected(source, why));
                    continue;
                }
            };
            let is_other = |first: &Instance| first.class != instance.class;
            if batch.instances.first().is_some_and(is_other) || !ids.insert(instance.id.clone()) {
                self.held = Some((source, instance));
                break;
            }
            batch.add(source, instance);
        }
        batch.blanks = std::mem::take(&mut self.blanks);
        let held = self.held.as_ref().map(|(source, _)| source.number);
        batch.end = held.unwrap_or(self.number + 1);
        Ok(batch)
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = anyhow::Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.gather() {
            Ok(batch) if batch.rows.is_empty() && batch.blanks == 0 => None,
            other => Some(other),
        }
    }
}
