//! Words of a search, where the documents are not asked.

use serde_json::Value;
use spice_core::json::Json;

/// Longer words are the same when they begin the same.
const LENGTH: usize = 128;

/// The words that a search looks for, each whole, or open at its end.
pub(super) struct Words(Vec<(String, bool)>);

impl Words {
    /// Reads what a client looks for.
    pub(super) fn of(search: &str) -> Self {
        let mut words = Vec::new();
        for part in search.split_whitespace() {
            words.extend(split(part).map(|word| (word, false)));
            if let Some(last) = words.last_mut().filter(|_| part.ends_with('*')) {
                last.1 = true;
            }
        }
        Self(words)
    }

    /// Whether every word is in a text of these properties, as
    /// [`Search::text`](spice_core::port::documents::Search::text) means it.
    pub(super) fn are_in(&self, data: &Json) -> bool {
        let mut known = Vec::new();
        collect(&data.to_value(), &mut known);
        let is_in = |(word, is_open): &(String, bool)| {
            known
                .iter()
                .any(|known| known == word || (*is_open && known.starts_with(word.as_str())))
        };
        !self.0.is_empty() && self.0.iter().all(is_in)
    }
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) => words.extend(split(text)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut lower: String = word.chars().flat_map(char::to_lowercase).collect();
            lower.truncate(lower.floor_char_boundary(LENGTH));
            lower
        })
}
