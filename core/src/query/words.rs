//! Words: what full-text search compares. Text and query are cut here, once, for every store and
//! for reads that have no index to ask.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Longer words are the same when they begin the same; in bytes.
const LENGTH: usize = 128;

/// A word that a search looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// The word, in lower case.
    pub word: String,
    /// Whether others that begin with it are found, too.
    pub is_prefix: bool,
}

impl Sought {
    /// The words of a query, all of which must be found: cut at what is no letter and no digit. A
    /// `*` at the end of what stands between spaces opens the word before it.
    pub fn all(query: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for part in query.split_whitespace() {
            let before = all.len();
            each_of_text(part, &mut |word| {
                all.push(Self {
                    word: word.to_owned(),
                    is_prefix: false,
                });
            });
            if let Some(last) = all[before..].last_mut() {
                last.is_prefix = part.ends_with('*');
            }
        }
        all
    }

    /// Whether it is this word of a text.
    pub fn is(&self, word: &str) -> bool {
        word == self.word || (self.is_prefix && word.starts_with(&self.word))
    }
}

/// Calls for each word of every string in a JSON document, keys aside. What cannot be read has no
/// words.
pub fn each(json: &str, take: &mut dyn FnMut(&str)) {
    let mut reader = serde_json::Deserializer::from_str(json);
    // The document itself is kept as it is.
    let _ = Texts(take).deserialize(&mut reader);
}

/// Whether all the words that are looked for are in a JSON document; never when there are none.
pub fn are_in(sought: &[Sought], json: &str) -> bool {
    let mut missing: Vec<&Sought> = sought.iter().collect();
    each(json, &mut |word| missing.retain(|sought| !sought.is(word)));
    missing.is_empty() && !sought.is_empty()
}

fn each_of_text(text: &str, take: &mut dyn FnMut(&str)) {
    let mut lower = String::new();
    let words = text.split(|c: char| !c.is_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        lower.clear();
        for c in word.chars().flat_map(char::to_lowercase) {
            if lower.len() + c.len_utf8() > LENGTH {
                break;
            }
            lower.push(c);
        }
        take(&lower);
    }
}

/// Every string of a JSON document.
struct Texts<'a>(&'a mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        each_of_text(text, self.0);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Texts(&mut *self.0))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Texts(&mut *self.0))?.is_some() {}
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
    use super::{Sought, are_in, each};

    fn words(json: &str) -> Vec<String> {
        let mut words = Vec::new();
        each(json, &mut |word| words.push(word.to_owned()));
        words
    }

    fn sought(query: &str) -> Vec<(String, bool)> {
        let all = Sought::all(query).into_iter();
        all.map(|it| (it.word, it.is_prefix)).collect()
    }

    #[test]
    fn text_and_query_are_cut_alike() {
        let json = r#"{"name":"Blue-Green  Tea","n":5,"tags":["HOT","x_1"],"o":{"k":"été 서울"}}"#;
        let known = ["blue", "green", "tea", "hot", "x", "1", "été", "서울"];
        assert_eq!(words(json), known);
        assert_eq!(words("5"), [""; 0]);
        assert_eq!(words(&format!("\"{}\"", "a".repeat(500)))[0].len(), 128);
        let word = |word: &str, is_prefix| (word.to_owned(), is_prefix);
        assert_eq!(
            sought("blue-GREEN te*"),
            [word("blue", false), word("green", false), word("te", true)]
        );
        assert_eq!(sought("a-b*"), [word("a", false), word("b", true)]);
        assert_eq!(sought(" \"* - "), []);
    }

    #[test]
    fn a_star_opens_only_the_word_that_it_stands_at() {
        assert_eq!(sought("tea *"), [("tea".to_owned(), false)]);
        assert!(!are_in(&Sought::all("tea *"), r#"{"name":"teapot"}"#));
        assert!(are_in(&Sought::all("tea*"), r#"{"name":"Teapot"}"#));
        assert!(!are_in(&Sought::all("*"), r#"{"name":"teapot"}"#));
        assert!(!are_in(&Sought::all("tea pot"), r#"{"name":"tea"}"#));
    }
}
