//! The resulting classes of a branch, and the rules that they must keep.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    case::{Case, Outcome},
    work::Work,
};
use crate::{
    decide::{classes::find_late_unique, stop::Stop},
    error::Refusal,
    id::AggregateId,
    merge::{Conflict, Fields},
    model::ModelKey,
    name::ClassName,
    ontology::{Class, Schema},
    port::graph::Entity,
};

/// The ontology before and after.
pub(super) struct Classes<'a> {
    before: &'a Schema,
    after: Cow<'a, Schema>,
    /// The indexes of the changing classes among the cases.
    changed: BTreeMap<ClassName, usize>,
    deleted: BTreeSet<ClassName>,
    /// The classes whose instances are affected.
    concerned: BTreeSet<ClassName>,
    unreadable: Vec<Conflict>,
}

impl<'a> Classes<'a> {
    pub(super) fn of(work: &Work<'a>) -> Result<Self, Stop> {
        let before: &'a Schema = work.state.schema(work.ground)?;
        let mut classes = Self {
            before,
            after: Cow::Borrowed(before),
            changed: BTreeMap::new(),
            deleted: BTreeSet::new(),
            concerned: BTreeSet::new(),
            unreadable: Vec::new(),
        };
        for (place, case) in work.cases.iter().enumerate() {
            let AggregateId::OntologyClass(_, _, name) = &case.aggregate else {
                continue;
            };
            match &case.outcome {
                Outcome::Keep => continue,
                Outcome::Delete => {
                    classes.after.to_mut().remove(name);
                    classes.deleted.insert(name.clone());
                }
                Outcome::Put(fields) => classes.put(case, name, fields)?,
            }
            classes.changed.insert(name.clone(), place);
        }
        classes.concerned = classes.find_affected();
        Ok(classes)
    }

    fn put(&mut self, case: &Case, name: &ClassName, fields: &Fields) -> Result<(), Stop> {
        let definition = case.join(fields)?;
        let class = match Class::create(&definition) {
            Ok(class) => class,
            Err(refusal) => {
                self.unreadable
                    .push(describe_unreadable(case, fields, &refusal));
                Class::parse_stored(name.clone(), &definition)?
            }
        };
        self.after.to_mut().put(Arc::new(class));
        Ok(())
    }

    pub(super) fn before(&self) -> &Schema {
        self.before
    }

    pub(super) fn after(&self) -> &Schema {
        &self.after
    }

    /// Whether any class changes.
    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Whether this change deletes a class.
    pub(super) fn deletes(&self, class: &ClassName) -> bool {
        self.deleted.contains(class)
    }

    /// The classes whose instances are affected.
    pub(super) fn affected(&self) -> &BTreeSet<ClassName> {
        &self.concerned
    }

    /// Whether a key belongs to an instance of an affected class.
    pub(super) fn affects(&self, key: &ModelKey) -> bool {
        match key.entity() {
            Some(Entity::Instance(instance)) => self.concerned.contains(&instance.class),
            _ => false,
        }
    }

    /// The changing classes and their subclasses; all classes if a class gets another parent.
    fn find_affected(&self) -> BTreeSet<ClassName> {
        let moved = self.changed.keys().any(|class| {
            let parent = |schema: &Schema| schema.get_declared(class)?.parent().cloned();
            parent(self.before) != parent(&self.after)
        });
        let declared = || {
            self.before
                .iter_declared()
                .chain(self.after.iter_declared())
        };
        if moved {
            return declared().map(|class| class.id.clone()).collect();
        }
        let mut children: HashMap<&ClassName, Vec<&ClassName>> = HashMap::new();
        for class in declared() {
            if let Some(parent) = class.parent() {
                children.entry(parent).or_default().push(&class.id);
            }
        }
        let mut concerned = BTreeSet::new();
        let mut open: Vec<&ClassName> = self.changed.keys().collect();
        while let Some(class) = open.pop() {
            if concerned.insert(class.clone()) {
                open.extend(children.get(class).into_iter().flatten());
            }
        }
        concerned
    }

    /// The conflicts of the classes; `met` are the changes on the ground since the base.
    pub(super) fn check(&self, work: &Work, met: &BTreeSet<ModelKey>) -> Vec<Conflict> {
        let mut broken = self.unreadable.clone();
        self.check_contradictions(work, &mut broken);
        self.check_late_unique(work, met, &mut broken);
        self.check_deleted(work, met, &mut broken);
        broken
    }

    fn check_contradictions(&self, work: &Work, broken: &mut Vec<Conflict>) {
        for class in &self.concerned {
            let known = self.before.contradictions(class);
            for violation in self.after.contradictions(class) {
                if known.contains(&violation) {
                    continue;
                }
                let Some(case) = self.find_responsible(work, class) else {
                    continue;
                };
                let property = case
                    .after()
                    .map_or_else(|| None, |fields| Some(member(fields, &violation.field)));
                let rule = Some(violation.rule.as_str());
                broken.push(case.conflict(property.as_deref(), rule, violation.message));
            }
        }
    }

    /// The changed class that is responsible for the result of a class: the class itself, or the
    /// nearest ancestor.
    fn find_responsible<'w, 'c>(
        &self,
        work: &'w Work<'c>,
        class: &ClassName,
    ) -> Option<&'w Case<'c>> {
        let mut name = class;
        for _ in 0..=self.concerned.len() {
            if let Some(place) = self.changed.get(name) {
                return Some(&work.cases[*place]);
            }
            let Some(parent) = self
                .after
                .get_declared(name)
                .and_then(|class| class.parent())
            else {
                break;
            };
            name = parent;
        }
        let first = self.changed.values().next()?;
        Some(&work.cases[*first])
    }

    /// Existing instances have not claimed values of a property that becomes unique with this
    /// change.
    fn check_late_unique(&self, work: &Work, met: &BTreeSet<ModelKey>, broken: &mut Vec<Conflict>) {
        let mut instances: HashMap<&ClassName, &Case> = HashMap::new();
        for case in &work.cases {
            if let AggregateId::Instance(_, _, class, _) = &case.aggregate
                && case.outcome == Outcome::Keep
                && case.target.is_live()
                && met.contains(&case.key)
            {
                instances.entry(class).or_insert(case);
            }
        }
        for (name, instance) in instances {
            let Some((property, _)) = find_late_unique(self.before, &self.after, name) else {
                continue;
            };
            let Some(case) = self.find_responsible(work, name) else {
                continue;
            };
            let message = format!(
                "{} of class {name} would become unique, but the branch already has {}",
                property.name,
                instance.name()
            );
            let member = format!("properties.{}", property.name);
            broken.push(case.conflict(Some(&member), Some("unique"), message));
        }
    }

    /// A class can be deleted only if nothing needs it that its source did not know.
    fn check_deleted(&self, work: &Work, met: &BTreeSet<ModelKey>, broken: &mut Vec<Conflict>) {
        if self.deleted.is_empty() {
            return;
        }
        let mut reasons: BTreeMap<&ClassName, (&str, String)> = BTreeMap::new();
        for class in self.after.iter_declared() {
            let key = ModelKey::class(&class.id);
            if !self.changed.contains_key(&class.id) && !met.contains(&key) {
                continue;
            }
            for target in class.targets() {
                if self.deleted.contains(target) {
                    let reason = ("referred_to", format!("class {} refers to it", class.id));
                    reasons.entry(target).or_insert(reason);
                }
            }
        }
        for case in &work.cases {
            if let AggregateId::Instance(_, _, class, _) = &case.aggregate
                && self.deleted.contains(class)
                && case.after().is_some()
            {
                let reason = ("instances", format!("{} is there", case.name()));
                reasons.insert(class, reason);
            }
        }
        for (class, (rule, reason)) in reasons {
            if let Some(place) = self.changed.get(class) {
                let case = &work.cases[*place];
                let message = format!("class {class} would be deleted, but {reason}");
                broken.push(case.conflict(None, Some(rule), message));
            }
        }
    }
}

fn describe_unreadable(case: &Case, fields: &Fields, refusal: &Refusal) -> Conflict {
    let text = |key: &str| refusal.detail.get(key).and_then(|value| value.as_str());
    let field = text("field").filter(|field| !field.is_empty());
    let property = field.map(|field| member(fields, field));
    let rule = text("rule").unwrap_or("definition");
    let message = format!("{}: {}", case.name(), refusal.message);
    case.conflict(property.as_deref(), Some(rule), message)
}

/// The field of a class in a path: `properties[2].type`, or the name of a member.
fn member(fields: &Fields, path: &str) -> String {
    for list in ["properties", "relationships"] {
        let named = format!("{list}.{path}");
        if fields.contains_key(&named) {
            return named;
        }
        let Some(rest) = path
            .strip_prefix(list)
            .and_then(|rest| rest.strip_prefix('['))
        else {
            continue;
        };
        let end = rest.find(']').unwrap_or(rest.len());
        let prefix = format!("{list}.");
        let mut members = fields.keys().filter(|name| name.starts_with(&prefix));
        let index = rest[..end].parse().ok();
        if let Some(name) = index.and_then(|index: usize| members.nth(index)) {
            return name.clone();
        }
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    path[..end].to_owned()
}
