//! The classes of a branch, with inherited members.

use std::{collections::HashMap, iter::successors, sync::Arc};

use indexmap::IndexMap;
use serde::Deserialize;
use spice_client::{Client, Read};
use spice_core::{
    command::RawData,
    json::Json,
    name::{ClassName, PropertyName},
    ontology::{Class, Schema},
};

use crate::error::Result;

/// The fields of a JSON object, each as it was written.
pub type Fields = RawData;

/// A property or a relationship of a class, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The fields that the class sets, and those that it inherits.
    pub fields: Fields,
    /// The nearest class that declares it.
    pub declared_by: ClassName,
}

/// The lists of members in a definition.
#[derive(Default, Deserialize)]
struct Lists {
    #[serde(default)]
    properties: Vec<Fields>,
    #[serde(default)]
    relationships: Vec<Fields>,
}

/// All classes of a branch.
pub async fn fetch(client: &Client, database: &str, read: &Read) -> Result<Schema> {
    let mut schema = Schema::default();
    for definition in client.class_definitions(database, read).await? {
        let definition = Json::parse(definition.get())?;
        let fields: Fields = definition.read()?;
        let id = fields.get("id").and_then(Json::as_string);
        let id: ClassName = id.unwrap_or_default().parse()?;
        schema.put(Arc::new(Class::parse_stored(id, &definition)?));
    }
    Ok(schema)
}

/// The definition of each member of a class, in the class's order. A member that the class declares
/// again inherits the fields that it leaves out.
pub fn members(
    schema: &Schema,
    class: &Class,
) -> serde_json::Result<IndexMap<PropertyName, Member>> {
    let resolved = schema.resolved_definition(&class.id)?;
    let lists: Lists = resolved.as_ref().unwrap_or(&class.definition).read()?;
    let written = lists.properties.into_iter().chain(lists.relationships);
    let written: HashMap<String, Fields> = written
        .filter_map(|fields| {
            let name = fields.get("name").or_else(|| fields.get("predicate"))?;
            Some((name.as_string()?, fields))
        })
        .collect();
    let member = |name: &PropertyName| {
        let member = Member {
            fields: written.get(name.as_str())?.clone(),
            declared_by: find_declaring_class(schema, class, name),
        };
        Some((name.clone(), member))
    };
    Ok(class.names().filter_map(member).collect())
}

/// The nearest class that declares a member.
fn find_declaring_class(schema: &Schema, class: &Class, name: &PropertyName) -> ClassName {
    let parent = |class: &&Arc<Class>| schema.get_declared(class.parent()?);
    // Each class once, even if parents form a cycle.
    let mut declared =
        successors(schema.get_declared(&class.id), parent).take(schema.iter_declared().count());
    let declaring = declared.find(|it| it.names().any(|own| own == name));
    declaring.map_or(&class.id, |it| &it.id).clone()
}
