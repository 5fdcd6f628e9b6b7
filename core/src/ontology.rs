//! The ontology of a branch: classes, their properties and relationships, and their rules.

mod constraints;
mod definition;
mod inherit;
mod instance;
mod labels;
pub(crate) mod limits;
mod lint;
pub(crate) mod near;
pub mod network;
mod property;
mod relationship;
mod resolved;
mod rule;
mod schema;
mod shape;
mod text;

use std::collections::HashMap;

pub use self::{
    definition::DEFINITION,
    labels::{LabelKeys, Labels},
    lint::{ChangeLint, Finding, Severity, structure},
    property::Property,
    relationship::{Cardinality, Relationship},
    schema::Schema,
    text::Text,
};
pub use crate::value::PropertyType;
use crate::{
    command::RawData,
    error::{Refusal, Violation},
    id::{CommandId, InstanceRef},
    json::{Json, Properties},
    name::{ClassName, InstanceId, PropertyName},
    unicode::nfc,
};

/// A class, as it was written and as it is interpreted. In a [`Schema`], its members include
/// inherited ones.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its id.
    pub id: ClassName,
    /// The definition as it was written; the answer of GET.
    pub definition: Json,
    label: Text,
    description: Option<Text>,
    parent: Option<ClassName>,
    is_abstract: bool,
    allows_additional: bool,
    properties: Vec<Property>,
    relationships: Vec<Relationship>,
    /// The member for each name or label in normalization form C.
    keys: HashMap<String, Key>,
}

/// The member of a class for a name or a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Property(usize),
    Relationship(usize),
}

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

impl Class {
    /// Parses `OntologyCreate` (contract §3); derives the id from the label if there is none.
    pub fn create(definition: &Json) -> Result<Self, Refusal> {
        definition::create(definition)
    }

    /// Parses what [`Class::create`] accepted and the log kept. Ignores later rules.
    pub fn stored(id: ClassName, definition: &Json) -> Result<Self, Refusal> {
        definition::stored(id, definition)
    }

    /// This class after `patch`: given fields replace the old ones (lists as a whole), other fields
    /// stay, `null` removes a field. The id cannot change.
    pub fn patched(&self, patch: &Json) -> Result<Self, Refusal> {
        definition::patched(self, patch)
    }

    /// Checks a new instance: keys, types, required, constraints, defaults, id.
    pub fn new_instance(
        &self,
        id: Option<&InstanceId>,
        data: &RawData,
        command: CommandId,
        row: usize,
    ) -> Result<Candidate, Refusal> {
        instance::create(self, id, data, command, row, true)
    }

    /// [`Class::new_instance`] for complete data: no default is applied.
    pub fn new_whole_instance(
        &self,
        id: Option<&InstanceId>,
        data: &RawData,
        command: CommandId,
        row: usize,
    ) -> Result<Candidate, Refusal> {
        instance::create(self, id, data, command, row, false)
    }

    /// The id that [`Class::new_instance`] would give to data without one, ignoring other
    /// violations.
    pub fn identify(&self, data: &RawData, command: CommandId, row: usize) -> Option<InstanceId> {
        instance::identify(self, data, command, row)
    }

    /// Checks a shallow patch of an instance: `null` removes a value. Untouched values are not
    /// checked again; `strict` lists the touched references.
    pub fn patched_instance(
        &self,
        id: &InstanceId,
        current: &Properties,
        patch: &RawData,
    ) -> Result<Candidate, Refusal> {
        instance::patch(self, id, current, patch)
    }

    /// Checks a whole state of the instance with this id, such as the result of a merge.
    pub fn checked(
        &self,
        id: &InstanceId,
        properties: Properties,
    ) -> Result<Candidate, Vec<Violation>> {
        instance::whole(self, id, properties)
    }

    /// The unique values of a state, as in [`Candidate::unique`].
    pub fn unique_values(&self, properties: &Properties) -> Vec<(PropertyName, String, Json)> {
        instance::unique(self, properties)
    }

    /// The references of a state: predicate and target.
    pub fn references(&self, properties: &Properties) -> Vec<(PropertyName, InstanceRef)> {
        instance::references(self.relationships.iter(), properties)
    }

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

    /// The target class of a relationship; none for an unknown name.
    pub fn relationship_target(&self, predicate: &PropertyName) -> Option<&ClassName> {
        match self.named(predicate)? {
            Key::Property(_) => None,
            Key::Relationship(index) => Some(&self.relationships[index].target),
        }
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

    /// The id that the primary key gives to a state; none without a complete and valid key.
    pub fn keyed_id(&self, properties: &Properties) -> Option<InstanceId> {
        instance::keyed_id(self, properties)
    }

    /// The properties that form an instance's id, joined with `:` in the written order. In all
    /// parts but the last, `:` is written `%3A` and `%` is written `%25`.
    pub fn primary_key(&self) -> impl Iterator<Item = &Property> {
        self.properties
            .iter()
            .filter(|property| property.primary_key)
    }

    /// The properties that full-text search covers.
    pub fn text_properties(&self) -> impl Iterator<Item = &PropertyName> {
        let is_text = |property: &&Property| property.rule.is_text();
        self.properties
            .iter()
            .filter(is_text)
            .map(|property| &property.name)
    }

    /// The property or predicate with this id, or with this label in any language.
    pub fn resolve(&self, id_or_label: &str) -> Option<&PropertyName> {
        self.member(id_or_label).map(|key| self.key_name(key))
    }

    /// The member with this name or label, in any Unicode form.
    fn member(&self, id_or_label: &str) -> Option<Key> {
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

    fn named(&self, name: &PropertyName) -> Option<Key> {
        let key = self.keys.get(name.as_str()).copied()?;
        (self.key_name(key) == name).then_some(key)
    }

    fn key_name(&self, key: Key) -> &PropertyName {
        match key {
            Key::Property(index) => &self.properties[index].name,
            Key::Relationship(index) => &self.relationships[index].predicate,
        }
    }

    fn required(&self) -> impl Iterator<Item = &PropertyName> {
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
    fn key_field(&self) -> String {
        self.primary_key()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}
