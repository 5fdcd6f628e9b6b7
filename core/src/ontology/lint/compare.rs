//! The rules that the change from one class to another touches.

use super::{
    check::{Check, Probe},
    finding::Severity,
};
use crate::{
    name::PropertyName,
    ontology::{class::Class, property::Property, relationship::Relationship},
};

/// A rule: its code, its severity, the problem of an instance, and what to do.
struct Rule(&'static str, Severity, &'static str, &'static str);

const REMOVED: Rule = Rule(
    "property_removed",
    Severity::Breaking,
    "have a value that no class would declare",
    "move the values first, or keep the property",
);
const RELATIONSHIP_REMOVED: Rule = Rule(
    "relationship_removed",
    Severity::Breaking,
    "have references that no class would declare",
    "move the references first, or keep the relationship",
);
const TYPE: Rule = Rule(
    "type_changed",
    Severity::Breaking,
    "have a value that is not of the new type",
    "correct the values first, or add a separate property of the new type",
);
const CONSTRAINT: Rule = Rule(
    "constraint_changed",
    Severity::Breaking,
    "have a value that breaks the new constraints",
    "correct the values first, or relax the constraints",
);
const REQUIRED: Rule = Rule(
    "required_added",
    Severity::Breaking,
    "have no value",
    "set a value first",
);
const REQUIRED_WITH_DEFAULT: Rule = Rule(
    "required_added",
    Severity::Warning,
    "have no value, because a default applies only to new instances",
    "set a value first",
);
const UNIQUE: Rule = Rule(
    "unique_added",
    Severity::Breaking,
    "exist, and a property can become unique only while there are none",
    "add a class with the unique property and move the instances",
);
const KEY_LOST: Rule = Rule(
    "key_lost",
    Severity::Warning,
    "keep the ids that the key gave them, and new instances get ids of another kind",
    "keep the key, or set the ids of new instances",
);
const KEY_CHANGED: Rule = Rule(
    "key_changed",
    Severity::Breaking,
    "have an id that differs from the new key",
    "keep the key, or add a class with the new key and move the instances",
);
const TARGET: Rule = Rule(
    "target_changed",
    Severity::Breaking,
    "have a reference to another class",
    "move the references first, or add a separate relationship",
);
const CARDINALITY: Rule = Rule(
    "cardinality_changed",
    Severity::Breaking,
    "have references in the old form",
    "correct the references first, or add a separate relationship",
);
const CLOSED: Rule = Rule(
    "additional_closed",
    Severity::Breaking,
    "have keys that no class would declare",
    "declare those keys, or leave additional_properties true",
);
const ABSTRACT: Rule = Rule(
    "abstract_set",
    Severity::Breaking,
    "belong to a class that could not have instances",
    "move them to a subclass first",
);
const DELETED: Rule = Rule(
    "class_deleted",
    Severity::Breaking,
    "would have no class",
    "delete or move them first",
);
const PARENT: Rule = Rule(
    "parent_changed",
    Severity::Info,
    "",
    "look at the other findings for what is lost",
);
const LABEL: Rule = Rule(
    "label_removed",
    Severity::Warning,
    "",
    "writers and queries that use it must use another name",
);
const INVERSE: Rule = Rule(
    "inverse_removed",
    Severity::Warning,
    "",
    "queries in the opposite direction must use another name",
);

impl Rule {
    fn on(&self, field: &str, change: String, probe: Probe) -> Check {
        let Self(code, severity, concern, advice) = self;
        Check {
            code,
            severity: *severity,
            field: field.to_owned(),
            change,
            concern,
            advice,
            probe,
            affected: 0,
            total: 0,
            samples: Vec::new(),
        }
    }
}

/// The rules for a class; `is_target` is true for the changed class itself, and false for a
/// subclass.
pub(super) fn compare(before: &Class, after: Option<&Class>, is_target: bool) -> Vec<Check> {
    let Some(after) = after else {
        let change = format!("class {} goes", before.id);
        return vec![DELETED.on("", change, Probe::Every)];
    };
    let mut checks = Vec::new();
    for property in &before.properties {
        of_property(property, after, &mut checks);
    }
    for relationship in &before.relationships {
        of_relationship(relationship, after, &mut checks);
    }
    of_required(before, after, &mut checks);
    of_unique(before, after, &mut checks);
    of_key(before, after, &mut checks);
    of_labels(before, after, &mut checks);
    if before.allows_additional && !after.allows_additional {
        let change = "only declared keys are accepted".to_owned();
        let field = "metadata.additional_properties";
        checks.push(CLOSED.on(field, change, Probe::Undeclared));
    }
    if is_target {
        of_class(before, after, &mut checks);
    }
    checks
}

fn of_property(old: &Property, after: &Class, checks: &mut Vec<Check>) {
    let name = old.name.as_str();
    let breaks = Probe::Breaks(old.name.clone());
    if let Some(new) = after.properties.iter().find(|it| it.name == old.name) {
        if !old.compares_like(new) {
            let (from, to) = (&old.type_name, &new.type_name);
            let change = format!("{name} changes from {from} to {to}");
            checks.push(TYPE.on(name, change, breaks));
        } else if old.rule != new.rule || old.inherited != new.inherited {
            let change = format!("the constraints of {name} change");
            checks.push(CONSTRAINT.on(name, change, breaks));
        }
    } else if after.relationship_target(&old.name).is_some() {
        let change = format!("{name} becomes a relationship");
        checks.push(TYPE.on(name, change, breaks));
    } else if !after.allows_additional {
        let probe = Probe::Holds(old.name.clone());
        checks.push(REMOVED.on(name, format!("property {name} is removed"), probe));
    }
}

fn of_relationship(old: &Relationship, after: &Class, checks: &mut Vec<Check>) {
    let name = old.predicate.as_str();
    let breaks = Probe::Breaks(old.predicate.clone());
    let mut known = after.relationships.iter();
    if let Some(new) = known.find(|it| it.predicate == old.predicate) {
        if old.cardinality.is_list() != new.cardinality.is_list() {
            let (from, to) = (old.cardinality.as_str(), new.cardinality.as_str());
            let change = format!("{name} changes from {from} to {to}");
            checks.push(CARDINALITY.on(name, change, breaks.clone()));
        } else if old.constraints != new.constraints || old.inherited != new.inherited {
            let change = format!("the constraints of {name} change");
            checks.push(CONSTRAINT.on(name, change, breaks.clone()));
        }
        if old.target != new.target {
            let change = format!("{name} refers to {} instead of {}", new.target, old.target);
            checks.push(TARGET.on(name, change, breaks));
        }
        if let Some(inverse) = &old.inverse_predicate
            && new.inverse_predicate.as_ref() != Some(inverse)
        {
            let change = format!("{inverse} is no longer the inverse of {name}");
            checks.push(INVERSE.on(name, change, Probe::Nothing));
        }
    } else if after.property_type(&old.predicate).is_some() {
        let change = format!("{name} becomes a property");
        checks.push(TYPE.on(name, change, breaks));
    } else {
        let probe = Probe::Holds(old.predicate.clone());
        let change = format!("relationship {name} is removed");
        checks.push(RELATIONSHIP_REMOVED.on(name, change, probe));
    }
}

fn of_required(before: &Class, after: &Class, checks: &mut Vec<Check>) {
    for name in after.required() {
        if before.required().any(|known| known == name) {
            continue;
        }
        let is_it = |it: &&Property| it.name == *name && it.default.is_some();
        let rule = if after.properties.iter().any(|it| is_it(&it)) {
            REQUIRED_WITH_DEFAULT
        } else {
            REQUIRED
        };
        let change = format!("{name} becomes required");
        checks.push(rule.on(name.as_str(), change, Probe::Lacks(name.clone())));
    }
}

fn of_unique(before: &Class, after: &Class, checks: &mut Vec<Check>) {
    for new in after.properties.iter().filter(|it| it.unique) {
        let mut known = before.properties.iter();
        if known.any(|old| old.unique && old.name == new.name && old.compares_like(new)) {
            continue;
        }
        let change = format!("{} becomes unique", new.name);
        checks.push(UNIQUE.on(new.name.as_str(), change, Probe::Every));
    }
}

fn of_key(before: &Class, after: &Class, checks: &mut Vec<Check>) {
    let key = |class: &Class| -> Vec<PropertyName> {
        class.primary_key().map(|it| it.name.clone()).collect()
    };
    let (old, new) = (key(before), key(after));
    if old == new {
        return;
    }
    let (from, to) = (before.key_field(), after.key_field());
    if new.is_empty() {
        let change = format!("the primary key {from} is removed");
        checks.push(KEY_LOST.on(&from, change, Probe::Every));
    } else {
        let change = if old.is_empty() {
            format!("{to} becomes the primary key")
        } else {
            format!("the primary key changes from {from} to {to}")
        };
        checks.push(KEY_CHANGED.on(&to, change, Probe::OtherId));
    }
}

/// Labels that no longer identify a remaining member.
fn of_labels(before: &Class, after: &Class, checks: &mut Vec<Check>) {
    let mut gone: Vec<(&String, &PropertyName)> = before
        .keys
        .iter()
        .map(|(text, key)| (text, before.key_name(*key)))
        .filter(|(text, name)| after.named(name).is_some() && after.resolve(text) != Some(*name))
        .collect();
    gone.sort();
    for (text, name) in gone {
        let change = format!("{text:?} no longer refers to {name}");
        checks.push(LABEL.on(name.as_str(), change, Probe::Nothing));
    }
}

fn of_class(before: &Class, after: &Class, checks: &mut Vec<Check>) {
    if !before.is_abstract && after.is_abstract {
        let change = format!("{} becomes abstract", before.id);
        checks.push(ABSTRACT.on("abstract", change, Probe::Every));
    }
    if before.parent == after.parent {
        return;
    }
    let missing = |of: &Class, other: &Class| -> String {
        let names = of.names().filter(|name| other.named(name).is_none());
        let names: Vec<&str> = names.map(PropertyName::as_str).collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    };
    let shown = |class: &Class| {
        class
            .parent
            .as_ref()
            .map_or("none", |it| it.as_str())
            .to_owned()
    };
    let change = format!(
        "the parent changes from {} to {}: {} is gained, {} is lost",
        shown(before),
        shown(after),
        missing(after, before),
        missing(before, after)
    );
    checks.push(PARENT.on("parent_class", change, Probe::Nothing));
}
