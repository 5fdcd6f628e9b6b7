//! Checks the results against the resulting ontology of the branch. What breaks it is a conflict
//! too.

use std::collections::BTreeSet;

use super::{
    case::{Case, Outcome, properties},
    claims::Claims,
    classes::Classes,
    work::{Work, list_changed},
};
use crate::{
    decide::{
        stop::{Needs, Stop},
        version::is_live,
    },
    error::Violation,
    id::AggregateId,
    merge::{Conflict, Fields},
    model::ModelKey,
    name::{ClassName, InstanceId},
    ontology::{Candidate, Class},
};

/// The conflicts with the ontology. Also records changes of unique values.
pub(super) fn check(work: &mut Work) -> Result<Vec<Conflict>, Stop> {
    let mut needs = Needs::default();
    let classes = Classes::of(work)?;
    let mut met = BTreeSet::new();
    if classes.is_changed() {
        let concerned = Some(classes.affected());
        let keys = needs.take(list_changed(work.state, &work.since, concerned))?;
        met = keys.unwrap_or_default().into_iter().collect();
        let is_new = |key: &&ModelKey| !work.places.contains_key(key) && classes.affects(key);
        let new: Vec<ModelKey> = met.iter().filter(is_new).cloned().collect();
        needs.take(work.gather(new))?;
    }
    let mut broken = classes.check(work, &met);
    let mut claims = Claims::new(work, &classes);
    for (place, case) in work.cases.iter().enumerate() {
        let AggregateId::Instance(_, _, class, id) = &case.aggregate else {
            continue;
        };
        let instance = Instance {
            work,
            classes: &classes,
            case,
            class,
            id,
        };
        match &case.outcome {
            Outcome::Put(fields) => match instance.check_instance(fields, &mut broken) {
                Some(candidate) => {
                    instance.check_references(&candidate, &mut needs, &mut broken)?;
                    claims.change(place, class, Some(&candidate));
                }
                None => claims.change(place, class, None),
            },
            Outcome::Delete => claims.change(place, class, None),
            Outcome::Keep => {
                if let Some(fields) = case.target.fields()
                    && met.contains(&case.key)
                    && classes.affects(&case.key)
                {
                    instance.check_instance(fields, &mut broken);
                }
            }
        }
    }
    let unique = claims.settle(&mut needs, &mut broken)?;
    needs.settle()?;
    work.unique = unique;
    Ok(broken)
}

/// An instance in its resulting state.
struct Instance<'w, 'a> {
    work: &'w Work<'a>,
    classes: &'w Classes<'a>,
    case: &'w Case<'a>,
    class: &'w ClassName,
    id: &'w InstanceId,
}

impl Instance<'_, '_> {
    /// The instance as its class accepts it; none if the class does not.
    fn check_instance(&self, fields: &Fields, broken: &mut Vec<Conflict>) -> Option<Candidate> {
        let Some(class) = self.classes.after().get(self.class) else {
            if !self.classes.deletes(self.class) {
                let message = format!(
                    "class {} of {} does not exist on the branch",
                    self.class,
                    self.case.name()
                );
                broken.push(self.case.conflict(None, Some("class"), message));
            }
            return None;
        };
        match check_whole(class, self.id, fields) {
            Ok(candidate) => Some(candidate),
            Err(violations) => {
                let conflicts = violations.iter().map(|violation| self.conflict(violation));
                broken.extend(conflicts);
                None
            }
        }
    }

    fn conflict(&self, violation: &Violation) -> Conflict {
        let end = violation.field.find(['.', '[']);
        let property = &violation.field[..end.unwrap_or(violation.field.len())];
        let property = (violation.rule != "abstract").then_some(property);
        let message = format!("{}: {}", self.case.name(), violation.message);
        self.case.conflict(property, Some(&violation.rule), message)
    }

    /// Strict references must point to existing instances afterwards.
    fn check_references(
        &self,
        candidate: &Candidate,
        needs: &mut Needs,
        broken: &mut Vec<Conflict>,
    ) -> Result<(), Stop> {
        for (predicate, target) in &candidate.strict {
            let key = ModelKey::instance(&target.class, &target.id);
            if needs.take(is_live_after(self.work, &key))? == Some(false) {
                let message = format!(
                    "{predicate} of {} must refer to an existing instance; {target} would not \
                     exist",
                    self.case.name()
                );
                let property = Some(predicate.as_str());
                broken.push(self.case.conflict(property, Some("integrity"), message));
            }
        }
        Ok(())
    }
}

fn is_live_after(work: &Work, key: &ModelKey) -> Result<bool, Stop> {
    if let Some(case) = work.case(key) {
        return Ok(case.after().is_some());
    }
    is_live(work.state, work.ground, key)
}

fn check_whole(
    class: &Class,
    id: &InstanceId,
    fields: &Fields,
) -> Result<Candidate, Vec<Violation>> {
    match properties(fields) {
        Ok(properties) => class.check_whole(id, properties),
        Err((name, value)) => {
            let message = format!("{name} is not a property name");
            let violation = Violation::new(name, "unknown_key", value.to_shown(), message);
            Err(vec![violation])
        }
    }
}
