//! Writes a rejected row of a table: unchanged, followed by its line and the reason.

use std::ops::Range;

use spice_core::name::InstanceId;

use crate::{
    column::{Reserved, Target},
    identity::Identity,
    plan::Plan,
    reader::{BrokenQuote, Dialect, Record},
    reason::{Reason, join},
    text::{is_blank_bytes, show},
};

/// The columns of the rejects of a table.
pub(super) struct Layout {
    dialect: Dialect,
    names: Vec<String>,
    /// The columns that are written, without those of an earlier import.
    kept: Vec<usize>,
    /// Whether rows may have no key: then an id of their own keeps them separate after they are
    /// corrected.
    has_ids: bool,
}

impl Layout {
    pub(super) fn new(plan: &Plan, dialect: Dialect) -> Self {
        let columns = &plan.columns;
        let is_kept = |index: &usize| columns[*index].target != Target::Note;
        let kept: Vec<usize> = (0..columns.len()).filter(is_kept).collect();
        let names = kept.iter().map(|index| columns[*index].name.clone());
        let has_ids = matches!(plan.identity, Identity::Content | Identity::Own(_));
        let id = has_ids.then(|| Reserved::Id.name(&plan.class));
        let notes = [Reserved::Line, Reserved::Reason].map(|it| it.name(&plan.class));
        Self {
            dialect,
            names: names.chain(id).chain(notes).collect(),
            kept,
            has_ids,
        }
    }

    /// The column names, as the first row.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut row = Vec::new();
        for name in &self.names {
            self.write_field(name.as_bytes(), &mut row);
        }
        end_row(&mut row);
        row
    }

    /// A row. Missing fields are blank, and surplus fields come after the reason, so that each
    /// field is under its name. Bytes that are not text are written as `\xE9`.
    pub(super) fn render(
        &self,
        plan: &Plan,
        record: &Record,
        id: Option<&InstanceId>,
        reasons: &[Reason],
    ) -> Vec<u8> {
        let mut row = Vec::new();
        let mut surplus = 0..0;
        if let Some(broken) = &record.broken_quote {
            let text = strip_notes(plan, record, broken);
            row.extend_from_slice(show(text).as_bytes());
            row.push(self.dialect.delimiter);
        } else {
            let own;
            (own, surplus) = split(plan, record);
            for index in &self.kept {
                let field = record.field(*index);
                let field = if own.contains(index) { field } else { &[] };
                self.write_field(field, &mut row);
            }
        }
        if self.has_ids {
            let id = id.filter(|_| plan.is_by_content(record));
            let id = id.map_or("", |id| id.as_str());
            self.write_field(id.as_bytes(), &mut row);
        }
        self.write_field(record.line.to_string().as_bytes(), &mut row);
        self.write_field(join(reasons).as_bytes(), &mut row);
        for index in surplus {
            self.write_field(record.field(index), &mut row);
        }
        end_row(&mut row);
        row
    }

    /// Appends a field and a delimiter.
    fn write_field(&self, field: &[u8], row: &mut Vec<u8>) {
        let field = show(field);
        let is_special = |byte: u8| {
            matches!(byte, b'"' | b'\r' | b'\n')
                || byte == self.dialect.delimiter
                || self.dialect.escape == Some(byte)
        };
        let is_quoted = field.bytes().any(is_special);
        if is_quoted {
            row.push(b'"');
        }
        for byte in field.bytes() {
            if byte == b'"' || self.dialect.escape == Some(byte) {
                row.push(byte);
            }
            row.push(byte);
        }
        if is_quoted {
            row.push(b'"');
        }
        row.push(self.dialect.delimiter);
    }
}

/// The fields of a row that are under their names, and those that are surplus: too many, or where the
/// notes of an earlier import should be. No field is lost.
fn split(plan: &Plan, record: &Record) -> (Range<usize>, Range<usize>) {
    let (length, columns) = (record.len(), plan.columns.len());
    let first_note = plan.reasons.map_or(columns, |reasons| reasons - 1);
    let has_notes = plan.reasons.is_none() || Plan::is_line(record.field(first_note));
    let end = if has_notes && length >= columns {
        columns
    } else if ends_with_notes(plan, record) && record.field(length - 1).ends_with(b")") {
        // Fields are missing before the notes.
        first_note.min(length - 2)
    } else {
        first_note.min(length)
    };
    let is_blank = (end..length).all(|index| is_blank_bytes(record.field(index)));
    (0..end, if is_blank { 0..0 } else { end..length })
}

/// Whether the last two fields are the notes of an earlier import.
fn ends_with_notes(plan: &Plan, record: &Record) -> bool {
    let line = record.len().checked_sub(2).map(|it| record.field(it));
    plan.reasons.is_some() && line.is_some_and(Plan::is_line)
}

/// A row as it is in the file, without the columns of an earlier import.
fn strip_notes<'a>(plan: &Plan, record: &Record, broken: &'a BrokenQuote) -> &'a [u8] {
    if ends_with_notes(plan, record) {
        &broken.text[..broken.before_last_two]
    } else {
        &broken.text
    }
}

/// Replaces the last delimiter by a line end.
fn end_row(row: &mut Vec<u8>) {
    row.pop();
    row.push(b'\n');
}
