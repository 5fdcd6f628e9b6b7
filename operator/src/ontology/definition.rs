//! The definition of a class for the api, and back.

use spice_crds::{Class, Exact, Fields, Property, Relationship};

/// The declared class in the form of the api.
pub(crate) fn definition(class: &Class) -> Fields {
    // Destructured, so that a new field cannot be forgotten here.
    let Class {
        name,
        label,
        description,
        parent_class,
        is_abstract,
        deprecated,
        properties,
        relationships,
        metadata,
    } = class.clone();
    let mut fields = Fields::new();
    let label = label.unwrap_or_else(|| name.as_str().into());
    put(&mut fields, "id", Some(name));
    put(&mut fields, "label", Some(label));
    put(&mut fields, "description", description);
    put(&mut fields, "parent_class", parent_class);
    put(&mut fields, "abstract", is_abstract);
    let properties: Vec<Exact> = properties.into_iter().map(property).collect();
    put(&mut fields, "properties", filled(properties));
    let relationships: Vec<Exact> = relationships.into_iter().map(relationship).collect();
    put(&mut fields, "relationships", filled(relationships));
    put(&mut fields, "metadata", marked(metadata, deprecated));
    fields
}

fn property(property: Property) -> Exact {
    let Property {
        name,
        kind,
        label,
        required,
        primary_key,
        deprecated,
        default,
        description,
        constraints,
        target,
        link_target,
        is_relationship,
        cardinality,
        integrity,
        inverse_predicate,
        inverse_label,
        items,
        metadata,
    } = property;
    let mut fields = Fields::new();
    put(&mut fields, "name", Some(name));
    put(&mut fields, "type", Some(kind));
    put(&mut fields, "label", label);
    put(&mut fields, "required", required);
    put(&mut fields, "primaryKey", primary_key);
    put(&mut fields, "default", default);
    put(&mut fields, "description", description);
    put(&mut fields, "constraints", some_fields(constraints));
    put(&mut fields, "target", target);
    put(&mut fields, "linkTarget", link_target);
    put(&mut fields, "isRelationship", is_relationship);
    put(&mut fields, "cardinality", cardinality);
    put(&mut fields, "integrity", integrity);
    put(&mut fields, "inverse_predicate", inverse_predicate);
    put(&mut fields, "inverse_label", inverse_label);
    put(&mut fields, "items", items);
    put(&mut fields, "metadata", marked(metadata, deprecated));
    fields.into()
}

fn relationship(relationship: Relationship) -> Exact {
    let Relationship {
        predicate,
        target,
        label,
        cardinality,
        required,
        deprecated,
        constraints,
        description,
        inverse_predicate,
        inverse_label,
        integrity,
        metadata,
    } = relationship;
    let mut fields = Fields::new();
    put(&mut fields, "predicate", Some(predicate));
    put(&mut fields, "target", Some(target));
    put(&mut fields, "label", label);
    put(&mut fields, "cardinality", cardinality);
    put(&mut fields, "required", required);
    put(&mut fields, "constraints", some_fields(constraints));
    put(&mut fields, "description", description);
    put(&mut fields, "inverse_predicate", inverse_predicate);
    put(&mut fields, "inverse_label", inverse_label);
    put(&mut fields, "integrity", integrity);
    put(&mut fields, "metadata", marked(metadata, deprecated));
    fields.into()
}

fn put(fields: &mut Fields, key: &str, value: Option<impl Into<Exact>>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value.into());
    }
}

fn filled(list: Vec<Exact>) -> Option<Exact> {
    (!list.is_empty()).then(|| list.into())
}

fn some_fields(fields: Fields) -> Option<Fields> {
    (!fields.is_empty()).then_some(fields)
}

/// The metadata with the mark of something that should no longer be used.
fn marked(mut metadata: Fields, deprecated: Option<bool>) -> Option<Fields> {
    if let Some(deprecated) = deprecated {
        metadata.insert("deprecated".to_owned(), deprecated.into());
    }
    some_fields(metadata)
}

/// The declaration of a class that has this definition. Fields that the api adds are left out.
pub fn class_of(definition: &Fields) -> Result<Class, serde_json::Error> {
    let members = |key: &str, names: &[(&str, &str)]| -> Option<Exact> {
        let list = definition.get(key)?.as_list()?.iter();
        let declared = list.map(|member| match member.as_object() {
            Some(fields) => rename(fields, names).into(),
            None => member.clone(),
        });
        Some(Exact::from(declared.collect::<Vec<_>>()))
    };
    let mut class = rename(definition, &CLASS);
    for (key, names) in [
        ("properties", &PROPERTY[..]),
        ("relationships", &MEMBER[..]),
    ] {
        put(&mut class, key, members(key, names));
    }
    // The label of a class that was declared without one.
    if class.get("label") == class.get("name") {
        class.shift_remove("label");
    }
    serde_json::from_str(&Exact::from(class).to_json()?)
}

/// Fields of the api that have other names in a declaration.
const CLASS: [(&str, &str); 2] = [("id", "name"), ("parent_class", "parentClass")];
const MEMBER: [(&str, &str); 2] = [
    ("inverse_predicate", "inversePredicate"),
    ("inverse_label", "inverseLabel"),
];
const PROPERTY: [(&str, &str); 3] = [MEMBER[0], MEMBER[1], ("primary_key", "primaryKey")];

/// The fields under the names of a declaration, with the mark of something that should no longer be
/// used out of the metadata.
fn rename(fields: &Fields, names: &[(&str, &str)]) -> Fields {
    let mut renamed = Fields::new();
    for (key, value) in fields {
        let name = names.iter().find(|(api, _)| api == key);
        let name = name.map_or(key.as_str(), |(_, declared)| declared);
        let metadata = value.as_object().filter(|_| name == "metadata");
        let mark = metadata.and_then(|it| it.get("deprecated"));
        let (Some(metadata), Some(mark @ Exact::Bool(_))) = (metadata, mark) else {
            put(&mut renamed, name, Some(value.clone()));
            continue;
        };
        put(&mut renamed, "deprecated", Some(mark.clone()));
        let mut rest = metadata.clone();
        rest.shift_remove("deprecated");
        put(&mut renamed, name, some_fields(rest));
    }
    renamed
}

#[cfg(test)]
mod tests;
