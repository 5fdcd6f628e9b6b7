//! Labels and descriptions: a text, or one text per language.

use super::shape::{Field, Object, Shape};
use crate::json::Json;

/// A text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The same in every language.
    Plain(String),
    /// By language tag, in the order written.
    Languages(Vec<(String, String)>),
}

impl Text {
    /// Parses a string or a map of languages.
    pub(super) fn read(field: &Field<'_>) -> Shape<Self> {
        let wrong = || field.refuse("type", "must be a text or a map from languages to texts");
        if let Some(text) = field.value.as_string() {
            return Ok(Self::Plain(text));
        }
        let languages = crate::json::entries(field.value).ok_or_else(wrong)?;
        if languages.is_empty() {
            return Err(field.refuse("required", "must have a text in at least one language"));
        }
        languages
            .into_iter()
            .map(|(language, text)| Some((language, text.as_string()?)))
            .collect::<Option<Vec<_>>>()
            .map(Self::Languages)
            .ok_or_else(wrong)
    }

    /// Parses a label: no text may be empty or longer than 200 characters.
    pub(super) fn read_label(field: &Field<'_>) -> Shape<Self> {
        let label = Self::read(field)?;
        for text in label.all() {
            if text.trim().is_empty() {
                return Err(field.refuse("required", "must not be empty"));
            }
            if text.chars().count() > 200 {
                return Err(field.refuse("maxLength", "must have at most 200 characters"));
            }
        }
        Ok(label)
    }

    /// Parses the field `label`, which is the name by default.
    pub(super) fn read_label_of(object: &Object, name: &str) -> Shape<Self> {
        object.get("label").map_or_else(
            || Ok(Self::Plain(name.to_owned())),
            |field| Self::read_label(&field),
        )
    }

    /// Parses a field that may be absent.
    pub(super) fn read_optional(object: &Object, key: &str) -> Shape<Option<Self>> {
        object.get(key).map(|field| Self::read(&field)).transpose()
    }

    /// The text in each language.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let (plain, languages) = match self {
            Self::Plain(text) => (Some(text.as_str()), [].as_slice()),
            Self::Languages(languages) => (None, languages.as_slice()),
        };
        plain
            .into_iter()
            .chain(languages.iter().map(|(_, text)| text.as_str()))
    }

    /// The text by language; `*` means every language.
    pub fn by_language(&self) -> impl Iterator<Item = (&str, &str)> {
        let (plain, languages) = match self {
            Self::Plain(text) => (Some(("*", text.as_str())), [].as_slice()),
            Self::Languages(languages) => (None, languages.as_slice()),
        };
        let languages = languages.iter();
        let languages = languages.map(|(language, text)| (language.as_str(), text.as_str()));
        plain.into_iter().chain(languages)
    }

    /// The text by `Accept-Language`, then `ko`, then `en`, then the first.
    pub fn get(&self, accept_language: Option<&str>) -> &str {
        let Self::Languages(languages) = self else {
            return self.all().next().unwrap_or_default();
        };
        parse_languages(accept_language.unwrap_or_default())
            .iter()
            .map(String::as_str)
            .chain(["ko", "en"])
            .find_map(|range| look_up(languages, range))
            .or_else(|| self.all().next())
            .unwrap_or_default()
    }

    /// The texts for deriving an id: `en`, then `ko`, then the rest.
    pub(super) fn for_id(&self) -> Vec<&str> {
        let Self::Languages(languages) = self else {
            return self.all().collect();
        };
        ["en", "ko"]
            .iter()
            .filter_map(|range| look_up(languages, range))
            .chain(self.all())
            .collect()
    }

    /// The text as it is written.
    pub fn to_json(&self) -> Json {
        let value = match self {
            Self::Plain(text) => serde_json::Value::from(text.as_str()),
            Self::Languages(languages) => languages
                .iter()
                .map(|(language, text)| (language.clone(), text.as_str().into()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        };
        Json::from(value)
    }
}

/// The languages of an `Accept-Language`, in order of preference.
fn parse_languages(accept_language: &str) -> Vec<String> {
    let mut ranges: Vec<(f32, String)> = accept_language
        .split(',')
        .filter_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let range = pieces.next().filter(|range| !range.is_empty())?;
            let weight = pieces
                .find_map(|piece| piece.strip_prefix("q="))
                .map_or(Some(1.0), |weight| weight.trim().parse().ok())?;
            (weight > 0.0 && range != "*").then(|| (weight, range.to_owned()))
        })
        .collect();
    ranges.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    ranges.into_iter().map(|(_, range)| range).collect()
}

/// The text of a language: `en-GB` matches `en-GB`, then any other `en`.
fn look_up<'a>(languages: &'a [(String, String)], range: &str) -> Option<&'a str> {
    let primary = |tag: &str| {
        tag.split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    languages
        .iter()
        .find(|(tag, _)| tag.eq_ignore_ascii_case(range))
        .or_else(|| {
            languages
                .iter()
                .find(|(tag, _)| tag.eq_ignore_ascii_case(&primary(range)))
        })
        .or_else(|| {
            languages
                .iter()
                .find(|(tag, _)| primary(tag) == primary(range))
        })
        .map(|(_, text)| text.as_str())
}
