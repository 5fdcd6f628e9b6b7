//! Inheritance of classes. Resolving always succeeds: contradictions are resolved in favour of the
//! class itself, and [`super::Schema::contradictions`] reports them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{class::Class, property::Property, relationship::Relationship, text::Text};
use crate::name::ClassName;

/// Classes by name.
pub(super) type Classes = BTreeMap<ClassName, Arc<Class>>;

/// The parents of a class, nearest first; ends where one is missing or repeats.
pub(super) fn ancestors<'a>(classes: &'a Classes, class: &ClassName) -> Vec<&'a Arc<Class>> {
    let mut ancestors: Vec<&Arc<Class>> = Vec::new();
    let mut parent = classes.get(class).and_then(|class| class.parent.as_ref());
    while let Some(found) = parent.and_then(|parent| classes.get(parent)) {
        if found.id == *class || ancestors.iter().any(|known| known.id == found.id) {
            break;
        }
        ancestors.push(found);
        parent = found.parent.as_ref();
    }
    ancestors
}

/// The subclass relation of declared classes.
pub(super) struct Hierarchy<'a> {
    classes: &'a Classes,
    children: BTreeMap<&'a ClassName, Vec<&'a ClassName>>,
}

impl<'a> Hierarchy<'a> {
    pub(super) fn of(classes: &'a Classes) -> Self {
        let mut children: BTreeMap<&ClassName, Vec<&ClassName>> = BTreeMap::new();
        for class in classes.values() {
            if let Some(parent) = &class.parent {
                children.entry(parent).or_default().push(&class.id);
            }
        }
        Self { classes, children }
    }

    /// The subclasses of a class, by id.
    pub(super) fn kinds(&self, class: &ClassName) -> Vec<ClassName> {
        let mut found: BTreeSet<&ClassName> = BTreeSet::new();
        let mut open = vec![class];
        while let Some(parent) = open.pop() {
            for child in self.children.get(parent).into_iter().flatten() {
                if *child != class && found.insert(child) {
                    open.push(child);
                }
            }
        }
        found.into_iter().cloned().collect()
    }

    /// A class with its inherited members.
    pub(super) fn compute_effective(&self, class: &Arc<Class>) -> Arc<Class> {
        let ancestors = ancestors(self.classes, &class.id);
        let has_kinds = |it: &Relationship| self.children.contains_key(&it.target);
        if ancestors.is_empty() && !class.relationships.iter().any(has_kinds) {
            return Arc::clone(class);
        }
        let mut effective = Class::clone(class);
        if !ancestors.is_empty() {
            let mut members = Members::default();
            for ancestor in ancestors.iter().rev().chain([&class]) {
                members.add_declared(self.classes, ancestor);
            }
            effective.properties = members.properties;
            effective.relationships = members.relationships;
            effective.index();
        }
        for relationship in &mut effective.relationships {
            relationship.kinds = self.kinds(&relationship.target);
        }
        Arc::new(effective)
    }
}

/// The members of a class and of its ancestors.
#[derive(Default)]
struct Members {
    properties: Vec<Property>,
    relationships: Vec<Relationship>,
}

impl Members {
    /// Adds what a class declares.
    fn add_declared(&mut self, classes: &Classes, class: &Class) {
        for own in &class.properties {
            self.relationships.retain(|it| it.predicate != own.name);
            match self.properties.iter_mut().find(|it| it.name == own.name) {
                Some(above) => *above = own.below(above),
                None => self.properties.push(own.clone()),
            }
        }
        for own in &class.relationships {
            self.properties.retain(|it| it.name != own.predicate);
            let mut known = self.relationships.iter_mut();
            match known.find(|it| it.predicate == own.predicate) {
                Some(above) if narrows(classes, own, above) => *above = own.below(above),
                Some(above) => *above = own.clone(),
                None => self.relationships.push(own.clone()),
            }
        }
    }
}

/// Whether everything that `own` accepts is accepted by `above`.
pub(super) fn narrows(classes: &Classes, own: &Relationship, above: &Relationship) -> bool {
    own.cardinality.is_list() == above.cardinality.is_list()
        && is_kind_of(classes, &own.target, &above.target)
}

/// Whether a class is another class or a subclass of it.
pub(super) fn is_kind_of(classes: &Classes, class: &ClassName, wanted: &ClassName) -> bool {
    let mut ancestors = ancestors(classes, class).into_iter();
    class == wanted || ancestors.any(|ancestor| ancestor.id == *wanted)
}

impl Property {
    /// This property combined with the one of a parent: both rules apply, and missing parts come
    /// from the parent. A property of another type stays alone.
    fn below(&self, above: &Self) -> Self {
        if !self.compares_like(above) {
            return self.clone();
        }
        let mut inherited = above.inherited.clone();
        inherited.push(above.rule.clone());
        inherited.retain(|rule| *rule != self.rule);
        Self {
            label: label(&self.label, self.name.as_str(), &above.label),
            description: self
                .description
                .clone()
                .or_else(|| above.description.clone()),
            required: self.required || above.required,
            primary_key: self.primary_key || above.primary_key,
            default: self.default.clone().or_else(|| above.default.clone()),
            unique: self.unique || above.unique,
            inherited,
            ..self.clone()
        }
    }
}

impl Relationship {
    /// This relationship combined with the one of a parent, like [`Property::below`].
    fn below(&self, above: &Self) -> Self {
        let mut inherited = above.inherited.clone();
        inherited.push(above.constraints.clone());
        inherited.retain(|constraints| *constraints != self.constraints);
        Self {
            label: label(&self.label, self.predicate.as_str(), &above.label),
            description: self
                .description
                .clone()
                .or_else(|| above.description.clone()),
            required: self.required || above.required,
            default: self.default.clone().or_else(|| above.default.clone()),
            strict: self.strict || above.strict,
            inverse_predicate: (self.inverse_predicate.clone())
                .or_else(|| above.inverse_predicate.clone()),
            inverse_label: self
                .inverse_label
                .clone()
                .or_else(|| above.inverse_label.clone()),
            inherited,
            ..self.clone()
        }
    }
}

/// A label that is only the name does not override the parent's label.
fn label(own: &Text, name: &str, above: &Text) -> Text {
    match own {
        Text::Plain(text) if text == name => above.clone(),
        _ => own.clone(),
    }
}
