//! Counts of the instances that a change of classes affects. The caller counts before the decision,
//! without blocking the writer; the decision adds what has changed since.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    json::Properties,
    lineage::Lineage,
    name::{ClassName, InstanceId},
    ontology::{ChangeLint, ClassFinding, Schema},
};

/// What was counted for a command: one tally for each branch.
pub type Tallies = Arc<[Tally]>;

/// The effects of a change of classes on the instances of a branch up to a position.
#[derive(Debug, Clone)]
pub struct Tally {
    /// The branch at that position.
    pub lineage: Lineage,
    /// By changed class.
    lints: BTreeMap<ClassName, ChangeLint>,
}

impl Tally {
    /// The rules that the change touches, before any instance is counted.
    pub(super) fn new(
        lineage: Lineage,
        before: &Schema,
        after: &Schema,
        changed: &BTreeSet<ClassName>,
    ) -> Self {
        Self {
            lineage,
            lints: ChangeLint::of_set(before, after, changed),
        }
    }

    /// The classes whose instances must be counted.
    pub fn classes(&self) -> BTreeSet<ClassName> {
        let lints = self.lints.values();
        lints
            .flat_map(ChangeLint::counted_classes)
            .cloned()
            .collect()
    }

    /// Counts an instance.
    pub fn add(&mut self, class: &ClassName, id: &InstanceId, properties: &Properties) {
        for lint in self.lints.values_mut() {
            lint.check_instance(class, id, properties);
        }
    }

    /// Takes the count of an instance back.
    pub(super) fn remove(&mut self, class: &ClassName, id: &InstanceId, properties: &Properties) {
        for lint in self.lints.values_mut() {
            lint.forget_instance(class, id, properties);
        }
    }

    /// The findings, worst first.
    pub(super) fn finish(self) -> Vec<ClassFinding> {
        let of_class = |(class_id, lint): (ClassName, ChangeLint)| {
            let findings = lint.finish().into_iter();
            findings.map(move |finding| ClassFinding {
                class_id: class_id.clone(),
                finding,
            })
        };
        let mut findings: Vec<ClassFinding> = self.lints.into_iter().flat_map(of_class).collect();
        findings.sort_by_key(|it| std::cmp::Reverse(it.finding.severity));
        findings
    }
}
