//! The effects of a class change on existing instances: rules with stable codes, and counts. Pure:
//! the caller passes each instance once.

mod check;
mod compare;
mod finding;
mod structure;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{check::Check, compare::compare};
pub use self::{
    finding::{ClassFinding, Finding, Severity},
    structure::check_structure,
};
use super::{class::Class, schema::Schema};
use crate::{
    json::Properties,
    name::{ClassName, InstanceId},
};

/// A concrete class before and after.
#[derive(Debug, Clone)]
struct Pair {
    before: Arc<Class>,
    after: Option<Arc<Class>>,
    checks: Vec<Check>,
}

/// The effects of a change of the classes of a branch on instances.
#[derive(Debug, Clone)]
pub struct ChangeLint {
    pairs: BTreeMap<ClassName, Pair>,
}

impl ChangeLint {
    /// The rules that the change from one schema to another touches, for a class and its
    /// subclasses.
    pub fn between(before: &Schema, after: &Schema, class: &ClassName) -> Self {
        let names = list_kinds(before, after, class);
        Self::over(before, after, class, names)
    }

    /// [`ChangeLint::between`] for several classes that change at once, by class. A subclass that
    /// does not change itself is in one of them.
    pub fn of_set(
        before: &Schema,
        after: &Schema,
        changed: &BTreeSet<ClassName>,
    ) -> BTreeMap<ClassName, Self> {
        let mut met = changed.clone();
        let of_class = |class: &ClassName| {
            let mut names = list_kinds(before, after, class);
            names.retain(|name| name == class || met.insert(name.clone()));
            (class.clone(), Self::over(before, after, class, names))
        };
        changed.iter().map(of_class).collect()
    }

    fn over(
        before: &Schema,
        after: &Schema,
        class: &ClassName,
        names: BTreeSet<ClassName>,
    ) -> Self {
        let mut pairs = BTreeMap::new();
        for name in names {
            let Some(known) = before.get(&name) else {
                continue;
            };
            let changed = after.get(&name);
            let pair = Pair {
                checks: compare(known, changed.map(AsRef::as_ref), name == *class),
                before: known.clone(),
                after: changed.cloned(),
            };
            pairs.insert(name, pair);
        }
        Self { pairs }
    }

    /// The classes whose instances must be passed.
    pub fn counted_classes(&self) -> impl Iterator<Item = &ClassName> {
        let counted = self.pairs.iter();
        counted
            .filter(|(_, pair)| pair.checks.iter().any(Check::needs_instances))
            .map(|(name, _)| name)
    }

    /// Checks an instance.
    pub fn check_instance(&mut self, class: &ClassName, id: &InstanceId, properties: &Properties) {
        let Some(pair) = self.pairs.get_mut(class) else {
            return;
        };
        for check in &mut pair.checks {
            check.check_instance(&pair.before, pair.after.as_deref(), id, properties);
        }
    }

    /// Takes the check of an instance back, which it has had in this state.
    pub fn forget_instance(&mut self, class: &ClassName, id: &InstanceId, properties: &Properties) {
        let Some(pair) = self.pairs.get_mut(class) else {
            return;
        };
        for check in &mut pair.checks {
            check.forget_instance(&pair.before, pair.after.as_deref(), id, properties);
        }
    }

    /// The findings, worst first; one per rule and field, over all classes.
    pub fn finish(self) -> Vec<Finding> {
        let mut merged: Vec<Check> = Vec::new();
        for check in self.pairs.into_values().flat_map(|pair| pair.checks) {
            let is_same = |it: &&mut Check| it.code == check.code && it.field == check.field;
            match merged.iter_mut().find(is_same) {
                Some(known) => known.add(check),
                None => merged.push(check),
            }
        }
        let mut findings: Vec<Finding> = merged.into_iter().map(Check::finish).collect();
        findings.sort_by(|left, right| {
            let rank = |it: &Finding| (std::cmp::Reverse(it.severity), it.code);
            (rank(left), &left.field).cmp(&(rank(right), &right.field))
        });
        findings
    }
}

/// A class with its subclasses before and after.
fn list_kinds(before: &Schema, after: &Schema, class: &ClassName) -> BTreeSet<ClassName> {
    let kinds = before.kinds(class).into_iter().chain(after.kinds(class));
    kinds.chain([class.clone()]).collect()
}
