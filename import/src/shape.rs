//! The differences between the formats after their rows are read.

use serde_json::Value;
use spice_core::{
    name::{ClassName, InstanceId},
    ontology::Class,
};

use crate::{reader::Record, reason::Reason};

/// A format, for an import that sends its rows.
pub(crate) trait Shape: Send + Sync {
    /// A class of the rows.
    fn class(&self, name: &ClassName) -> Option<&Class>;

    /// A reason of the api about a field.
    fn reason(&self, field: &Value) -> Reason;

    /// The start of the rejects.
    fn rejects_head(&self) -> Vec<u8>;

    /// A rejected row in the form of the rejects.
    fn render_reject(&self, raw: &Record, id: Option<&InstanceId>, reasons: &[Reason]) -> Vec<u8>;
}

/// The message of the api about a field, which continues after the name of the field, with the
/// value.
pub(crate) fn read_message(field: &Value) -> String {
    let text = |key: &str| field[key].as_str().unwrap_or_default();
    let sentence = text("message");
    let sentence = sentence
        .strip_prefix(text("field"))
        .unwrap_or(sentence)
        .trim_start();
    match &field["value"] {
        Value::Null => sentence.to_owned(),
        Value::String(text) if sentence.contains(text.as_str()) => sentence.to_owned(),
        value => format!("{sentence}, not {value}"),
    }
}
