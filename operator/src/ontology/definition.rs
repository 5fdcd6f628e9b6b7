//! The definition of a class for the api.

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

#[cfg(test)]
mod tests;
