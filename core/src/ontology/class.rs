//! A class: what it declares, and the lookup of its members.

use std::collections::HashMap;

use super::{property::Property, relationship::Relationship, text::Text};
use crate::{
    json::Json,
    name::{ClassName, PropertyName},
    unicode::nfc,
    value::PropertyType,
};

/// A class, as it was written and as it is interpreted. In a [`super::Schema`], its members include
/// inherited ones.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its id.
    pub id: ClassName,
    /// The definition as it was written; the answer of GET.
    pub definition: Json,
    pub(super) label: Text,
    pub(super) description: Option<Text>,
    pub(super) parent: Option<ClassName>,
    pub(super) is_abstract: bool,
    pub(super) allows_additional: bool,
    pub(super) properties: Vec<Property>,
    pub(super) relationships: Vec<Relationship>,
    /// The member for each name or label in normalization form C.
    pub(super) keys: HashMap<String, Key>,
}

/// The member of a class for a name or a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Property(usize),
    Relationship(usize),
}

impl Class {
    /// The type of a property, [`PropertyType::Link`] for a relationship; none for an unknown name.
    pub fn property_type(&self, property: &PropertyName) -> Option<PropertyType> {
        match self.named(property)? {
            Key::Property(index) => Some(self.properties[index].property_type),
            Key::Relationship(_) => Some(PropertyType::Link),
        }
    }

    /// The type that determines how values of a property compare ([`Property::comparison`]); none
    /// for an unknown name.
    pub fn comparison(&self, property: &PropertyName) -> Option<PropertyType> {
        match self.named(property)? {
            Key::Property(index) => Some(self.properties[index].comparison()),
            Key::Relationship(_) => Some(PropertyType::Link),
        }
    }

    /// The relationship with this predicate; none for an unknown name.
    pub fn relationship(&self, predicate: &PropertyName) -> Option<&Relationship> {
        match self.named(predicate)? {
            Key::Property(_) => None,
            Key::Relationship(index) => Some(&self.relationships[index]),
        }
    }

    /// The target class of a relationship; none for an unknown name.
    pub fn relationship_target(&self, predicate: &PropertyName) -> Option<&ClassName> {
        Some(&self.relationship(predicate)?.target)
    }

    /// The target classes of the relationships.
    pub fn targets(&self) -> Vec<&ClassName> {
        let mut targets: Vec<_> = self.relationships.iter().map(|it| &it.target).collect();
        targets.sort();
        targets.dedup();
        targets
    }

    /// The label in a language, by `Accept-Language`, then `ko`, then `en`.
    pub fn label(&self, accept_language: Option<&str>) -> &str {
        self.label.get(accept_language)
    }

    /// The label in every language.
    pub fn labels(&self) -> &Text {
        &self.label
    }

    /// A description for people.
    pub fn description(&self) -> Option<&Text> {
        self.description.as_ref()
    }

    /// The parent class.
    pub fn parent(&self) -> Option<&ClassName> {
        self.parent.as_ref()
    }

    /// Whether it cannot have instances of its own.
    pub fn is_abstract(&self) -> bool {
        self.is_abstract
    }

    /// Whether instances may have keys that the class does not declare.
    pub fn allows_additional_properties(&self) -> bool {
        self.allows_additional
    }

    /// Its properties, in the order written.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// Its relationships, in the order written.
    pub fn relationships(&self) -> &[Relationship] {
        &self.relationships
    }

    /// The properties that form an instance's id, joined with `:` in the written order. In all
    /// parts but the last, `:` is written `%3A` and `%` is written `%25`.
    pub fn primary_key(&self) -> impl Iterator<Item = &Property> {
        self.properties
            .iter()
            .filter(|property| property.primary_key)
    }

    /// The property or predicate with this id, or with this label in any language.
    pub fn resolve(&self, id_or_label: &str) -> Option<&PropertyName> {
        self.member(id_or_label).map(|key| self.key_name(key))
    }

    /// The member with this name or label, in any Unicode form.
    pub(super) fn member(&self, id_or_label: &str) -> Option<Key> {
        self.keys.get(&*nfc(id_or_label)).copied()
    }

    /// The ids of all properties and relationships.
    pub fn names(&self) -> impl Iterator<Item = &PropertyName> {
        let properties = self.properties.iter().map(|property| &property.name);
        properties.chain(
            self.relationships
                .iter()
                .map(|relationship| &relationship.predicate),
        )
    }

    /// The default values.
    pub fn defaults(&self) -> impl Iterator<Item = (&PropertyName, &Json)> {
        let properties = self.properties.iter().map(|it| (&it.name, &it.default));
        let relationships = self.relationships.iter();
        let relationships = relationships.map(|it| (&it.predicate, &it.default));
        let members = properties.chain(relationships);
        members.filter_map(|(name, default)| Some((name, default.as_ref()?)))
    }

    /// The member with exactly this name.
    pub(super) fn named(&self, name: &PropertyName) -> Option<Key> {
        let key = self.keys.get(name.as_str()).copied()?;
        (self.key_name(key) == name).then_some(key)
    }

    /// The name of a member.
    pub(super) fn key_name(&self, key: Key) -> &PropertyName {
        match key {
            Key::Property(index) => &self.properties[index].name,
            Key::Relationship(index) => &self.relationships[index].predicate,
        }
    }

    /// The members that every instance must have.
    pub(super) fn required(&self) -> impl Iterator<Item = &PropertyName> {
        let properties = self.properties.iter().filter(|property| property.required);
        let relationships = self
            .relationships
            .iter()
            .filter(|relationship| relationship.required);
        properties
            .map(|it| &it.name)
            .chain(relationships.map(|it| &it.predicate))
    }

    /// The primary key's properties, for messages.
    pub(super) fn key_field(&self) -> String {
        self.primary_key()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Indexes all names and labels; names come before labels.
    pub(super) fn index(&mut self) {
        let properties = (self.properties.iter().enumerate())
            .map(|(index, it)| (Key::Property(index), it.name.as_str(), &it.label));
        let relationships = (self.relationships.iter().enumerate())
            .map(|(index, it)| (Key::Relationship(index), it.predicate.as_str(), &it.label));
        let members: Vec<_> = properties.chain(relationships).collect();
        let mut keys = HashMap::new();
        for (key, name, _) in &members {
            keys.entry((*name).to_owned()).or_insert(*key);
        }
        for (key, _, label) in &members {
            for text in label.all() {
                keys.entry(nfc(text).into_owned()).or_insert(*key);
            }
        }
        self.keys = keys;
    }
}
