//! The id that an instance gets, from its primary key or otherwise.

use sha2::{Digest, Sha256};

use super::{Class, Found, Sent};
use crate::{
    id::CommandId,
    json::{Json, Properties, hex},
    name::PropertyName,
    ontology::types,
};

/// The id that the primary key makes; none when a part of it is missing.
pub(super) fn primary_key(
    class: &Class,
    properties: &Properties,
    found: &mut Found,
) -> Option<String> {
    let keys: Vec<_> = class.primary_key().collect();
    let mut parts = Vec::with_capacity(keys.len());
    for property in &keys {
        parts.push(as_id(properties.get(&property.name)?)?);
    }
    // Only the last part may hold the separator: so no two keys make one id.
    for (property, part) in keys.iter().zip(&parts).rev().skip(1) {
        if part.contains(':') {
            let sentence = "is part of the primary key, where only the last part may hold a ':'";
            found.refuse(
                property.name.as_str(),
                "primary_key",
                properties.get(&property.name),
                sentence,
            );
        }
    }
    (!parts.is_empty()).then(|| parts.join(":"))
}

/// The id of an instance without a primary key.
pub(super) fn other_id(
    class: &Class,
    properties: &Properties,
    given: &[PropertyName],
    command: CommandId,
    row: usize,
) -> String {
    let value = |name: &PropertyName| {
        let is_link = class.relationship_target(name).is_some();
        properties.get(name).filter(|_| !is_link).and_then(as_id)
    };
    let own = format!("{}_id", class.id.as_str().to_lowercase());
    if let Some(id) = given
        .iter()
        .find(|name| name.as_str() == own)
        .and_then(value)
    {
        return id;
    }
    let mut others = given.iter().filter(|name| name.as_str().ends_with("_id"));
    if let (Some(only), None) = (others.next(), others.next())
        && let Some(id) = value(only)
    {
        return id;
    }
    let digest = Sha256::digest(format!("{command}:{row}").as_bytes());
    let hex = hex(digest.iter().take(4));
    format!("{}_{hex}", class.id)
}

/// A string or an integer as an id.
fn as_id(value: &Json) -> Option<String> {
    match value.as_str() {
        "-0" => Some("0".to_owned()),
        text if types::is_integer(text) => Some(text.to_owned()),
        _ => value.as_string(),
    }
}

/// The id that the primary key of a class makes of a state; none without a whole key.
pub(in crate::ontology) fn keyed_id(class: &Class, properties: &Properties) -> Option<String> {
    primary_key(class, properties, &mut Found::default())
}

/// Refuses a patch that would give the instance another id.
pub(super) fn refuse_key_change(
    class: &Class,
    current: &Properties,
    sent: &Sent<'_>,
    found: &mut Found,
) {
    let Some(property) = class
        .primary_key()
        .find(|property| property.name == sent.name)
    else {
        return;
    };
    let was = current.get(&sent.name).and_then(as_id);
    let is = Some(sent.value)
        .filter(|value| !value.is_null())
        .and_then(as_id);
    if was != is {
        let sentence = "is part of the primary key and cannot change";
        found.refuse(
            property.name.as_str(),
            "primary_key",
            Some(sent.value),
            sentence,
        );
    }
}
