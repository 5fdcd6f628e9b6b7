//! Words: what full-text search compares. They are cut here, not by SQLite, so that text and
//! query are cut alike; each carries its scope, so that a search costs what its class holds.

use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Longer words are the same when they begin the same.
const WORD_LENGTH: usize = 128;

/// The words of every string in a JSON value, marked with the scope, for the index.
pub(super) fn of_document(scope: i64, json: &str) -> String {
    let mut words = Words {
        scope,
        text: String::with_capacity(json.len()),
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    // What cannot be read has no words; the document itself is kept as it is.
    let _ = (&mut words).deserialize(&mut reader);
    words.text
}

/// What a query asks for in a scope, in the language of FTS5; none when it has no words at all.
pub(super) fn of_query(scope: i64, query: &str) -> Option<String> {
    let mut expression = String::new();
    for part in query.split_whitespace() {
        let open_ended = part.ends_with('*');
        let words: Vec<&str> = split(part).collect();
        for (index, word) in words.iter().enumerate() {
            let is_last = index + 1 == words.len();
            let mut marked = String::new();
            push(&mut marked, scope, word);
            let star = if is_last && open_ended { "*" } else { "" };
            let _ = write!(expression, "\"{}\"{star} ", marked.trim_end());
        }
    }
    (!expression.is_empty()).then_some(expression)
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn push(text: &mut String, scope: i64, word: &str) {
    let _ = write!(text, "{scope}x");
    let mut length = 0;
    for c in word.chars().flat_map(char::to_lowercase) {
        length += c.len_utf8();
        if length > WORD_LENGTH {
            break;
        }
        text.push(c);
    }
    text.push(' ');
}

struct Words {
    scope: i64,
    text: String,
}

impl<'de> DeserializeSeed<'de> for &mut Words {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Words {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        for word in split(text) {
            push(&mut self.text, self.scope, word);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(&mut *self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{of_document, of_query};

    #[test]
    fn text_and_query_are_cut_alike() {
        let json = r#"{"name":"Blue-Green  Tea","n":5,"tags":["HOT","x_1"],"o":{"k":"été 서울"}}"#;
        assert_eq!(
            of_document(7, json),
            "7xblue 7xgreen 7xtea 7xhot 7xx 7x1 7xété 7x서울 "
        );
        assert_eq!(
            of_query(7, "blue-GREEN te*").as_deref(),
            Some("\"7xblue\" \"7xgreen\" \"7xte\"* ")
        );
        assert_eq!(of_query(7, " \"* - "), None);
        assert_eq!(of_document(7, "5"), "");
        assert_eq!(
            of_document(7, &format!("\"{}\"", "a".repeat(500))).len(),
            131
        );
    }
}
