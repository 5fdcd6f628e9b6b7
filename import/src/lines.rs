//! NDJSON as an export writes it: a line is an instance with its class, its id and its values.
//! Nothing is converted.

use std::{
    io::{BufRead, Read},
    sync::Arc,
};

use serde_json::Value;
use spice_core::{
    json::{Json, entries},
    name::{ClassName, InstanceId},
    ontology::{Class, Schema},
};

use crate::{
    column::{LINE, REASON},
    error::{Result, refuse_input},
    line,
    reader::{Place, Record},
    reason::{Reason, join},
    rows::{Rows, Taken},
    shape::Shape,
    text::{show, write_field},
};

/// The maximum size of a line in bytes: an instance of this size fits into a request.
const LONGEST: u64 = 12 * 1024 * 1024;

/// The lines of a file.
pub struct LineRows<R> {
    input: R,
    schema: Arc<Schema>,
    class: Option<ClassName>,
    place: Place,
    /// Blank lines since the last line that is not blank.
    blanks: u64,
}

impl<R: BufRead> LineRows<R> {
    /// The lines of an input; with `class`, every line must be of that class.
    pub fn new(input: R, schema: Arc<Schema>, class: Option<ClassName>) -> Self {
        Self {
            input,
            schema,
            class,
            place: Place::START,
            blanks: 0,
        }
    }

    /// The next line that is not blank.
    fn line(&mut self) -> Result<Option<Record>> {
        loop {
            let mut bytes = Vec::new();
            let mut limited = self.input.by_ref().take(LONGEST);
            let length = limited.read_until(b'\n', &mut bytes)? as u64;
            if length == 0 {
                return Ok(None);
            }
            let number = self.place.line;
            self.place.line += 1;
            self.place.offset += length;
            if length == LONGEST && bytes.last() != Some(&b'\n') {
                let message = format!("line {number} has no end within {LONGEST} bytes");
                return Err(refuse_input(message));
            }
            if number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(Record {
                    bytes,
                    line: number,
                    blanks: std::mem::take(&mut self.blanks),
                    ..Record::default()
                }));
            }
            self.blanks += 1;
        }
    }
}

impl<R: BufRead> Rows for LineRows<R> {
    fn next(&mut self) -> Result<Option<Taken>> {
        let Some(raw) = self.line()? else {
            return Ok(None);
        };
        let instance = line::read(&raw.bytes, &self.schema, self.class.as_ref());
        Ok(Some(Taken {
            raw,
            instance: instance.map_err(|reason| vec![reason]),
            rejected_id: None,
            is_equal: false,
            surplus: 0,
            blank_items: 0,
        }))
    }

    fn place(&self) -> Place {
        self.place
    }

    fn blanks(&self) -> u64 {
        self.blanks
    }

    /// A line has all values of the instance.
    fn is_whole(&self) -> bool {
        true
    }
}

/// NDJSON for an import.
pub(crate) struct Lines(pub(crate) Arc<Schema>);

impl Shape for Lines {
    fn class(&self, name: &ClassName) -> Option<&Class> {
        self.0.get(name).map(|class| &**class)
    }

    fn reason(&self, field: &Value) -> Reason {
        let text = |key: &str| field[key].as_str().unwrap_or_default();
        Reason::of_row(text("rule"), text("message"))
    }

    fn rejects_head(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The line with its number and the reasons; a line that is not an object is included as text.
    fn render_reject(&self, raw: &Record, _id: Option<&InstanceId>, reasons: &[Reason]) -> Vec<u8> {
        let text = show(raw.bytes.trim_ascii());
        let fields = Json::parse(&text).ok().and_then(|json| entries(&json));
        let as_text = || vec![("_text".to_owned(), Json::from(Value::from(&*text)))];
        let mut fields = fields.unwrap_or_else(as_text);
        fields.retain(|(name, _)| name != LINE && name != REASON);
        fields.push((LINE.to_owned(), Json::from(Value::from(raw.line))));
        fields.push((REASON.to_owned(), Json::from(Value::from(join(reasons)))));
        let mut row = vec![b'{'];
        for (name, value) in &fields {
            write_field(name, value, &mut row);
        }
        row.extend_from_slice(b"}\n");
        row
    }
}
