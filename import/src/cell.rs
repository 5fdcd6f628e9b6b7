//! The cells of a row: their texts and their values.

use spice_core::{json::Json, unicode::nfc};

use crate::{
    convert::{Broken, Kind},
    plan::Plan,
    reader::Record,
    reason::Reason,
    text::{is_blank, show, trim},
};

/// What programs write for a missing value.
const NOTHING: [&str; 12] = [
    "null", "(null)", "\\N", "na", "n/a", "#n/a", "nan", "none", "nil", "nat", "-", "?",
];

impl Plan {
    /// Writes the value of a cell as JSON; returns a reason if the text is not a value of the
    /// column.
    pub(crate) fn write(
        &self,
        index: usize,
        kind: &Kind,
        text: &str,
        data: &mut Vec<u8>,
    ) -> Option<Reason> {
        let Broken { rule, expected } = kind.write(text, data).err()?;
        let mut reason = Reason::of_cell(&self.columns[index].name, rule, &expected, text);
        if NOTHING.iter().any(|it| trim(text).eq_ignore_ascii_case(it)) {
            reason
                .sentence
                .push_str("; if that means no value, use --null");
        }
        Some(reason)
    }

    /// The text of a cell; none if it has no value.
    pub(crate) fn cell<'a>(
        &self,
        record: &'a Record,
        index: usize,
    ) -> Result<Option<&'a str>, Reason> {
        let bytes = record.field(index);
        let text = std::str::from_utf8(bytes).map_err(|_| {
            let sentence = "must be UTF-8, or in the encoding of --encoding";
            let value = show(bytes);
            Reason::of_cell(&self.columns[index].name, "encoding", sentence, &value)
        })?;
        let is_nothing = is_blank(text) || self.nulls.iter().any(|null| is_same(null, text));
        Ok((!is_nothing).then_some(text))
    }
}

/// The value that an import reads from a cell; none if there is none.
pub fn read_cell(kind: &Kind, text: &str) -> Option<Json> {
    if is_blank(text) {
        return None;
    }
    let mut value = Vec::new();
    kind.write(text, &mut value).ok()?;
    Json::parse(std::str::from_utf8(&value).ok()?).ok()
}

/// Whether the text of a cell looks like a missing value.
fn is_same(null: &str, text: &str) -> bool {
    null == text || null == trim(text) || (!text.is_ascii() && nfc(null) == nfc(trim(text)))
}
