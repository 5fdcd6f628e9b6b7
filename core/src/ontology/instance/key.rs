//! The id of an instance, from its primary key or otherwise.

use sha2::{Digest, Sha256};

use crate::{
    id::{CommandId, escape},
    json::{Json, Properties, hex},
    name::{InstanceId, PropertyName},
    ontology::{class::Class, found::Found, property::Property},
    unicode::nfc,
    value::{PropertyType, decimal::Decimal, types},
};

/// The id from the primary key; none if a part is missing or invalid, which is a violation.
pub(super) fn primary_key(
    class: &Class,
    properties: &Properties,
    found: &mut Found,
) -> Option<InstanceId> {
    let keys: Vec<_> = class.primary_key().collect();
    let last = keys.len().checked_sub(1)?;
    let mut parts = Vec::with_capacity(keys.len());
    for (index, property) in keys.iter().enumerate() {
        let fit = property.property_type.is_key();
        let value = properties.get(&property.name).filter(|_| fit)?;
        let part = read_part(property, value, found);
        // The last part is written unchanged: it starts after as many `:` as there are other parts.
        let written = part.as_ref().map(|part| {
            if index == last {
                part.as_str().to_owned()
            } else {
                escape(part.as_str()).into_owned()
            }
        });
        parts.push(written);
    }
    let parts: Vec<String> = parts.into_iter().collect::<Option<_>>()?;
    let id: Result<InstanceId, _> = parts.join(":").parse();
    if id.is_err() {
        let sentence = format!(
            "cannot form an id together: the id must have {}",
            InstanceId::RULE
        );
        found.refuse(&class.key_field(), "primary_key", None, &sentence);
    }
    id.ok()
}

/// A part of a primary key, which must be valid in an id on its own.
fn read_part(property: &Property, value: &Json, found: &mut Found) -> Option<InstanceId> {
    let name = property.name.as_str();
    let part = part_text(property, value).and_then(|text| text.parse().ok());
    // A value of the wrong type is already a violation.
    if part.is_none() && !found.0.iter().any(|known| known.field == name) {
        found.refuse(name, "primary_key", Some(value), &not_an_id());
    }
    part
}

/// The text of a part of a primary key. Equal decimals have one text, however they are written.
fn part_text(property: &Property, value: &Json) -> Option<String> {
    match property.property_type {
        PropertyType::Decimal => Decimal::parse(value.as_str())?.to_plain(),
        _ => key_text(value),
    }
}

fn not_an_id() -> String {
    format!(
        "cannot be the id of an instance: it must have {}",
        InstanceId::RULE
    )
}

/// The id of an instance without a primary key; none if the property for it has an invalid value,
/// which is a violation.
pub(super) fn other_id(
    class: &Class,
    properties: &Properties,
    given: &[PropertyName],
    command: CommandId,
    row: usize,
    found: &mut Found,
) -> Option<InstanceId> {
    let value = |name: &PropertyName| {
        let is_link = class.relationship_target(name).is_some();
        properties
            .get(name)
            .filter(|value| !is_link && names_instance(value))
    };
    let own = format!("{}_id", class.id.as_str().to_lowercase());
    let own = given.iter().find(|name| name.as_str() == own);
    let mut others = given.iter().filter(|name| name.as_str().ends_with("_id"));
    let only = others.next().filter(|_| others.next().is_none());
    let named = [own, only]
        .into_iter()
        .flatten()
        .find_map(|name| Some((name, value(name)?)));
    if let Some((name, value)) = named {
        let id = key_text(value).and_then(|text| text.parse().ok());
        if id.is_none() {
            found.refuse(name.as_str(), "instance_id", Some(value), &not_an_id());
        }
        return id;
    }
    let digest = Sha256::digest(format!("{command}:{row}").as_bytes());
    let hex = hex(digest.iter().take(4));
    format!("{}_{hex}", class.id).parse().ok()
}

/// Whether a value outside a primary key may be an id: a string or an integer.
fn names_instance(value: &Json) -> bool {
    types::is_integer(value.as_str()) || value.as_string().is_some()
}

/// The text of a key: a string, a number or a boolean as it is written; none for anything else.
fn key_text(value: &Json) -> Option<String> {
    match value.as_str() {
        "-0" => Some("0".to_owned()),
        text if types::is_number(value) || types::is_boolean(value) => Some(text.to_owned()),
        _ => value.as_string(),
    }
}

impl Class {
    /// The id that the primary key gives to a state; none without a complete and valid key.
    pub fn keyed_id(&self, properties: &Properties) -> Option<InstanceId> {
        primary_key(self, properties, &mut Found::default())
    }
}

/// Whether an earlier version derived the id of a stored state from its key: it joined the parts
/// unchanged, and allowed empty ones.
pub(super) fn is_joined(class: &Class, id: &InstanceId, properties: &Properties) -> bool {
    let parts = class.primary_key().map(|property| {
        let fit = property.property_type.is_key();
        properties
            .get(&property.name)
            .filter(|_| fit)
            .and_then(key_text)
    });
    let parts: Option<Vec<String>> = parts.collect();
    parts.is_some_and(|parts| parts.len() > 1 && parts.join(":") == id.as_str())
}

/// Refuses a patch that would change the id.
pub(super) fn refuse_key_change(
    class: &Class,
    current: &Properties,
    name: &PropertyName,
    sent: &Json,
    found: &mut Found,
) {
    let Some(property) = class.primary_key().find(|property| property.name == *name) else {
        return;
    };
    let part = |value: &Json| part_text(property, value).map(|text| nfc(&text).into_owned());
    let was = current.get(name).and_then(part);
    let is = Some(sent).filter(|value| !value.is_null()).and_then(part);
    if was != is {
        let sentence = "is part of the primary key and cannot change";
        found.refuse(property.name.as_str(), "primary_key", Some(sent), sentence);
    }
}
