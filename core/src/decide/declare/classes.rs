//! Declares all classes that an owner holds on a branch: missing ones are created, others replaced,
//! and those that are no longer declared are deleted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    ledger::Ledger,
    safety::{Safety, assess},
};
use crate::{
    command::Declaration,
    decide::{
        classes::Edits,
        draft::Draft,
        instances::delete_all,
        stop::{Needs, Stop},
        version::Version,
    },
    error::{ErrorCode, Refusal},
    id::AggregateId,
    json::Json,
    merge::{difference, is_same},
    model::{BranchState, ModelKey},
    name::{BranchName, ClassName},
    ontology::Class,
    owner::{Claim, Thing},
};

pub(super) fn declare(
    draft: &mut Draft,
    declaration: &Declaration,
    ledger: &mut Ledger,
    branch: &BranchName,
    definitions: &[Json],
) -> Result<Safety, Stop> {
    let branch = draft.branch(branch)?;
    let edits = edit(draft, declaration, ledger, branch, definitions)?;
    let refused = edits.check(draft, &BTreeSet::new())?;
    let violations = refused
        .iter()
        .filter(|(_, refusal)| refusal.code == ErrorCode::ValidationFailed);
    let violations: Vec<Value> = violations.flat_map(list_violations).collect();
    if !violations.is_empty() {
        return Err(refuse_violations(&violations).into());
    }
    let safety = assess(draft, std::slice::from_ref(&edits), declaration)?;
    if safety.is_refused(declaration) {
        return Ok(safety);
    }
    if let Some((_, refusal)) = refused.into_iter().next() {
        return Err(refusal.into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), branch.name.clone());
    draft.command(aggregate, None, Some(branch))?;
    push(draft, &edits)?;
    Ok(safety)
}

/// The changes from the branch to the declared classes. Claims them.
pub(super) fn edit<'a>(
    draft: &Draft<'a>,
    declaration: &Declaration,
    ledger: &mut Ledger,
    branch: &'a BranchState,
    definitions: &[Json],
) -> Result<Edits<'a>, Stop> {
    let mut edits = Edits::on(draft, branch)?;
    let mut needs = Needs::default();
    let mut names = BTreeSet::new();
    for definition in definitions {
        let class = Class::create(definition)?;
        names.insert(class.id.clone());
        let known = needs.take(Version::newest(
            draft.state,
            branch,
            &ModelKey::class(&class.id),
        ))?;
        let Some(known) = known else { continue };
        let thing = thing(branch, &class.id);
        let live = known.as_ref().filter(|known| known.is_live());
        let found = live.map(|known| Claim {
            thing: thing.clone(),
            created_at: known.state.created_at,
            branch_created_at: Some(branch.created_at),
        });
        let stored = live.and_then(|known| known.state.data.as_ref());
        let list_differences = || compare(draft, branch, &class, stored);
        ledger.admit(declaration, &thing, found.as_ref(), list_differences)?;
        ledger.claim(found.unwrap_or_else(|| Claim {
            thing: thing.clone(),
            created_at: draft.moment.occurred_at,
            branch_created_at: Some(branch.created_at),
        }));
        if !stored.is_some_and(|stored| is_same(stored, &class.definition)) {
            edits.put(class, known)?;
        }
    }
    needs.settle()?;
    remove_others(draft, ledger, &mut edits, &names)?;
    Ok(edits)
}

/// Removes the classes of the owner on the branch that it does not declare any more.
fn remove_others<'a>(
    draft: &Draft<'a>,
    ledger: &mut Ledger,
    edits: &mut Edits<'a>,
    declared: &BTreeSet<ClassName>,
) -> Result<(), Stop> {
    let branch = edits.branch;
    let mut needs = Needs::default();
    for claim in ledger.list_own() {
        let Thing::Class { branch: on, name } = &claim.thing else {
            continue;
        };
        if *on != branch.name || declared.contains(name) {
            continue;
        }
        ledger.drop_claim(&claim.thing);
        if let Some(known) = needs
            .take(find_held(draft, branch, name, &claim))?
            .flatten()
        {
            edits.remove(name, known, true)?;
        }
    }
    needs.settle()
}

/// The class of a claim, unless the claim is void.
pub(super) fn find_held<'a>(
    draft: &Draft<'a>,
    branch: &BranchState,
    class: &ClassName,
    claim: &Claim,
) -> Result<Option<Version<'a>>, Stop> {
    let known = Version::newest(draft.state, branch, &ModelKey::class(class))?;
    let is_held = |known: &Version| {
        known.is_live()
            && known.state.created_at == claim.created_at
            && claim.branch_created_at == Some(branch.created_at)
    };
    Ok(known.filter(is_held))
}

/// Adds the events: changed classes, then the deleted ones after their instances.
pub(super) fn push<'a>(draft: &mut Draft<'a>, edits: &Edits<'a>) -> Result<(), Stop> {
    let mut instances = Vec::new();
    let mut needs = Needs::default();
    for class in edits.list_deleted() {
        let deleted = needs.take(delete_all(draft, edits.branch, class))?;
        instances.extend(deleted.unwrap_or_default());
    }
    needs.settle()?;
    edits.push_written(draft)?;
    for instance in instances {
        instance.push(draft, edits.branch)?;
    }
    edits.push_deleted(draft)
}

fn thing(branch: &BranchState, class: &ClassName) -> Thing {
    Thing::Class {
        branch: branch.name.clone(),
        name: class.clone(),
    }
}

/// The fields in which a stored class differs from the declared one.
fn compare(
    draft: &Draft,
    branch: &BranchState,
    class: &Class,
    stored: Option<&Json>,
) -> Vec<String> {
    let database = draft.command.database.clone();
    let aggregate = AggregateId::OntologyClass(database, branch.name.clone(), class.id.clone());
    let found = difference(aggregate, stored, Some(&class.definition));
    found.map_or_else(Vec::new, |difference| difference.properties)
}

/// The violations of a class, each with the class.
fn list_violations((class, refusal): (&ClassName, &Refusal)) -> Vec<Value> {
    let errors = refusal.detail.get("errors").and_then(Value::as_array);
    let mut errors = errors.cloned().unwrap_or_default();
    for error in &mut errors {
        if let Value::Object(fields) = error {
            fields.insert("class_id".into(), json!(class));
        }
    }
    errors
}

fn refuse_violations(violations: &[Value]) -> Refusal {
    let first = violations.first().and_then(|it| it["message"].as_str());
    let message = format!(
        "the declared classes break {} rule(s) of the ontology: {}",
        violations.len(),
        first.unwrap_or_default()
    );
    Refusal::new(ErrorCode::ValidationFailed, message).with("errors", violations.to_vec())
}
