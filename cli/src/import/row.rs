//! One row: what the api gets of it, the id that it has, or why it cannot be taken.

mod id;

use std::fmt;

use spice_core::{
    json::Json,
    name::{InstanceId, PropertyName},
    unicode::nfc,
};

pub(super) use self::id::hex;

use super::{
    convert::{Broken, Kind, write_string},
    exact::{self, Exact},
    plan::{LINE, Plan, Target},
    reader::{BrokenQuote, Record},
    text::{has_shown_byte, is_blank, is_blank_bytes, show, trim},
};

/// Characters of a value that a reason shows.
const SHOWN: usize = 80;
/// What programs write where there is nothing.
const NOTHING: [&str; 12] = [
    "null", "(null)", "\\N", "na", "n/a", "#n/a", "nan", "none", "nil", "nat", "-", "?",
];

/// Why a row was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    /// The column, when it is about one.
    pub(super) column: Option<String>,
    /// The rule that is broken: `type`, `required`, `pattern`, `already_exists`, …
    pub(super) rule: String,
    /// A sentence that names what stands there.
    pub(super) sentence: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "{column}: ")?;
        }
        write!(f, "{} ({})", self.sentence, self.rule)
    }
}

impl Reason {
    pub(super) fn of_row(rule: &str, sentence: impl Into<String>) -> Self {
        Self {
            column: None,
            rule: rule.to_owned(),
            sentence: sentence.into(),
        }
    }

    pub(super) fn of_cell(column: &str, rule: &str, sentence: &str, value: &str) -> Self {
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self {
            column: Some(column.to_owned()),
            rule: rule.to_owned(),
            sentence: format!("{sentence}, not {shown:?}"),
        }
    }
}

/// A row that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    /// Its values, as a JSON object, by name.
    pub(super) data: Vec<u8>,
    /// What no two instances share: the id, or the primary key as JSON.
    pub(super) key: String,
    /// The id, when the api does not make it of the primary key.
    pub(super) id: Option<InstanceId>,
    /// Whether the id is made of all that the row says: other rows may say the same.
    pub(super) is_by_content: bool,
}

impl Plan {
    /// Turns a record into what the api gets.
    pub(super) fn instance(&self, record: &Record) -> Result<Instance, Vec<Reason>> {
        if let Some(broken) = &record.broken_quote {
            return Err(vec![self.broken_quote(record, broken)]);
        }
        self.check_shape(record).map_err(|reason| vec![reason])?;
        let exact = self.exact(record).map_err(|reason| vec![reason])?;
        let mut reasons = Vec::new();
        let mut data = Vec::with_capacity(256);
        data.push(b'{');
        for index in &self.members {
            let Target::Member(name, kind) = &self.columns[*index].target else {
                continue;
            };
            if exact.get(name).is_some() {
                continue;
            }
            match self.cell(record, *index) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    if data.len() > 1 {
                        data.push(b',');
                    }
                    write_string(name.as_str(), &mut data);
                    data.push(b':');
                    reasons.extend(self.write(*index, kind, text, &mut data));
                }
                Err(reason) => reasons.push(reason),
            }
        }
        exact.write(&mut data);
        if self.has_exact() {
            self.write_defaults(record, &exact, &mut data);
        }
        data.push(b'}');
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let (key, id) = self
            .identify(record, &exact, &data)
            .map_err(|reason| vec![reason])?;
        Ok(Instance {
            data,
            key,
            id,
            is_by_content: self.is_by_content(record),
        })
    }

    /// Checks that the row has a field for each column, and nothing beside them.
    fn check_shape(&self, record: &Record) -> Result<(), Reason> {
        if !self.fits(record) {
            let sentence = format!(
                "the row has {} fields, the head of the file has {}",
                record.len(),
                self.columns.len()
            );
            return Err(Reason::of_row("field_count", sentence));
        }
        for index in &self.nameless {
            let cell = record.field(*index);
            if !is_blank_bytes(cell) {
                let number = index + 1;
                let sentence = format!(
                    "column {number} has no name, and has {:?} here; say what it is with --map {number}=PROPERTY, or leave it out with --skip-column {number}",
                    show(cell)
                );
                return Err(Reason::of_row("column", sentence));
            }
        }
        match self.reasons {
            Some(reasons) => self.check_mended(record, reasons),
            None => Ok(()),
        }
    }

    /// Refuses a row of the rejects in which something is missing or was never mended.
    fn check_mended(&self, record: &Record, reasons: usize) -> Result<(), Reason> {
        if !Self::is_line(record.field(reasons - 1)) {
            let sentence = format!("{LINE} has no number; are fields missing in the row?");
            return Err(Reason::of_row("field_count", sentence));
        }
        if !show(record.field(reasons)).contains("(encoding)") {
            return Ok(());
        }
        for index in &self.members {
            let cell = show(record.field(*index));
            if has_shown_byte(&cell) {
                let sentence = "must be text in the place of the bytes that are written as \\xE9";
                let name = &self.columns[*index].name;
                return Err(Reason::of_cell(name, "encoding", sentence, &cell));
            }
        }
        Ok(())
    }

    fn broken_quote(&self, record: &Record, broken: &BrokenQuote) -> Reason {
        let column = self.columns.get(broken.field);
        Reason {
            column: column.map(|column| column.name.clone()),
            rule: "quote".to_owned(),
            sentence: format!(
                "text follows the quote that closes {:?}; write two quotes for one that is text, or name the sign that the file writes before it with --escape",
                show(record.field(broken.field))
            ),
        }
    }

    fn write(&self, index: usize, kind: &Kind, text: &str, data: &mut Vec<u8>) -> Option<Reason> {
        let Broken { rule, expected } = kind.write(text, data).err()?;
        let mut reason = Reason::of_cell(&self.columns[index].name, rule, &expected, text);
        if NOTHING.iter().any(|it| trim(text).eq_ignore_ascii_case(it)) {
            reason
                .sentence
                .push_str("; if that means nothing, name it with --null");
        }
        Some(reason)
    }

    /// The text of a cell; none when there is nothing in it.
    fn cell<'a>(&self, record: &'a Record, index: usize) -> Result<Option<&'a str>, Reason> {
        let bytes = record.field(index);
        let text = std::str::from_utf8(bytes).map_err(|_| {
            let sentence = "must be UTF-8, or in the encoding of --encoding";
            let value = show(bytes);
            Reason::of_cell(&self.columns[index].name, "encoding", sentence, &value)
        })?;
        let is_nothing = is_blank(text) || self.nulls.iter().any(|null| is_same(null, text));
        Ok((!is_nothing).then_some(text))
    }

    /// Appends the class's defaults for what the row leaves out.
    fn write_defaults(&self, record: &Record, exact: &Exact, data: &mut Vec<u8>) {
        let has_cell = |name: &PropertyName| {
            let is_of = |index: &&usize| self.columns[**index].member() == Some(name);
            let index = self.members.iter().find(is_of);
            index.is_some_and(|index| self.cell(record, *index).is_ok_and(|it| it.is_some()))
        };
        for (name, default) in self.class.defaults() {
            if exact.get(name).is_none() && !has_cell(name) {
                exact::write(name, default, data);
            }
        }
    }

    /// The values that the row has as JSON, and not in cells of their own.
    fn exact(&self, record: &Record) -> Result<Exact, Reason> {
        match self.exact {
            Some(column) => match self.cell(record, column)? {
                Some(text) => Exact::read(self, record, column, text),
                None => Ok(Exact::default()),
            },
            None => Ok(Exact::default()),
        }
    }
}

/// The value that an import makes of a cell; none where it makes nothing of it.
pub(crate) fn read_cell(kind: &Kind, text: &str) -> Option<Json> {
    if is_blank(text) {
        return None;
    }
    let mut value = Vec::new();
    kind.write(text, &mut value).ok()?;
    Json::parse(std::str::from_utf8(&value).ok()?).ok()
}

/// Whether a cell is a text that means nothing, by its look.
fn is_same(null: &str, text: &str) -> bool {
    null == text || null == trim(text) || (!text.is_ascii() && nfc(null) == nfc(trim(text)))
}
