//! One row of a table: its values and its id, or why it is rejected.

use spice_core::name::PropertyName;

use crate::{
    column::Target,
    convert::Kind,
    exact::Exact,
    instance::Instance,
    plan::Plan,
    reader::{BrokenQuote, Record},
    reason::Reason,
    text::{has_shown_byte, is_blank_bytes, reveal, show, write_field, write_name},
};

impl Plan {
    /// Converts a record to an instance for the api.
    pub(crate) fn convert(&self, record: &Record) -> Result<Instance, Vec<Reason>> {
        if let Some(broken) = &record.broken_quote {
            return Err(vec![self.describe_broken_quote(record, broken)]);
        }
        self.check_shape(record).map_err(|reason| vec![reason])?;
        let exact = self.read_exact(record).map_err(|reason| vec![reason])?;
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
                    write_name(name.as_str(), &mut data);
                    reasons.extend(self.write(*index, kind, text, &mut data));
                }
                Err(reason) => reasons.push(reason),
            }
        }
        for (name, value) in &exact.0 {
            write_field(name.as_str(), value, &mut data);
        }
        if self.exact.is_some() {
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
            class: self.class.id.clone(),
            data,
            key,
            id,
        })
    }

    /// The blank items of an accepted row that its lists do not contain.
    pub(crate) fn count_blank_items(&self, record: &Record) -> u64 {
        let of = |index: &usize| match &self.columns[*index].target {
            Target::Member(_, kind @ Kind::List(_)) => match self.cell(record, *index) {
                Ok(Some(text)) => kind.blank_items(text),
                Ok(None) | Err(_) => 0,
            },
            _ => 0,
        };
        self.members.iter().map(of).sum()
    }

    /// Checks that the row has a field for each column, and no more.
    fn check_shape(&self, record: &Record) -> Result<(), Reason> {
        if !self.fits(record) {
            let sentence = format!(
                "the row has {}, but the header has {}",
                fields(record.len()),
                self.columns.len()
            );
            return Err(Reason::of_row("field_count", sentence));
        }
        for index in &self.nameless {
            let cell = record.field(*index);
            if !is_blank_bytes(cell) {
                let number = index + 1;
                let sentence = format!(
                    "column {number} has no name, but has {:?} here; map it with --map {number}=PROPERTY, or leave it out with --skip-column {number}",
                    show(cell)
                );
                return Err(Reason::of_row("column", sentence));
            }
        }
        match self.reasons {
            Some(reasons) => self.check_corrected(record, reasons),
            None => Ok(()),
        }
    }

    /// Refuses a row of the rejects with missing fields or invalid bytes that nobody corrected.
    fn check_corrected(&self, record: &Record, reasons: usize) -> Result<(), Reason> {
        if !Self::is_line(record.field(reasons - 1)) {
            let name = reveal(&self.columns[reasons - 1].name);
            let sentence = format!("{name} has no number; are fields missing in the row?");
            return Err(Reason::of_row("field_count", sentence));
        }
        let why = show(record.field(reasons));
        if let Some(last) = self.last
            && why.contains("(field_count)")
            && is_blank_bytes(record.field(last))
        {
            let sentence = format!(
                "was missing in the row, and is blank; fill it in, or clear {} if it is meant to be blank",
                self.columns[reasons].name
            );
            let name = &self.columns[last].name;
            return Err(Reason::of_column(name, "field_count", sentence));
        }
        if !why.contains("(encoding)") {
            return Ok(());
        }
        for index in &self.members {
            let cell = show(record.field(*index));
            if has_shown_byte(&cell) {
                let sentence = "must have text instead of the bytes that are written as \\xE9";
                let name = &self.columns[*index].name;
                return Err(Reason::of_cell(name, "encoding", sentence, &cell));
            }
        }
        Ok(())
    }

    fn describe_broken_quote(&self, record: &Record, broken: &BrokenQuote) -> Reason {
        let column = self.columns.get(broken.field);
        Reason {
            column: column.map(|column| column.name.clone()),
            rule: "quote".to_owned(),
            sentence: format!(
                "text after the quote that closes {:?}; write two quotes for a literal quote, or name the escape character of the file with --escape",
                show(record.field(broken.field))
            ),
        }
    }

    /// Appends the class's defaults for missing values.
    fn write_defaults(&self, record: &Record, exact: &Exact, data: &mut Vec<u8>) {
        let has_cell = |name: &PropertyName| {
            let is_of = |index: &&usize| self.columns[**index].member() == Some(name);
            let index = self.members.iter().find(is_of);
            index.is_some_and(|index| self.cell(record, *index).is_ok_and(|it| it.is_some()))
        };
        for (name, default) in self.class.defaults() {
            if exact.get(name).is_none() && !has_cell(name) {
                write_field(name.as_str(), default, data);
            }
        }
    }

    /// The values of the row that are given as JSON instead of in their own cells.
    fn read_exact(&self, record: &Record) -> Result<Exact, Reason> {
        if let Some(column) = self.exact
            && let Some(text) = self.cell(record, column)?
        {
            return Exact::read(self, record, column, text);
        }
        Ok(Exact::default())
    }
}

fn fields(count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} field{ending}")
}
