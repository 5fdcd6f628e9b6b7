//! The classes of a branch: each as it was declared, and each with what it has from its parents.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{
    Class,
    inherit::{self, Hierarchy},
};
use crate::{error::Violation, name::ClassName, unicode::nfc};

/// Classes by name.
pub(super) type Classes = BTreeMap<ClassName, Arc<Class>>;

/// The classes of a branch.
///
/// What [`Schema::get`] and the like hand out is the effective class: with the properties,
/// relationships, constraints and keys of its parents. It is a function of the declared classes
/// alone, so the order in which they are put in does not matter; it is found when classes change,
/// never per instance.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    declared: Classes,
    effective: OnceLock<Classes>,
}

impl Schema {
    /// Puts a class in, as it was declared, or a newer version of it.
    pub fn put(&mut self, class: Arc<Class>) {
        let (id, parent) = (class.id.clone(), class.parent.clone());
        let before = self.declared.insert(id.clone(), class);
        let keeps_place = match before {
            Some(before) => before.parent == parent,
            None => parent.is_none(),
        };
        if !keeps_place || self.is_parent(&id) {
            self.effective = OnceLock::new();
            return;
        }
        if let (Some(effective), Some(class)) = (self.effective.get_mut(), self.declared.get(&id)) {
            let found = Hierarchy::of(&self.declared).effective(class);
            effective.insert(id, found);
        }
    }

    /// Takes a class out.
    pub fn remove(&mut self, class: &ClassName) {
        let Some(before) = self.declared.remove(class) else {
            return;
        };
        if before.parent.is_some() || self.is_parent(class) {
            self.effective = OnceLock::new();
        } else if let Some(effective) = self.effective.get_mut() {
            effective.remove(class);
        }
    }

    /// A class by id, with what it has from its parents.
    pub fn get(&self, class: &ClassName) -> Option<&Arc<Class>> {
        self.effective().get(class)
    }

    /// A class by id or, failing that, by any of its labels; with what it has from its parents.
    pub fn resolve(&self, id_or_label: &str) -> Option<&Arc<Class>> {
        let sought = nfc(id_or_label);
        let has_label = |class: &&Arc<Class>| class.label.all().any(|label| nfc(label) == sought);
        let id: Option<ClassName> = id_or_label.parse().ok();
        id.and_then(|id| self.get(&id))
            .or_else(|| self.iter().find(has_label))
    }

    /// All classes, by id, with what they have from their parents.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.effective().values()
    }

    /// A class as it was declared: its own members only.
    pub fn declared(&self, class: &ClassName) -> Option<&Arc<Class>> {
        self.declared.get(class)
    }

    /// All classes, by id, as they were declared.
    pub fn iter_declared(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.declared.values()
    }

    /// The classes below a class, by id, at any depth.
    pub fn kinds(&self, class: &ClassName) -> Vec<ClassName> {
        Hierarchy::of(&self.declared).kinds(class)
    }

    /// Whether a class is another, or a kind of it.
    pub fn is_kind_of(&self, class: &ClassName, wanted: &ClassName) -> bool {
        inherit::is_kind_of(&self.declared, class, wanted)
    }

    /// What contradicts in what a class says of its parent and makes of what it has from there.
    pub fn contradictions(&self, class: &ClassName) -> Vec<Violation> {
        inherit::contradictions(self, &self.declared, class)
    }

    pub(super) fn classes(&self) -> &Classes {
        &self.declared
    }

    fn is_parent(&self, class: &ClassName) -> bool {
        let mut parents = self.declared.values().filter_map(|it| it.parent.as_ref());
        parents.any(|parent| parent == class)
    }

    fn effective(&self) -> &Classes {
        self.effective.get_or_init(|| {
            let hierarchy = Hierarchy::of(&self.declared);
            let classes = self.declared.values();
            classes
                .map(|class| (class.id.clone(), hierarchy.effective(class)))
                .collect()
        })
    }
}
