//! The ontology of a branch: classes, their properties and relationships, and what they allow.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    command::RawData,
    error::Refusal,
    id::{CommandId, InstanceRef},
    json::{Json, Properties},
    name::{ClassName, InstanceId, PropertyName},
};

/// The type of a property's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum PropertyType {
    String,
    Text,
    Integer,
    Decimal,
    Number,
    Boolean,
    Date,
    DateTime,
    Url,
    Email,
    Phone,
    Money,
    Enum,
    Uuid,
    Ip,
    Json,
    Object,
    Array,
    Coordinate,
    Address,
    Image,
    File,
    Link,
}

/// A class, as it was written and as it is understood.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its id.
    pub id: ClassName,
    /// What was written, losslessly; what GET answers.
    pub definition: Json,
}

/// An instance that a class accepts.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id.
    pub id: InstanceId,
    /// Its whole state: keys resolved, defaults applied, values as written.
    pub properties: Properties,
    /// Values that must be unique within class and branch: property, digest, the value.
    pub unique: Vec<(PropertyName, String, Json)>,
    /// References that must not lead to nothing: predicate and target.
    pub strict: Vec<(PropertyName, InstanceRef)>,
}

impl Class {
    /// Reads `OntologyCreate` (contract §3); derives the id from the label when there is none.
    pub fn create(definition: &Json) -> Result<Self, Refusal> {
        let _ = definition;
        unimplemented!()
    }
    /// Reads what [`Class::create`] accepted and the log kept. Lenient towards later rules.
    pub fn stored(id: ClassName, definition: &Json) -> Result<Self, Refusal> {
        let _ = (id, definition);
        unimplemented!()
    }
    /// This class with what `patch` gives replaced (a list as a whole) and the rest kept.
    pub fn patched(&self, patch: &Json) -> Result<Self, Refusal> {
        let _ = patch;
        unimplemented!()
    }
    /// Checks a new instance: keys, types, required, constraints, defaults, id.
    pub fn new_instance(
        &self,
        id: Option<&InstanceId>,
        data: &RawData,
        command: CommandId,
        row: usize,
    ) -> Result<Candidate, Refusal> {
        let _ = (id, data, command, row);
        unimplemented!()
    }
    /// Checks a shallow patch of an instance: `null` removes.
    pub fn patched_instance(
        &self,
        id: &InstanceId,
        current: &Properties,
        patch: &RawData,
    ) -> Result<Candidate, Refusal> {
        let _ = (id, current, patch);
        unimplemented!()
    }
    /// The unique values of a state, as in [`Candidate::unique`].
    pub fn unique_values(&self, properties: &Properties) -> Vec<(PropertyName, String, Json)> {
        let _ = properties;
        unimplemented!()
    }
    /// The references that a state holds: predicate and target.
    pub fn references(&self, properties: &Properties) -> Vec<(PropertyName, InstanceRef)> {
        let _ = properties;
        unimplemented!()
    }
    /// The type of a property; none for what the class does not have.
    pub fn property_type(&self, property: &PropertyName) -> Option<PropertyType> {
        let _ = property;
        unimplemented!()
    }
    /// The target class of a relationship; none for what the class does not have.
    pub fn relationship_target(&self, predicate: &PropertyName) -> Option<&ClassName> {
        let _ = predicate;
        unimplemented!()
    }
    /// The classes that the relationships lead to.
    pub fn targets(&self) -> Vec<&ClassName> {
        unimplemented!()
    }
    /// The label in a language, by `Accept-Language`, then `ko`, then `en`.
    pub fn label(&self, accept_language: Option<&str>) -> &str {
        let _ = accept_language;
        unimplemented!()
    }
}

/// The classes of a branch.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    classes: BTreeMap<ClassName, Arc<Class>>,
}

impl Schema {
    /// Puts a class in, or a newer version of it.
    pub fn put(&mut self, class: Arc<Class>) {
        self.classes.insert(class.id.clone(), class);
    }
    /// Takes a class out.
    pub fn remove(&mut self, class: &ClassName) {
        self.classes.remove(class);
    }
    /// A class by id.
    pub fn get(&self, class: &ClassName) -> Option<&Arc<Class>> {
        self.classes.get(class)
    }
    /// A class by id or, failing that, by any of its labels.
    pub fn resolve(&self, id_or_label: &str) -> Option<&Arc<Class>> {
        let _ = id_or_label;
        unimplemented!()
    }
    /// All classes, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.classes.values()
    }
}
