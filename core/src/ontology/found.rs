//! The violations that checks find.

use super::{
    PropertyType,
    shape::{Field, Shape},
};
use crate::{error::Violation, json::Json};

/// A value and its place.
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) property_type: PropertyType,
    pub(super) value: &'a Json,
}

/// The violations found so far.
#[derive(Debug, Default)]
pub(super) struct Found(pub(super) Vec<Violation>);

impl Found {
    /// Adds a violation; `sentence` continues after the field's path.
    pub(super) fn add(&mut self, place: &Place<'_>, rule: &str, sentence: &str) {
        self.refuse(place.path, rule, Some(place.value), sentence);
    }

    /// Adds a violation of a field that may have no value.
    pub(super) fn refuse(&mut self, path: &str, rule: &str, value: Option<&Json>, sentence: &str) {
        let value = value.map_or(serde_json::Value::Null, Json::to_shown);
        self.0.push(Violation::new(
            path,
            rule,
            value,
            format!("{path} {sentence}"),
        ));
    }
}

/// Refuses a default that breaks a rule.
pub(super) fn refuse_default(field: &Field<'_>, check: impl FnOnce(&mut Found)) -> Shape<()> {
    let mut found = Found::default();
    check(&mut found);
    match found.0.first() {
        None => Ok(()),
        Some(violation) => {
            let reason = violation.message.strip_prefix(field.path.as_str());
            Err(field.refuse("default", reason.unwrap_or(&violation.message).trim_start()))
        }
    }
}
