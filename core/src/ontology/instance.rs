//! Checks an instance against its class: keys, values, defaults, required values, the id.

mod key;

use std::collections::HashMap;

use self::key::{is_joined, other_id, primary_key, refuse_key_change};
use super::{
    class::{Class, Key},
    found::Found,
    limits, near,
    property::Property,
    relationship::Relationship,
};
use crate::{
    command::RawData,
    error::{ErrorCode, Refusal, Violation},
    id::{CommandId, InstanceRef},
    json::{Json, Properties, items},
    name::{InstanceId, PropertyName},
    unicode::is_blank,
};

/// An instance that a class accepts.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id.
    pub id: InstanceId,
    /// Its whole state: keys resolved, defaults applied, values as written.
    pub properties: Properties,
    /// Values that must be unique within class and branch: property, digest, value.
    pub unique: Vec<(PropertyName, String, Json)>,
    /// References that must point to existing instances: predicate and target.
    pub strict: Vec<(PropertyName, InstanceRef)>,
}

/// A value that was sent, with its key.
struct Sent<'a> {
    name: PropertyName,
    member: Option<Key>,
    value: &'a Json,
}

impl Class {
    /// Checks a new instance: keys, types, required, constraints, defaults, id.
    pub fn new_instance(
        &self,
        id: Option<&InstanceId>,
        data: &RawData,
        command: CommandId,
        row: usize,
    ) -> Result<Candidate, Refusal> {
        self.check_new(id, data, command, row, true)
    }

    /// [`Class::new_instance`] for complete data: no default is applied.
    pub fn new_whole_instance(
        &self,
        id: Option<&InstanceId>,
        data: &RawData,
        command: CommandId,
        row: usize,
    ) -> Result<Candidate, Refusal> {
        self.check_new(id, data, command, row, false)
    }

    fn check_new(
        &self,
        id: Option<&InstanceId>,
        data: &RawData,
        command: CommandId,
        row: usize,
        with_defaults: bool,
    ) -> Result<Candidate, Refusal> {
        let mut found = Found::default();
        self.refuse_abstract(&mut found);
        if self.is_abstract {
            return Err(Refusal::validation(&found.0));
        }
        let sent = resolve(self, data, &mut found)?;
        let mut properties = Properties::new();
        for value in sent.iter().filter(|sent| !sent.value.is_null()) {
            check(self, value, &mut found);
            properties.insert(value.name.clone(), value.value.clone());
        }
        let given: Vec<PropertyName> = properties.keys().cloned().collect();
        if with_defaults {
            apply_defaults(self, &mut properties);
        }
        self.refuse_missing(&properties, &mut found);
        let keyed = primary_key(self, &properties, &mut found);
        if let (Some(id), Some(key)) = (id, &keyed) {
            self.refuse_other_id(id, key, &mut found);
        }
        if !found.0.is_empty() {
            return Err(Refusal::validation(&found.0));
        }
        let id = (id.cloned().or(keyed))
            .or_else(|| other_id(self, &properties, &given, command, row, &mut found));
        // Older logs have such ids, so only a new instance is refused.
        let is_hidden =
            |id: &InstanceId| id.as_str().starts_with(is_blank) || id.as_str().ends_with(is_blank);
        if id.as_ref().is_some_and(is_hidden) {
            let sentence = "gives an id that begins or ends with an invisible character";
            found.refuse(&self.key_field(), "primary_key", None, sentence);
        }
        match id {
            Some(id) if found.0.is_empty() => Ok(candidate(self, id, properties, None)),
            _ => Err(Refusal::validation(&found.0)),
        }
    }

    /// The id that [`Class::new_instance`] would give to data without one, ignoring other
    /// violations.
    pub fn identify(&self, data: &RawData, command: CommandId, row: usize) -> Option<InstanceId> {
        let mut properties = Properties::new();
        for (key, value) in data.iter().filter(|(_, value)| !value.is_null()) {
            let name = match self.resolve(key) {
                Some(name) => name.clone(),
                None => key.parse().ok()?,
            };
            properties.insert(name, value.clone());
        }
        let given: Vec<PropertyName> = properties.keys().cloned().collect();
        apply_defaults(self, &mut properties);
        let mut found = Found::default();
        if self.primary_key().next().is_some() {
            return primary_key(self, &properties, &mut found);
        }
        other_id(self, &properties, &given, command, row, &mut found)
    }

    /// Checks a shallow patch of an instance: `null` removes a value. Untouched values are not
    /// checked again; `strict` lists the touched references.
    pub fn patch_instance(
        &self,
        id: &InstanceId,
        current: &Properties,
        patch: &RawData,
    ) -> Result<Candidate, Refusal> {
        let mut found = Found::default();
        let sent = resolve(self, patch, &mut found)?;
        let mut properties = current.clone();
        for value in &sent {
            refuse_key_change(self, current, &value.name, value.value, &mut found);
            if value.value.is_null() {
                properties.shift_remove(&value.name);
                if self.required().any(|name| *name == value.name) {
                    found.refuse(
                        value.name.as_str(),
                        "required",
                        None,
                        "is required and cannot be removed",
                    );
                }
            } else {
                check(self, value, &mut found);
                properties.insert(value.name.clone(), value.value.clone());
            }
        }
        if !found.0.is_empty() {
            return Err(Refusal::validation(&found.0));
        }
        let changed: Vec<_> = sent.into_iter().map(|sent| sent.name).collect();
        Ok(candidate(self, id.clone(), properties, Some(&changed)))
    }

    /// Checks a whole state of the instance with this id, such as the result of a merge.
    pub fn check_whole(
        &self,
        id: &InstanceId,
        properties: Properties,
    ) -> Result<Candidate, Vec<Violation>> {
        let mut found = Found::default();
        self.refuse_abstract(&mut found);
        for (name, value) in &properties {
            let member = self.named(name);
            if member.is_none() && !self.allows_additional {
                let sentence = format!("is not a property or relationship of {}", self.id);
                found.refuse(name.as_str(), "unknown_key", Some(value), &sentence);
                continue;
            }
            let name = name.clone();
            let sent = Sent {
                name,
                member,
                value,
            };
            check(self, &sent, &mut found);
        }
        self.refuse_missing(&properties, &mut found);
        if !is_joined(self, id, &properties)
            && let Some(key) = primary_key(self, &properties, &mut found)
        {
            self.refuse_other_id(id, &key, &mut found);
        }
        if !found.0.is_empty() {
            return Err(found.0);
        }
        Ok(candidate(self, id.clone(), properties, None))
    }

    /// The references of a state: predicate and target.
    pub fn references(&self, properties: &Properties) -> Vec<(PropertyName, InstanceRef)> {
        references(self.relationships.iter(), properties)
    }

    /// The unique values of a state, as in [`Candidate::unique`].
    pub fn unique_values(&self, properties: &Properties) -> Vec<(PropertyName, String, Json)> {
        let has_value = |property: &&Property| property.unique;
        self.properties
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

    fn refuse_abstract(&self, found: &mut Found) {
        if self.is_abstract {
            let sentence = "is abstract; only its subclasses can have instances";
            found.refuse(self.id.as_str(), "abstract", None, sentence);
        }
    }

    fn refuse_missing(&self, properties: &Properties, found: &mut Found) {
        for name in self.required() {
            if !properties.contains_key(name) {
                found.refuse(name.as_str(), "required", None, "is required");
            }
        }
    }

    fn refuse_other_id(&self, id: &InstanceId, key: &InstanceId, found: &mut Found) {
        if id != key {
            let sentence = format!("gives the id {key}, not {id}");
            found.refuse(&self.key_field(), "primary_key", None, &sentence);
        }
    }

    /// Whether it accepts a value under a name.
    pub(super) fn accepts(&self, name: &PropertyName, value: &Json) -> bool {
        let mut found = Found::default();
        let member = self.named(name);
        check(
            self,
            &Sent {
                name: name.clone(),
                member,
                value,
            },
            &mut found,
        );
        found.0.is_empty() && (member.is_some() || self.allows_additional)
    }
}

/// The references of a state, for some relationships.
fn references<'a>(
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
        unique: class.unique_values(&properties),
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

fn apply_defaults(class: &Class, properties: &mut Properties) {
    for (name, default) in class.defaults() {
        if !properties.contains_key(name) {
            properties.insert(name.clone(), default.clone());
        }
    }
}
