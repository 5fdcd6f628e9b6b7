//! The definition of a class for the api, and the comparison of two definitions. Older names and
//! explicit defaults make no difference.

use spice_crds::{Exact, Fields, OntologySpec, Property, Relationship};

/// The keys of a class that a declaration controls, with the value that means "none" in a change.
const KEYS: [&str; 7] = [
    "label",
    "description",
    "parent_class",
    "abstract",
    "properties",
    "relationships",
    "metadata",
];

/// The declared class in the form of the api, without its id.
pub(super) fn definition(spec: &OntologySpec) -> Fields {
    let mut class = Fields::new();
    class.insert("label".into(), spec.label.clone());
    put(&mut class, "description", spec.description.clone());
    put(&mut class, "parent_class", spec.parent_class.clone());
    put(&mut class, "abstract", spec.is_abstract);
    let properties: Vec<Exact> = spec.properties.iter().map(property).collect();
    put(&mut class, "properties", filled(properties));
    let relationships: Vec<Exact> = spec.relationships.iter().map(relationship).collect();
    put(&mut class, "relationships", filled(relationships));
    put(&mut class, "metadata", some_fields(&spec.metadata));
    class
}

fn property(property: &Property) -> Exact {
    // Destructured, so that a new field cannot be forgotten here.
    let Property {
        name,
        kind,
        label,
        required,
        primary_key,
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
    } = property.clone();
    let mut fields = Fields::new();
    put(&mut fields, "name", Some(name));
    put(&mut fields, "type", Some(kind));
    put(&mut fields, "label", label);
    put(&mut fields, "required", required);
    put(&mut fields, "primaryKey", primary_key);
    put(&mut fields, "default", default);
    put(&mut fields, "description", description);
    put(&mut fields, "constraints", some_fields(&constraints));
    put(&mut fields, "target", target);
    put(&mut fields, "linkTarget", link_target);
    put(&mut fields, "isRelationship", is_relationship);
    put(&mut fields, "cardinality", cardinality);
    put(&mut fields, "integrity", integrity);
    put(&mut fields, "inverse_predicate", inverse_predicate);
    put(&mut fields, "inverse_label", inverse_label);
    put(&mut fields, "items", items);
    put(&mut fields, "metadata", some_fields(&metadata));
    fields.into()
}

fn relationship(relationship: &Relationship) -> Exact {
    let Relationship {
        predicate,
        target,
        label,
        cardinality,
        description,
        inverse_predicate,
        inverse_label,
        integrity,
        required,
        constraints,
        metadata,
    } = relationship.clone();
    let mut fields = Fields::new();
    put(&mut fields, "predicate", Some(predicate));
    put(&mut fields, "target", Some(target));
    put(&mut fields, "label", label);
    put(&mut fields, "cardinality", cardinality);
    put(&mut fields, "description", description);
    put(&mut fields, "inverse_predicate", inverse_predicate);
    put(&mut fields, "inverse_label", inverse_label);
    put(&mut fields, "integrity", integrity);
    put(&mut fields, "required", required);
    put(&mut fields, "constraints", some_fields(&constraints));
    put(&mut fields, "metadata", some_fields(&metadata));
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

fn some_fields(fields: &Fields) -> Option<Fields> {
    (!fields.is_empty()).then(|| fields.clone())
}

/// The fields to write so that `stored` becomes `declared`.
pub(super) fn difference(declared: &Fields, stored: &Fields) -> Option<Fields> {
    let mut change = Fields::new();
    for key in KEYS {
        let wanted = declared.get(key);
        if normal(key, wanted) != normal(key, stored.get(key)) {
            change.insert(key.into(), wanted.cloned().unwrap_or_else(|| none(key)));
        }
    }
    (!change.is_empty()).then_some(change)
}

fn none(key: &str) -> Exact {
    match key {
        "abstract" => false.into(),
        "properties" | "relationships" => Exact::List(Vec::new()),
        "metadata" => Fields::new().into(),
        _ => Exact::Null,
    }
}

fn normal(key: &str, value: Option<&Exact>) -> Option<Exact> {
    let value = value.filter(|value| !is_none(value))?;
    let list = || value.as_list().into_iter().flatten();
    Some(match key {
        "properties" => Exact::List(list().map(normal_property).collect()),
        "relationships" => Exact::List(list().map(normal_relationship).collect()),
        _ => value.clone(),
    })
}

fn is_none(value: &Exact) -> bool {
    match value {
        Exact::Null | Exact::Bool(false) => true,
        Exact::List(list) => list.is_empty(),
        Exact::Object(map) => map.is_empty(),
        Exact::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn normal_property(property: &Exact) -> Exact {
    let Some(entries) = property.as_object() else {
        return property.clone();
    };
    let mut normal = Fields::new();
    for (key, value) in entries {
        let key = match key.as_str() {
            "primary_key" => "primaryKey",
            "linkTarget" | "link_target" => "target",
            "is_relationship" => "isRelationship",
            other => other,
        };
        let value = match (key, value) {
            ("default", default) if !default.is_null() => default.clone(),
            (_, empty) if is_none(empty) => continue,
            ("type", Exact::Text(name)) => name.trim_start_matches("xsd:").into(),
            ("items", items) => normal_property(items),
            (_, other) => other.clone(),
        };
        normal.insert(key.to_owned(), value);
    }
    drop_default_integrity(&mut normal);
    drop_default_label(&mut normal, "name");
    normal.into()
}

fn normal_relationship(relationship: &Exact) -> Exact {
    let Some(entries) = relationship.as_object() else {
        return relationship.clone();
    };
    let kept = entries.iter().filter(|(_, value)| !is_none(value));
    let mut normal: Fields = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    drop_default_integrity(&mut normal);
    drop_default_label(&mut normal, "predicate");
    match normal.get("cardinality").and_then(Exact::as_str) {
        None => normal.insert("cardinality".into(), "1:n".into()),
        Some("n:n") => normal.insert("cardinality".into(), "n:m".into()),
        Some(_) => None,
    };
    normal.into()
}

fn drop_default_integrity(entries: &mut Fields) {
    if entries.get("integrity").and_then(Exact::as_str) == Some("none") {
        entries.shift_remove("integrity");
    }
}

fn drop_default_label(entries: &mut Fields, key: &str) {
    if entries.get("label") == entries.get(key) {
        entries.shift_remove("label");
    }
}

#[cfg(test)]
mod tests;
