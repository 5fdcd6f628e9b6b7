//! Strict references. They are checked on the state after the whole command, as SQL checks foreign
//! keys at the end of a statement: the order of the changes makes no difference.

use std::collections::{BTreeMap, HashMap};

use super::{
    change::{Change, Numbered},
    scope::Scope,
};
use crate::{
    decide::{
        draft::Draft,
        stop::{Needs, Stop},
        version::is_live,
    },
    error::{Refusal, Violation},
    id::InstanceRef,
    model::ModelKey,
    name::PropertyName,
};

/// The changes that refer to an instance that will not exist after the command, by row number. A
/// refused change also affects the changes that refer to the instance that it would create.
pub(super) fn find_dangling(
    draft: &Draft,
    scope: &Scope,
    changes: &[Numbered],
) -> Result<BTreeMap<usize, Dangling>, Stop> {
    if changes.iter().all(|it| it.change.strict.is_empty()) {
        return Ok(BTreeMap::new());
    }
    let after: HashMap<ModelKey, &Numbered> = changes
        .iter()
        .map(|numbered| (numbered.change.key(), numbered))
        .collect();
    let mut referrers: HashMap<ModelKey, Vec<Reference>> = HashMap::new();
    let mut broken = Broken::default();
    let mut needs = Needs::default();
    for numbered in changes {
        for (predicate, target) in &numbered.change.strict {
            let key = ModelKey::instance(&target.class, &target.id);
            let reference = Reference {
                from: numbered,
                predicate,
                target,
            };
            match after.get(&key) {
                Some(own) if own.change.deletes() => {
                    broken.add(reference, "is deleted by this command");
                }
                Some(_) => referrers.entry(key).or_default().push(reference),
                None => {
                    let is_live = needs.take(is_live(draft.state, scope.branch, &key))?;
                    if is_live == Some(false) {
                        broken.add(reference, "does not exist");
                    }
                }
            }
        }
    }
    needs.settle()?;
    while let Some(refused) = broken.open.pop() {
        // An instance that is only updated or deleted exists independently of this change.
        if refused.creates() {
            let referrers = referrers.remove(&refused.key()).unwrap_or_default();
            for reference in referrers {
                broken.add(reference, "is refused in this command too");
            }
        }
    }
    Ok(broken.found)
}

/// A change that refers to a missing instance.
pub(super) struct Dangling {
    /// The instance that it changes.
    pub(super) key: ModelKey,
    /// The missing instances; the first is missing independently of the others.
    pub(super) targets: Vec<ModelKey>,
    violations: Vec<Violation>,
}

impl Dangling {
    pub(super) fn refusal(&self) -> Refusal {
        Refusal::validation(&self.violations)
    }
}

/// A reference of a change.
#[derive(Clone, Copy)]
struct Reference<'a> {
    from: &'a Numbered,
    predicate: &'a PropertyName,
    target: &'a InstanceRef,
}

/// The problems by change, and the changes whose referrers are still to be checked.
#[derive(Default)]
struct Broken<'a> {
    found: BTreeMap<usize, Dangling>,
    open: Vec<&'a Change>,
}

impl<'a> Broken<'a> {
    fn add(&mut self, reference: Reference<'a>, reason: &str) {
        let Reference {
            from,
            predicate,
            target,
        } = reference;
        let dangling = self.found.entry(from.number).or_insert_with(|| {
            self.open.push(&from.change);
            Dangling {
                key: from.change.key(),
                targets: Vec::new(),
                violations: Vec::new(),
            }
        });
        let key = ModelKey::instance(&target.class, &target.id);
        dangling.targets.push(key);
        let message = format!("{predicate} must refer to an existing instance; {target} {reason}");
        let value = target.to_string();
        let violation = Violation::new(predicate.as_str(), "integrity", value, message);
        dangling.violations.push(violation);
    }
}
