//! Contradictions between a class and its parents.

use super::{
    class::Class,
    found::Found,
    inherit::{Classes, ancestors, narrows},
    property::Property,
    relationship::Relationship,
    schema::Schema,
};
use crate::{error::Violation, name::ClassName};

impl Schema {
    /// The contradictions between a class and its parents; none for a missing class.
    pub fn contradictions(&self, class: &ClassName) -> Vec<Violation> {
        let classes = self.classes();
        let (Some(own), Some(effective)) = (classes.get(class), self.get(class)) else {
            return Vec::new();
        };
        let Some(parent) = &own.parent else {
            return Vec::new();
        };
        if !classes.contains_key(parent) {
            let sentence = format!("the parent {parent} of {class} does not exist");
            return vec![Violation::new(
                "parent_class",
                "parent",
                parent.as_str(),
                sentence,
            )];
        }
        if let Some(cycle) = cycle(classes, class) {
            let way: Vec<&str> = cycle.iter().map(|name| name.as_str()).collect();
            let sentence = format!("{class} would be its own ancestor: {}", way.join(" → "));
            return vec![Violation::new(
                "parent_class",
                "cycle",
                parent.as_str(),
                sentence,
            )];
        }
        let Some(above) = self.get(parent) else {
            return Vec::new();
        };
        let mut found = of_properties(own, above);
        found.extend(of_relationships(classes, own, above));
        found.extend(of_labels(own, above));
        found.extend(of_defaults(effective, own));
        found
    }
}

/// The path from a class through its parents back to itself.
fn cycle<'a>(classes: &'a Classes, class: &'a ClassName) -> Option<Vec<&'a ClassName>> {
    let mut way = vec![class];
    for ancestor in ancestors(classes, class) {
        way.push(&ancestor.id);
    }
    let last = way.last().and_then(|last| classes.get(*last))?;
    let next = last.parent.as_ref()?;
    let begin = way.iter().position(|met| *met == next)?;
    way.push(next);
    Some(way.split_off(begin))
}

fn of_properties(own: &Class, above: &Class) -> Vec<Violation> {
    let mut found = Vec::new();
    for property in &own.properties {
        let name = property.name.as_str();
        let known = above.properties.iter().find(|it| it.name == property.name);
        let sentence = match known {
            Some(known) if known.compares_like(property) => continue,
            Some(known) => format!(
                "{name} of {} has type {}, but the parent's has type {}; it can be narrower, but \
                 not of another type",
                own.id, property.type_name, known.type_name
            ),
            None if above.relationship_target(&property.name).is_some() => format!(
                "{name} of {} is a property, but the parent's is a relationship",
                own.id
            ),
            None => continue,
        };
        found.push(Violation::new(
            name,
            "inherited",
            property.type_name.as_str(),
            sentence,
        ));
    }
    found
}

fn of_relationships(classes: &Classes, own: &Class, above: &Class) -> Vec<Violation> {
    let mut found = Vec::new();
    for relationship in &own.relationships {
        let name = relationship.predicate.as_str();
        let is_same = |it: &&Relationship| it.predicate == relationship.predicate;
        let sentence = match above.relationships.iter().find(is_same) {
            Some(known) if narrows(classes, relationship, known) => continue,
            Some(known) => format!(
                "{name} of {} refers to {} ({}), but the parent's refers to {} ({}); it can \
                 refer to {} or a subclass, and a list must stay a list",
                own.id,
                relationship.target,
                relationship.cardinality.as_str(),
                known.target,
                known.cardinality.as_str(),
                known.target,
            ),
            None if above.property_type(&relationship.predicate).is_some() => format!(
                "{name} of {} is a relationship, but the parent's is a property",
                own.id
            ),
            None => continue,
        };
        let target = relationship.target.as_str();
        found.push(Violation::new(name, "inherited", target, sentence));
    }
    found
}

/// A name or a label must identify one member, including inherited ones.
fn of_labels(own: &Class, above: &Class) -> Vec<Violation> {
    let properties = own.properties.iter().map(|it| (&it.name, &it.label));
    let relationships = own
        .relationships
        .iter()
        .map(|it| (&it.predicate, &it.label));
    let mut found = Vec::new();
    for (name, label) in properties.chain(relationships) {
        for text in std::iter::once(name.as_str()).chain(label.all()) {
            if let Some(other) = above.resolve(text).filter(|other| *other != name) {
                let sentence = format!(
                    "{text:?} is already a name or a label of {other}, which {} inherits",
                    own.id
                );
                found.push(Violation::new(name.as_str(), "duplicate", text, sentence));
            }
        }
    }
    found
}

/// A default must satisfy both rules.
fn of_defaults(effective: &Class, own: &Class) -> Vec<Violation> {
    let redefined = |it: &&Property| own.properties.iter().any(|own| own.name == it.name);
    let mut found = Found::default();
    for property in effective.properties.iter().filter(redefined) {
        if let Some(default) = &property.default {
            property.check(property.name.as_str(), default, &mut found);
        }
    }
    for violation in &mut found.0 {
        "default".clone_into(&mut violation.rule);
        violation.message = format!("the default of {}", violation.message);
    }
    found.0
}
