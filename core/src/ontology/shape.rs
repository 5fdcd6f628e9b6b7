//! Parses the fields of a definition; errors name the field and the problem.

use std::str::FromStr;

use serde_json::Value;

use crate::{
    error::{ErrorCode, Refusal},
    json::{Json, entries},
    name::InvalidName,
    value::types,
};

/// The result of parsing a definition.
pub(super) type Shape<T> = Result<T, Refusal>;

/// One field of a definition, with its path: `properties[2].type`.
pub(super) struct Field<'a> {
    pub(super) path: String,
    pub(super) value: &'a Json,
}

impl Field<'_> {
    /// The refusal of this field; `sentence` continues after the field's path.
    pub(super) fn refuse(&self, rule: &str, sentence: &str) -> Refusal {
        refuse(&self.path, rule, &self.value.to_shown(), sentence)
    }

    /// The field as a string.
    pub(super) fn string(&self) -> Shape<String> {
        self.value
            .as_string()
            .ok_or_else(|| self.refuse("type", "must be a string"))
    }

    /// The field as a boolean.
    pub(super) fn boolean(&self) -> Shape<bool> {
        self.value
            .read()
            .map_err(|_| self.refuse("type", "must be true or false"))
    }

    /// The field as a whole number that is not negative. Numbers that are too large become the
    /// largest one, because no value is that long.
    pub(super) fn count(&self) -> Shape<usize> {
        let text = self.value.as_str();
        let is_count = types::is_integer(text) && (!text.starts_with('-') || text == "-0");
        if !is_count {
            return Err(self.refuse("type", "must be a whole number from 0 up"));
        }
        Ok(text.trim_start_matches('-').parse().unwrap_or(usize::MAX))
    }

    /// The field as a list.
    pub(super) fn list(&self) -> Shape<Vec<Json>> {
        crate::json::items(self.value).ok_or_else(|| self.refuse("type", "must be a list"))
    }

    /// The field as a checked name.
    pub(super) fn name<N: FromStr<Err = InvalidName>>(&self) -> Shape<N> {
        self.string()?
            .parse::<N>()
            .map_err(|invalid| Refusal::from(invalid).with("field", self.path.as_str()))
    }

    /// The field as an object with only known keys.
    pub(super) fn object(&self, known: &[&str]) -> Shape<Object> {
        Object::read(&self.path, self.value, known)
    }
}

/// An object of a definition. A field with the value `null` counts as absent.
pub(super) struct Object {
    path: String,
    fields: Vec<(String, Json)>,
}

impl Object {
    /// Parses an object; refuses unknown and duplicate keys.
    pub(super) fn read(path: &str, value: &Json, known: &[&str]) -> Shape<Self> {
        let Some(fields) = entries(value) else {
            return Err(refuse(path, "type", &value.to_shown(), "must be an object"));
        };
        let object = Self {
            path: path.to_owned(),
            fields,
        };
        for (index, (key, value)) in object.fields.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                let sentence = format!("is unknown; the known ones are {}", known.join(", "));
                return Err(refuse(
                    &object.at(key),
                    "unknown",
                    &value.to_shown(),
                    &sentence,
                ));
            }
            if object.fields[..index].iter().any(|(other, _)| other == key) {
                return Err(refuse(
                    &object.at(key),
                    "duplicate",
                    &value.to_shown(),
                    "occurs twice",
                ));
            }
        }
        Ok(object)
    }

    /// A field, if present.
    pub(super) fn get(&self, key: &str) -> Option<Field<'_>> {
        let (_, value) = self
            .fields
            .iter()
            .find(|(name, value)| name == key && !value.is_null())?;
        Some(Field {
            path: self.at(key),
            value,
        })
    }

    /// A required field.
    pub(super) fn need(&self, key: &str) -> Shape<Field<'_>> {
        self.get(key)
            .ok_or_else(|| refuse(&self.at(key), "required", &Value::Null, "is missing"))
    }

    /// The first of two names of one field; refused if both are present and differ.
    pub(super) fn either(&self, key: &str, other: &str) -> Shape<Option<Field<'_>>> {
        match (self.get(key), self.get(other)) {
            (Some(first), Some(second)) if first.value != second.value => {
                Err(second.refuse("duplicate", &format!("differs from {key}")))
            }
            (first, second) => Ok(first.or(second)),
        }
    }

    /// A boolean; false if absent.
    pub(super) fn flag(&self, key: &str) -> Shape<bool> {
        self.get(key).map_or(Ok(false), |field| field.boolean())
    }

    /// The path of a field of this object.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            return key.to_owned();
        }
        format!("{}.{key}", self.path)
    }
}

/// A refusal of a part of a definition.
pub(super) fn refuse(field: &str, rule: &str, value: &Value, sentence: &str) -> Refusal {
    let subject = if field.is_empty() { "the class" } else { field };
    Refusal::new(ErrorCode::InvalidRequest, format!("{subject} {sentence}"))
        .with("field", field)
        .with("rule", rule)
        .with("value", value.clone())
}
