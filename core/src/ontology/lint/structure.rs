//! Likely mistakes in a definition, independent of instances.

use super::finding::{Finding, Severity};
use crate::{
    name::{ClassName, PropertyName},
    ontology::{Cardinality, Class, Schema, near, relationship::Relationship, text::Text},
};

/// Likely mistakes in a class of a schema: a name similar to another, a label without a language
/// that others have, a missing target, a mismatched inverse.
pub fn check_structure(schema: &Schema, class: &ClassName) -> Vec<Finding> {
    let Some(class) = schema.get(class) else {
        return Vec::new();
    };
    let mut findings = close_names(schema, class);
    findings.extend(missing_languages(class));
    for relationship in class.relationships() {
        findings.extend(of_relationship(schema, class, relationship));
    }
    findings
}

fn close_names(schema: &Schema, class: &Class) -> Vec<Finding> {
    let mut findings = Vec::new();
    for other in schema.iter_declared() {
        if near::is_slip(class.id.as_str(), other.id.as_str()) {
            let message = format!(
                "{} is similar to class {}; use that one, or choose a name that differs more",
                class.id, other.id
            );
            findings.push(warning("name_close", "id", message));
        }
    }
    let names: Vec<&PropertyName> = class.names().collect();
    for (index, name) in names.iter().enumerate() {
        for other in &names[..index] {
            if near::is_slip(name.as_str(), other.as_str()) {
                let message = format!(
                    "{name} is similar to {other}; use that one, or choose a name that differs more"
                );
                findings.push(warning("name_close", name.as_str(), message));
            }
        }
    }
    findings
}

fn missing_languages(class: &Class) -> Vec<Finding> {
    let properties = class
        .properties
        .iter()
        .map(|it| (it.name.as_str(), &it.label));
    let relationships = class.relationships.iter();
    let relationships = relationships.map(|it| (it.predicate.as_str(), &it.label));
    let labels: Vec<(&str, &Text)> = std::iter::once(("label", &class.label))
        .chain(properties)
        .chain(relationships)
        .collect();
    let mut known: Vec<&str> = labels
        .iter()
        .flat_map(|(_, label)| languages(label))
        .collect();
    known.sort_unstable();
    known.dedup();
    let mut findings = Vec::new();
    for (field, label) in labels {
        let own: Vec<&str> = languages(label).collect();
        let missing: Vec<&str> = (known.iter().copied())
            .filter(|language| !own.is_empty() && !own.contains(language))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let message =
                format!("the label of {field} lacks {missing}, which other labels have; add it");
            findings.push(warning("label_language_missing", field, message));
        }
    }
    findings
}

fn languages(label: &Text) -> impl Iterator<Item = &str> {
    let languages = match label {
        Text::Plain(_) => [].as_slice(),
        Text::Languages(languages) => languages.as_slice(),
    };
    languages.iter().map(|(language, _)| language.as_str())
}

fn of_relationship(schema: &Schema, class: &Class, own: &Relationship) -> Vec<Finding> {
    let field = own.predicate.as_str();
    let Some(target) = schema.get(&own.target) else {
        let message = format!(
            "{field} refers to class {}, which does not exist; create it, or correct the name",
            own.target
        );
        return vec![warning("target_missing", field, message)];
    };
    let Some(inverse) = &own.inverse_predicate else {
        return Vec::new();
    };
    let mismatch = |sentence: String| vec![warning("inverse_mismatch", field, sentence)];
    if target.property_type(inverse).is_none() {
        return Vec::new();
    }
    let mut relationships = target.relationships().iter();
    let Some(back) = relationships.find(|it| it.predicate == *inverse) else {
        return mismatch(format!(
            "{inverse}, the inverse of {field}, is a property of {}; choose another name",
            target.id
        ));
    };
    if !schema.is_kind_of(&class.id, &back.target) {
        return mismatch(format!(
            "{inverse} of {} refers to {}, not back to {}; correct its target, or choose another name",
            target.id, back.target, class.id
        ));
    }
    if back.inverse_predicate.as_ref() != Some(&own.predicate) {
        return mismatch(format!(
            "{inverse} of {} does not name {field} as its inverse; set its inverse_predicate",
            target.id
        ));
    }
    if back.cardinality != invert(own.cardinality) {
        return mismatch(format!(
            "{field} is {} and its inverse {inverse} is {}; it should be {}",
            own.cardinality.as_str(),
            back.cardinality.as_str(),
            invert(own.cardinality).as_str()
        ));
    }
    Vec::new()
}

/// The cardinality of the inverse.
fn invert(cardinality: Cardinality) -> Cardinality {
    match cardinality {
        Cardinality::OneToMany => Cardinality::ManyToOne,
        Cardinality::ManyToOne => Cardinality::OneToMany,
        other => other,
    }
}

fn warning(code: &'static str, field: &str, message: String) -> Finding {
    Finding::of_definition(Severity::Warning, code, field, message)
}
