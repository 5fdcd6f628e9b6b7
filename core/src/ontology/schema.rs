//! The classes of a branch: each as it was declared, and each with inherited members.

use std::sync::{Arc, OnceLock};

use super::{
    class::Class,
    inherit::{self, Classes, Hierarchy},
};
use crate::{name::ClassName, unicode::nfc};

/// The classes of a branch.
///
/// [`Schema::get`] and similar methods return the effective class, with inherited properties,
/// relationships, constraints and keys. It depends only on the declared classes, so the order in
/// which they are put in makes no difference. It is computed when classes change, not per instance.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    declared: Classes,
    effective: OnceLock<Classes>,
}

impl Schema {
    /// Puts a class in as it was declared, or a newer version of it.
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
            let found = Hierarchy::of(&self.declared).compute_effective(class);
            effective.insert(id, found);
        }
    }

    /// Removes a class.
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

    /// A class by id, with inherited members.
    pub fn get(&self, class: &ClassName) -> Option<&Arc<Class>> {
        self.effective().get(class)
    }

    /// A class by id or else by any of its labels, with inherited members.
    pub fn resolve(&self, id_or_label: &str) -> Option<&Arc<Class>> {
        let sought = nfc(id_or_label);
        let has_label = |class: &&Arc<Class>| class.label.all().any(|label| nfc(label) == sought);
        let id: Option<ClassName> = id_or_label.parse().ok();
        id.and_then(|id| self.get(&id))
            .or_else(|| self.iter().find(has_label))
    }

    /// All classes, by id, with inherited members.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.effective().values()
    }

    /// A class as it was declared: its own members only.
    pub fn get_declared(&self, class: &ClassName) -> Option<&Arc<Class>> {
        self.declared.get(class)
    }

    /// All classes, by id, as they were declared.
    pub fn iter_declared(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.declared.values()
    }

    /// The declared parents of a class, nearest first; ends where one is missing or repeats.
    pub fn ancestors(&self, class: &ClassName) -> Vec<&Arc<Class>> {
        inherit::ancestors(&self.declared, class)
    }

    /// The subclasses of a class, by id, at any depth.
    pub fn kinds(&self, class: &ClassName) -> Vec<ClassName> {
        Hierarchy::of(&self.declared).kinds(class)
    }

    /// Whether a class is another class or a subclass of it.
    pub fn is_kind_of(&self, class: &ClassName, wanted: &ClassName) -> bool {
        inherit::is_kind_of(&self.declared, class, wanted)
    }

    /// The declared classes.
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
                .map(|class| (class.id.clone(), hierarchy.compute_effective(class)))
                .collect()
        })
    }
}
