//! One rule that a change touches, while its instances are counted.

use super::finding::{Finding, Severity};
use crate::{
    id::InstanceRef,
    json::Properties,
    name::{InstanceId, PropertyName},
    ontology::class::Class,
};

/// The maximum number of affected instances in a finding.
const SAMPLES: usize = 5;

/// The instances that a rule affects.
#[derive(Debug, Clone)]
pub(super) enum Probe {
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
pub(super) struct Check {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) field: String,
    /// The change, as a sentence.
    pub(super) change: String,
    /// The problem of an instance: "have a value".
    pub(super) concern: &'static str,
    /// What to do.
    pub(super) advice: &'static str,
    pub(super) probe: Probe,
    pub(super) affected: u64,
    pub(super) total: u64,
    pub(super) samples: Vec<InstanceRef>,
}

impl Probe {
    /// Whether a rule could affect an instance, and whether it does.
    fn evaluate(
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
                    before.accepts(name, value) && !after.accepts(name, value)
                });
                (value.is_some(), breaks)
            }
            Self::Undeclared => {
                let declares = |name| after.is_some_and(|after| after.named(name).is_some());
                (true, properties.keys().any(|name| !declares(name)))
            }
            Self::OtherId => {
                let keyed = after.and_then(|after| after.keyed_id(properties));
                (true, keyed.as_ref() != Some(id))
            }
        }
    }
}

impl Check {
    /// Whether the instances must be passed.
    pub(super) fn needs_instances(&self) -> bool {
        !matches!(self.probe, Probe::Nothing)
    }

    /// Checks an instance of the class.
    pub(super) fn check_instance(
        &mut self,
        before: &Class,
        after: Option<&Class>,
        id: &InstanceId,
        properties: &Properties,
    ) {
        let (counts, concerns) = self.probe.evaluate(before, after, id, properties);
        self.total += u64::from(counts);
        self.affected += u64::from(concerns);
        if concerns && self.samples.len() < SAMPLES {
            self.samples.push(InstanceRef {
                class: before.id.clone(),
                id: id.clone(),
            });
        }
    }

    /// Takes [`Check::check_instance`] back.
    pub(super) fn forget_instance(
        &mut self,
        before: &Class,
        after: Option<&Class>,
        id: &InstanceId,
        properties: &Properties,
    ) {
        let (counts, concerns) = self.probe.evaluate(before, after, id, properties);
        self.total = self.total.saturating_sub(u64::from(counts));
        self.affected = self.affected.saturating_sub(u64::from(concerns));
        self.samples
            .retain(|sample| sample.class != before.id || sample.id != *id);
    }

    /// Adds the counts of the same rule of another class.
    pub(super) fn add(&mut self, other: Self) {
        self.severity = self.severity.max(other.severity);
        self.affected += other.affected;
        self.total += other.total;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES);
    }

    /// A rule that affects no instance is only information.
    pub(super) fn finish(self) -> Finding {
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
