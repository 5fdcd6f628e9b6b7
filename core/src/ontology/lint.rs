//! The effects of a class change on existing instances: rules with stable codes, and counts. Pure:
//! the caller passes each instance once.

mod check;
mod compare;
mod finding;
mod structure;

use std::{collections::BTreeMap, sync::Arc};

use self::{check::Check, compare::compare};
pub use self::{
    finding::{Finding, Severity},
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
        let mut names = before.kinds(class);
        names.extend(after.kinds(class));
        names.push(class.clone());
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
