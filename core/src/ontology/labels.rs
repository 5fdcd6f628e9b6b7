//! The labels of a class: reading and setting them separately.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Class, Text, found::Found};
use crate::{
    error::{ErrorCode, Refusal},
    json::{Json, entries, items, object},
    name::ClassName,
};

/// The labels of a class and its members, as written: a text, or a map from languages to texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The class.
    pub class_id: ClassName,
    /// Its own label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Json>,
    /// The labels of its properties, by name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Json>")]
    pub properties: IndexMap<String, Json>,
    /// The labels of its relationships, by predicate.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Json>")]
    pub relationships: IndexMap<String, Json>,
}

/// The id for each label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LabelKeys {
    /// The label of the class.
    #[schemars(with = "BTreeMap<String, String>")]
    pub classes: IndexMap<String, String>,
    /// The labels of properties.
    #[schemars(with = "BTreeMap<String, String>")]
    pub properties: IndexMap<String, String>,
    /// The labels of relationships.
    #[schemars(with = "BTreeMap<String, String>")]
    pub relationships: IndexMap<String, String>,
}

impl Class {
    /// The labels of its own members.
    pub fn own_labels(&self) -> Labels {
        let properties = self.properties.iter();
        let relationships = self.relationships.iter();
        Labels {
            class_id: self.id.clone(),
            label: Some(self.label.to_json()),
            properties: properties
                .map(|it| (it.name.to_string(), it.label.to_json()))
                .collect(),
            relationships: relationships
                .map(|it| (it.predicate.to_string(), it.label.to_json()))
                .collect(),
        }
    }

    /// The id for each label, by language; `*` contains those that are the same in all.
    pub fn label_keys(&self) -> IndexMap<String, LabelKeys> {
        let mut keys: IndexMap<String, LabelKeys> = IndexMap::new();
        let mut add = |text: &Text, id: &str, part: fn(&mut LabelKeys) -> &mut IndexMap<_, _>| {
            for (language, text) in text.by_language() {
                let known = keys.entry(language.to_owned()).or_default();
                part(known).insert(text.to_owned(), id.to_owned());
            }
        };
        add(&self.label, self.id.as_str(), |keys| &mut keys.classes);
        for property in &self.properties {
            add(&property.label, property.name.as_str(), |keys| {
                &mut keys.properties
            });
        }
        for relationship in &self.relationships {
            let id = relationship.predicate.as_str();
            add(&relationship.label, id, |keys| &mut keys.relationships);
        }
        keys
    }

    /// The patch that sets these labels and changes nothing else. Undeclared members are refused by
    /// name.
    pub fn label_patch(&self, labels: &Labels) -> Result<Json, Refusal> {
        let mut found = Found::default();
        let mut refuse = |member: &str, label: &Json| {
            let sentence = format!("is not declared by class {}", self.id);
            found.refuse(member, "unknown", Some(label), &sentence);
        };
        for (name, label) in &labels.properties {
            if !self.properties.iter().any(|it| it.name.as_str() == name) {
                refuse(name, label);
            }
        }
        for (name, label) in &labels.relationships {
            if !self
                .relationships
                .iter()
                .any(|it| it.predicate.as_str() == name)
            {
                refuse(name, label);
            }
        }
        if !found.0.is_empty() {
            return Err(Refusal::validation(&found.0));
        }
        let mut patch: Vec<(&str, Json)> = Vec::new();
        patch.extend(labels.label.clone().map(|label| ("label", label)));
        for list in ["properties", "relationships"] {
            if let Some(members) = self.with_labels(list, labels)? {
                patch.push((list, members));
            }
        }
        object(patch.iter().map(|(key, value)| (*key, value))).map_err(|error| internal(&error))
    }

    /// A list of the definition with the labels set; none if no label is in it.
    fn with_labels(&self, list: &str, labels: &Labels) -> Result<Option<Json>, Refusal> {
        let fields = entries(&self.definition).unwrap_or_default();
        let members = fields.iter().find(|(key, _)| key == list);
        let Some(mut members) = members.and_then(|(_, members)| items(members)) else {
            return Ok(None);
        };
        let mut changed = false;
        for member in &mut members {
            let mut fields = entries(member).unwrap_or_default();
            let name = fields
                .iter()
                .find(|(key, _)| key == "name" || key == "predicate");
            let Some(name) = name.and_then(|(_, name)| name.as_string()) else {
                continue;
            };
            // A link property is a relationship, wherever it is written.
            let of_either = labels.properties.get(&name);
            let Some(label) = of_either.or_else(|| labels.relationships.get(&name)) else {
                continue;
            };
            match fields.iter_mut().find(|(key, _)| key == "label") {
                Some(field) => field.1 = label.clone(),
                None => fields.push(("label".to_owned(), label.clone())),
            }
            *member = object(fields.iter().map(|(key, value)| (key.as_str(), value)))
                .map_err(|error| internal(&error))?;
            changed = true;
        }
        let list = Json::of(&members).map_err(|error| internal(&error))?;
        Ok(changed.then_some(list))
    }
}

fn internal(error: &serde_json::Error) -> Refusal {
    Refusal::new(ErrorCode::Internal, error.to_string())
}
