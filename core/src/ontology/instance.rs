//! Checks an instance against its class: keys, values, defaults, required values, the id.

mod key;

use std::collections::HashMap;

pub(super) use self::key::keyed_id;
use self::key::{is_joined, other_id, primary_key, refuse_key_change};

use super::{
    Candidate, Class, Key, limits, near, property::Property, relationship::Relationship,
    rule::Found,
};
use crate::{
    command::RawData,
    error::{ErrorCode, Refusal, Violation},
    id::{CommandId, InstanceRef},
    json::{Json, Properties, items},
    name::{InstanceId, PropertyName},
    unicode::is_blank,
};

/// A value that was sent, with its key.
struct Sent<'a> {
    name: PropertyName,
    member: Option<Key>,
    value: &'a Json,
}

/// Checks a new instance, with or without defaults.
pub(super) fn create(
    class: &Class,
    id: Option<&InstanceId>,
    data: &RawData,
    command: CommandId,
    row: usize,
    with_defaults: bool,
) -> Result<Candidate, Refusal> {
    let mut found = Found::default();
    if class.is_abstract {
        let sentence = "is abstract; only its subclasses can have instances";
        found.refuse(class.id.as_str(), "abstract", None, sentence);
        return Err(Refusal::validation(&found.0));
    }
    let sent = resolve(class, data, &mut found)?;
    let mut properties = Properties::new();
    for value in sent.iter().filter(|sent| !sent.value.is_null()) {
        check(class, value, &mut found);
        properties.insert(value.name.clone(), value.value.clone());
    }
    let given: Vec<PropertyName> = properties.keys().cloned().collect();
    if with_defaults {
        apply_defaults(class, &mut properties);
    }
    for name in class.required() {
        if !properties.contains_key(name) {
            found.refuse(name.as_str(), "required", None, "is required");
        }
    }
    let keyed = primary_key(class, &properties, &mut found);
    if let (Some(id), Some(key)) = (id, &keyed)
        && id != key
    {
        let sentence = format!("gives the id {key}, not {id}");
        found.refuse(&class.key_field(), "primary_key", None, &sentence);
    }
    if !found.0.is_empty() {
        return Err(Refusal::validation(&found.0));
    }
    let id = (id.cloned().or(keyed))
        .or_else(|| other_id(class, &properties, &given, command, row, &mut found));
    if id
        .as_ref()
        .is_some_and(|id| id.as_str().chars().all(is_blank))
    {
        let sentence = "gives an id without any visible character";
        found.refuse(&class.key_field(), "primary_key", None, sentence);
    }
    match id {
        Some(id) if found.0.is_empty() => Ok(candidate(class, id, properties, None)),
        _ => Err(Refusal::validation(&found.0)),
    }
}

/// The id of a new instance as far as its data determines it, ignoring other violations.
pub(super) fn identify(
    class: &Class,
    data: &RawData,
    command: CommandId,
    row: usize,
) -> Option<InstanceId> {
    let mut properties = Properties::new();
    for (key, value) in data.iter().filter(|(_, value)| !value.is_null()) {
        let name = match class.resolve(key) {
            Some(name) => name.clone(),
            None => key.parse().ok()?,
        };
        properties.insert(name, value.clone());
    }
    let given: Vec<PropertyName> = properties.keys().cloned().collect();
    apply_defaults(class, &mut properties);
    let mut found = Found::default();
    if class.primary_key().next().is_some() {
        return primary_key(class, &properties, &mut found);
    }
    other_id(class, &properties, &given, command, row, &mut found)
}

/// Checks a patch of an instance.
pub(super) fn patch(
    class: &Class,
    id: &InstanceId,
    current: &Properties,
    patch: &RawData,
) -> Result<Candidate, Refusal> {
    let mut found = Found::default();
    let sent = resolve(class, patch, &mut found)?;
    let mut properties = current.clone();
    for value in &sent {
        refuse_key_change(class, current, value, &mut found);
        if value.value.is_null() {
            properties.shift_remove(&value.name);
            if class.required().any(|name| *name == value.name) {
                found.refuse(
                    value.name.as_str(),
                    "required",
                    None,
                    "is required and cannot be removed",
                );
            }
        } else {
            check(class, value, &mut found);
            properties.insert(value.name.clone(), value.value.clone());
        }
    }
    if !found.0.is_empty() {
        return Err(Refusal::validation(&found.0));
    }
    let changed: Vec<_> = sent.into_iter().map(|sent| sent.name).collect();
    Ok(candidate(class, id.clone(), properties, Some(&changed)))
}

/// Checks a whole state.
pub(super) fn whole(
    class: &Class,
    id: &InstanceId,
    properties: Properties,
) -> Result<Candidate, Vec<Violation>> {
    let mut found = Found::default();
    if class.is_abstract {
        let sentence = "is abstract; only its subclasses can have instances";
        found.refuse(class.id.as_str(), "abstract", None, sentence);
    }
    for (name, value) in &properties {
        let member = class.named(name);
        if member.is_none() && !class.allows_additional {
            let sentence = format!("is not a property or relationship of {}", class.id);
            found.refuse(name.as_str(), "unknown_key", Some(value), &sentence);
            continue;
        }
        let name = name.clone();
        let sent = Sent {
            name,
            member,
            value,
        };
        check(class, &sent, &mut found);
    }
    for name in class.required() {
        if !properties.contains_key(name) {
            found.refuse(name.as_str(), "required", None, "is required");
        }
    }
    if !is_joined(class, id, &properties)
        && let Some(key) = primary_key(class, &properties, &mut found)
        && *id != key
    {
        let sentence = format!("gives the id {key}, not {id}");
        found.refuse(&class.key_field(), "primary_key", None, &sentence);
    }
    if !found.0.is_empty() {
        return Err(found.0);
    }
    Ok(candidate(class, id.clone(), properties, None))
}

/// The references of a state, for some relationships.
pub(super) fn references<'a>(
    relationships: impl Iterator<Item = &'a Relationship>,
    properties: &Properties,
) -> Vec<(PropertyName, InstanceRef)> {
    let mut references = Vec::new();
    for relationship in relationships {
        let Some(value) = properties.get(&relationship.predicate) else {
            continue;
        };
        let targets = items(value).unwrap_or_else(|| vec![value.clone()]);
        for target in targets {
            let reference = target.as_string().and_then(|text| text.parse().ok());
            references.extend(reference.map(|it| (relationship.predicate.clone(), it)));
        }
    }
    references
}

/// The unique values of a state.
pub(super) fn unique(class: &Class, properties: &Properties) -> Vec<(PropertyName, String, Json)> {
    let has_value = |property: &&Property| property.unique;
    class
        .properties
        .iter()
        .filter(has_value)
        .filter_map(|property| {
            let value = properties
                .get(&property.name)
                .filter(|value| !value.is_null())?;
            let digest = property.rule.key(value).digest();
            Some((property.name.clone(), digest, value.clone()))
        })
        .collect()
}

fn candidate(
    class: &Class,
    id: InstanceId,
    properties: Properties,
    changed: Option<&[PropertyName]>,
) -> Candidate {
    let is_checked = |relationship: &&Relationship| {
        relationship.strict && changed.is_none_or(|names| names.contains(&relationship.predicate))
    };
    Candidate {
        id,
        unique: unique(class, &properties),
        strict: references(class.relationships.iter().filter(is_checked), &properties),
        properties,
    }
}

/// Finds the property of each key; refuses unknown keys.
fn resolve<'a>(
    class: &Class,
    data: &'a RawData,
    found: &mut Found,
) -> Result<Vec<Sent<'a>>, Refusal> {
    let most = limits::KEYS.max(class.properties.len() + class.relationships.len());
    if data.len() > most {
        found.refuse("data", "limit", None, &format!("has more than {most} keys"));
        return Err(Refusal::validation(&found.0));
    }
    let mut unknown = Vec::new();
    let mut sent = Vec::with_capacity(data.len());
    let mut taken: HashMap<PropertyName, &str> = HashMap::new();
    for (key, value) in data {
        let member = class.member(key);
        let name = match member {
            Some(member) => class.key_name(member).clone(),
            None if class.allows_additional => key.parse()?,
            None => {
                unknown.push(key.as_str());
                continue;
            }
        };
        if let Some(other) = taken.insert(name.clone(), key) {
            let sentence = format!("is given twice, as {other:?} and as {key:?}");
            found.refuse(name.as_str(), "duplicate", Some(value), &sentence);
        }
        sent.push(Sent {
            name,
            member,
            value,
        });
    }
    if unknown.is_empty() {
        return Ok(sent);
    }
    Err(unknown_keys(class, &unknown))
}

fn unknown_keys(class: &Class, unknown: &[&str]) -> Refusal {
    let known: Vec<_> = class.names().map(PropertyName::as_str).collect();
    let labels = class.keys.keys().map(String::as_str);
    let hint = near::hint(unknown, labels, &known);
    let keys = unknown.join(", ");
    let message = format!(
        "{} has no property or relationship {keys}; {hint}",
        class.id
    );
    Refusal::new(ErrorCode::UnknownLabelKeys, message)
        .with("class_id", class.id.as_str())
        .with("labels", unknown.to_vec())
        .with("hint", hint)
}

fn check(class: &Class, sent: &Sent<'_>, found: &mut Found) {
    let name = sent.name.as_str();
    match sent.member {
        Some(Key::Property(index)) => class.properties[index].check(name, sent.value, found),
        Some(Key::Relationship(index)) => {
            class.relationships[index].check(name, sent.value, found);
        }
        None => {
            // Any value is allowed, but large ones only for declared properties.
            if let Err((rule, sentence)) = limits::check(sent.value, false) {
                found.refuse(name, rule, Some(sent.value), &sentence);
            }
        }
    }
}

/// Whether a class accepts a value under a name.
pub(super) fn accepts(class: &Class, name: &PropertyName, value: &Json) -> bool {
    let mut found = Found::default();
    let member = class.named(name);
    check(
        class,
        &Sent {
            name: name.clone(),
            member,
            value,
        },
        &mut found,
    );
    found.0.is_empty() && (member.is_some() || class.allows_additional)
}

fn apply_defaults(class: &Class, properties: &mut Properties) {
    for (name, default) in class.defaults() {
        if !properties.contains_key(name) {
            properties.insert(name.clone(), default.clone());
        }
    }
}
