//! The names of declared things in the api.

use std::collections::BTreeMap;

use spice_crds::Ontology;

use super::declaration::{AnyResource, Declared};
use crate::kind::Kind;

/// The names in the api of the declared databases, by namespace and object name.
pub(crate) type Databases = BTreeMap<(String, String), String>;

/// Collects the declared databases.
pub(crate) fn databases(declared: &[Declared]) -> Databases {
    let databases = declared.iter().filter_map(|declared| {
        let AnyResource::Database(database) = &declared.resource else {
            return None;
        };
        let (_, namespace, name) = declared.resource.identity();
        Some(((namespace, name), database.database_name()))
    });
    databases.collect()
}

/// The name in the api of the database that a resource refers to. For a database that is not
/// declared, the name that its object would give it.
pub(crate) fn database_of<K: Kind>(resource: &K, databases: &Databases) -> Option<String> {
    let name = &resource.database_ref()?.name;
    let namespace = resource.database_namespace().to_owned();
    let known = databases.get(&(namespace, name.clone())).cloned();
    Some(known.unwrap_or_else(|| name.replace('-', "_")))
}

/// A class, identified by its names in the api.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The database.
    pub(crate) database: String,
    /// The branch.
    pub(crate) branch: String,
    /// The class.
    pub(crate) class: String,
}

/// The classes that a resource declares, with their parents.
pub(crate) fn places_of(ontology: &Ontology, databases: &Databases) -> Vec<(Place, Option<Place>)> {
    let database = database_of(ontology, databases).unwrap_or_default();
    let place = |class: &str| Place {
        database: database.clone(),
        branch: ontology.spec.branch_name().to_owned(),
        class: class.to_owned(),
    };
    let classes = ontology.spec.classes.iter();
    classes
        .map(|class| (place(&class.name), class.parent_class.as_deref().map(place)))
        .collect()
}
