//! The effects of a class change on existing instances: rules with stable codes, and counts. Pure:
//! the caller passes each instance once.

mod compare;
mod structure;

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::Serialize;

pub use self::structure::structure;
use super::{Schema, instance};
use crate::{
    id::InstanceRef,
    json::Properties,
    name::{ClassName, InstanceId, PropertyName},
    ontology::Class,
};

/// The maximum number of affected instances in a finding.
const SAMPLES: usize = 5;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Works, but is probably a mistake.
    Warning,
    /// Data would be lost or invalid, or the change is refused.
    Breaking,
}

/// One rule that a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule. Codes never change.
    pub code: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The property, relationship or field of the definition.
    pub field: String,
    /// The effect, and what to do.
    pub message: String,
    /// The number of affected instances.
    pub affected: u64,
    /// The number of instances that could be affected.
    pub total: u64,
    /// Some affected instances, as `Class/id`.
    pub sample_instance_ids: Vec<String>,
}

impl Finding {
    /// A finding from the definitions alone, without counting instances.
    pub fn of_definition(
        severity: Severity,
        code: &'static str,
        field: &str,
        message: String,
    ) -> Self {
        Self {
            code,
            severity,
            field: field.to_owned(),
            message,
            affected: 0,
            total: 0,
            sample_instance_ids: Vec::new(),
        }
    }
}

/// The instances that a rule affects.
#[derive(Debug, Clone)]
enum Probe {
    /// None: the definition alone decides.
    Nothing,
    /// All of them.
    Every,
    /// Those with a value.
    Holds(PropertyName),
    /// Those without a value.
    Lacks(PropertyName),
    /// Those whose value is valid now, and will not be.
    Breaks(PropertyName),
    /// Those with undeclared keys.
    Undeclared,
    /// Those whose id differs from the new key.
    OtherId,
}

/// One rule during counting.
#[derive(Debug, Clone)]
struct Check {
    code: &'static str,
    severity: Severity,
    field: String,
    /// The change, as a sentence.
    change: String,
    /// The problem of an instance: "have a value".
    concern: &'static str,
    /// What to do.
    advice: &'static str,
    probe: Probe,
    affected: u64,
    total: u64,
    samples: Vec<InstanceRef>,
}

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
                checks: compare::compare(known, changed.map(AsRef::as_ref), name == *class),
                before: known.clone(),
                after: changed.cloned(),
            };
            pairs.insert(name, pair);
        }
        Self { pairs }
    }

    /// The classes whose instances must be passed.
    pub fn counted(&self) -> impl Iterator<Item = &ClassName> {
        let needs = |check: &Check| !matches!(check.probe, Probe::Nothing);
        let counted = self.pairs.iter();
        counted
            .filter(move |(_, pair)| pair.checks.iter().any(needs))
            .map(|(name, _)| name)
    }

    /// Checks an instance.
    pub fn look(&mut self, class: &ClassName, id: &InstanceId, properties: &Properties) {
        let Some(pair) = self.pairs.get_mut(class) else {
            return;
        };
        for check in &mut pair.checks {
            let (counts, concerns) =
                check
                    .probe
                    .concerns(&pair.before, pair.after.as_deref(), id, properties);
            check.total += u64::from(counts);
            check.affected += u64::from(concerns);
            if concerns && check.samples.len() < SAMPLES {
                let class = class.clone();
                check.samples.push(InstanceRef {
                    class,
                    id: id.clone(),
                });
            }
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

impl Probe {
    /// Whether a rule could affect an instance, and whether it does.
    fn concerns(
        &self,
        before: &Class,
        after: Option<&Class>,
        id: &InstanceId,
        properties: &Properties,
    ) -> (bool, bool) {
        match self {
            Self::Nothing => (false, false),
            Self::Every => (true, true),
            Self::Holds(name) => (true, properties.contains_key(name)),
            Self::Lacks(name) => (true, !properties.contains_key(name)),
            Self::Breaks(name) => {
                let value = properties.get(name);
                let breaks = value.zip(after).is_some_and(|(value, after)| {
                    instance::accepts(before, name, value) && !instance::accepts(after, name, value)
                });
                (value.is_some(), breaks)
            }
            Self::Undeclared => {
                let declares = |name| after.is_some_and(|after| after.named(name).is_some());
                (true, properties.keys().any(|name| !declares(name)))
            }
            Self::OtherId => {
                let keyed = after.and_then(|after| instance::keyed_id(after, properties));
                (true, keyed.as_ref() != Some(id))
            }
        }
    }
}

impl Check {
    fn add(&mut self, other: Self) {
        self.severity = self.severity.max(other.severity);
        self.affected += other.affected;
        self.total += other.total;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES);
    }

    /// A rule that affects no instance is only information.
    fn finish(self) -> Finding {
        let (affected, total) = (self.affected, self.total);
        let (severity, message) = match self.probe {
            Probe::Nothing => (self.severity, format!("{}; {}", self.change, self.advice)),
            _ if affected == 0 => {
                let message = format!("{}; no instance is affected", self.change);
                (Severity::Info, message)
            }
            _ => {
                let count = format!("{affected} of {total} instances {}", self.concern);
                let message = format!("{}; {count}; {}", self.change, self.advice);
                (self.severity, message)
            }
        };
        Finding {
            code: self.code,
            severity,
            field: self.field,
            message,
            affected,
            total,
            sample_instance_ids: self.samples.iter().map(ToString::to_string).collect(),
        }
    }
}
