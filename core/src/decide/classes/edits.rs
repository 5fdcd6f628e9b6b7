//! Changes of several classes of a branch as one step: their order makes no difference, and the
//! rules hold for the state after all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::rules::{Needed, find_contradictions, find_late, find_left};
use crate::{
    decide::{
        draft::{Draft, Fact, class_not_found},
        stop::{Needs, Stop},
        version::Version,
    },
    envelope::EventType,
    error::{Refusal, Violation},
    event::ClassEvent,
    id::{AggregateId, Sequence},
    json::Json,
    model::{BranchState, ModelKey},
    name::ClassName,
    ontology::{Class, Schema},
};

/// Changes of classes of one branch.
pub(in crate::decide) struct Edits<'a> {
    pub(in crate::decide) branch: &'a BranchState,
    pub(in crate::decide) before: &'a Schema,
    pub(in crate::decide) after: Schema,
    list: Vec<Edit<'a>>,
}

/// The change of one class.
struct Edit<'a> {
    class: ClassName,
    /// The definition after the change; none if it is deleted.
    after: Option<Json>,
    /// The version before: a state or a tombstone.
    known: Option<Version<'a>>,
    /// Whether it is deleted even if something needs it.
    is_forced: bool,
}

impl Edit<'_> {
    fn is_new(&self) -> bool {
        !self.known.as_ref().is_some_and(Version::is_live)
    }

    fn sequence(&self) -> Sequence {
        let known = self.known.as_ref();
        known.map_or(Sequence(1), |known| known.state.sequence.next())
    }
}

impl<'a> Edits<'a> {
    /// No changes yet.
    pub(in crate::decide) fn on(draft: &Draft<'a>, branch: &'a BranchState) -> Result<Self, Stop> {
        let before: &'a Schema = draft.state.schema(branch)?;
        Ok(Self {
            branch,
            before,
            after: before.clone(),
            list: Vec::new(),
        })
    }

    /// Creates a class, which never existed before.
    pub(in crate::decide) fn create(
        &mut self,
        draft: &Draft<'a>,
        class: Class,
    ) -> Result<(), Stop> {
        let key = ModelKey::class(&class.id);
        if let Some(known) = Version::newest(draft.state, self.branch, &key)? {
            let aggregate = self.aggregate(draft, &class.id);
            return Err(known
                .refuse_again(&format!("class {}", class.id))
                .with("aggregate_id", aggregate.to_string())
                .with("actual_seq", known.state.sequence.0)
                .into());
        }
        Ok(self.put(class, None)?)
    }

    /// Patches a class at the sequence that the client has read.
    pub(in crate::decide) fn update(
        &mut self,
        draft: &Draft<'a>,
        class: &ClassName,
        patch: &Json,
        expected: Sequence,
    ) -> Result<(), Stop> {
        let current = self.find_current(draft, class, expected)?;
        let definition = current.state.data.clone().unwrap_or_else(Json::null);
        let updated = Class::parse_stored(class.clone(), &definition)?.patch(patch)?;
        Ok(self.put(updated, Some(current))?)
    }

    /// Deletes a class at the sequence that the client has read.
    pub(in crate::decide) fn delete(
        &mut self,
        draft: &Draft<'a>,
        class: &ClassName,
        expected: Sequence,
        is_forced: bool,
    ) -> Result<(), Stop> {
        let current = self.find_current(draft, class, expected)?;
        Ok(self.remove(class, current, is_forced)?)
    }

    /// Puts a class in the place of the version before.
    pub(in crate::decide) fn put(
        &mut self,
        class: Class,
        known: Option<Version<'a>>,
    ) -> Result<(), Refusal> {
        self.refuse_twice(&class.id)?;
        self.list.push(Edit {
            class: class.id.clone(),
            after: Some(class.definition.clone()),
            known,
            is_forced: false,
        });
        self.after.put(Arc::new(class));
        Ok(())
    }

    /// Removes a class.
    pub(in crate::decide) fn remove(
        &mut self,
        class: &ClassName,
        known: Version<'a>,
        is_forced: bool,
    ) -> Result<(), Refusal> {
        self.refuse_twice(class)?;
        self.after.remove(class);
        self.list.push(Edit {
            class: class.clone(),
            after: None,
            known: Some(known),
            is_forced,
        });
        Ok(())
    }

    fn refuse_twice(&self, class: &ClassName) -> Result<(), Refusal> {
        if self.list.iter().all(|edit| edit.class != *class) {
            return Ok(());
        }
        let message = format!("class {class} occurs twice in this command; it may occur only once");
        Err(Refusal::validation(&[Violation {
            field: "class_id".into(),
            rule: "unique".into(),
            value: class.as_str().into(),
            message,
        }]))
    }

    /// The sequence of the first change.
    pub(super) fn sequence(&self) -> Option<Sequence> {
        self.list.first().map(Edit::sequence)
    }

    /// Every class that breaks a rule after the command, with the refusal; `deleted` are the
    /// instances that the command deletes. A class that is not changed itself is listed under the
    /// changed class that causes the problem.
    pub(in crate::decide) fn check(
        &self,
        draft: &Draft<'a>,
        deleted: &BTreeSet<ModelKey>,
    ) -> Result<BTreeMap<ClassName, Refusal>, Stop> {
        let mut refused = BTreeMap::new();
        for (class, violations) in self.find_violations() {
            refused.insert(class, Refusal::validation(&violations));
        }
        let mut needs = Needs::default();
        for edit in &self.list {
            let late = match edit.after {
                Some(_) if edit.is_new() => Ok(None),
                Some(_) => find_late(draft, self.branch, self.before, &self.after, &edit.class),
                None if edit.is_forced => Ok(None),
                None => match Needed::find(&self.after, &edit.class) {
                    Some(needed) => Ok(Some(needed.refusal(&edit.class))),
                    None => find_left(draft, self.branch, &edit.class, deleted),
                },
            };
            if let Some(refusal) = needs.take(late)?.flatten() {
                refused.entry(edit.class.clone()).or_insert(refusal);
            }
        }
        needs.settle()?;
        Ok(refused)
    }

    /// The violations by the changed class that causes them: the class itself, or the nearest
    /// changed ancestor.
    fn find_violations(&self) -> BTreeMap<ClassName, Vec<Violation>> {
        let is_changed = |class: &ClassName| self.list.iter().any(|edit| edit.class == *class);
        let written = self.list.iter().filter(|edit| edit.after.is_some());
        let written: Vec<&ClassName> = written.map(|edit| &edit.class).collect();
        let mut found: BTreeMap<ClassName, Vec<Violation>> = BTreeMap::new();
        for (class, violation) in find_contradictions(self.before, &self.after, &written) {
            let mut cause = &class;
            for _ in 0..=self.list.len() {
                let declared = self.after.get_declared(cause);
                match declared.and_then(|class| class.parent()) {
                    Some(parent) if !is_changed(cause) => cause = parent,
                    _ => break,
                }
            }
            // A forced deletion leaves children without their parent.
            let is_orphan = !is_changed(&class) && violation.rule == "parent";
            if is_orphan {
                continue;
            }
            let cause = if is_changed(cause) { cause } else { written[0] };
            found.entry(cause.clone()).or_default().push(violation);
        }
        found
    }

    /// Whether nothing changes.
    pub(in crate::decide) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The existing classes that change.
    pub(in crate::decide) fn changed(&self) -> BTreeSet<ClassName> {
        let known = self.list.iter().filter(|edit| !edit.is_new());
        known.map(|edit| edit.class.clone()).collect()
    }

    /// The deleted classes.
    pub(in crate::decide) fn list_deleted(&self) -> impl Iterator<Item = &ClassName> {
        let deleted = self.list.iter().filter(|edit| edit.after.is_none());
        deleted.map(|edit| &edit.class)
    }

    /// The deleted classes that other classes need.
    pub(in crate::decide) fn list_needed(&self) -> impl Iterator<Item = (&ClassName, Needed<'_>)> {
        let needed = |class| Some((class, Needed::find(&self.after, class)?));
        self.list_deleted().filter_map(needed)
    }

    /// One line for each change.
    pub(in crate::decide) fn describe(&self) -> Vec<String> {
        let line = |edit: &Edit| {
            let after = edit.after.as_ref().map_or("", Json::as_str);
            format!("{} {after}", edit.class)
        };
        self.list.iter().map(line).collect()
    }

    /// Adds the events of created and changed classes.
    pub(in crate::decide) fn push_written(&self, draft: &mut Draft<'a>) -> Result<(), Stop> {
        let mut written = self.list.iter().filter(|edit| edit.after.is_some());
        written.try_for_each(|edit| self.push(draft, edit))
    }

    /// Adds the events of deleted classes. They come after those of their instances, so that no
    /// position shows an instance without its class.
    pub(in crate::decide) fn push_deleted(&self, draft: &mut Draft<'a>) -> Result<(), Stop> {
        let mut deleted = self.list.iter().filter(|edit| edit.after.is_none());
        deleted.try_for_each(|edit| self.push(draft, edit))
    }

    fn push(&self, draft: &mut Draft<'a>, edit: &Edit<'a>) -> Result<(), Stop> {
        let live = edit.known.as_ref().filter(|known| known.is_live());
        let event = ClassEvent {
            db_name: draft.command.database.clone(),
            branch: self.branch.name.clone(),
            class_id: edit.class.clone(),
            class: edit.after.clone(),
            created_at: live.map_or(draft.moment.occurred_at, |known| known.state.created_at),
            superseded: live.and_then(|known| known.find_superseded(draft.state, self.branch)),
        };
        let event_type = match (&edit.after, live) {
            (None, _) => EventType::OntologyClassDeleted,
            (Some(_), None) => EventType::OntologyClassCreated,
            (Some(_), Some(_)) => EventType::OntologyClassUpdated,
        };
        let aggregate = self.aggregate(draft, &edit.class);
        let fact = Fact::domain(event_type, aggregate, edit.sequence());
        draft.push(fact, &event, Some(self.branch))
    }

    /// The live version at the expected sequence.
    fn find_current(
        &self,
        draft: &Draft<'a>,
        class: &ClassName,
        expected: Sequence,
    ) -> Result<Version<'a>, Stop> {
        let aggregate = self.aggregate(draft, class);
        let not_found = || class_not_found(class.as_str());
        Version::read_expected(
            draft.state,
            self.branch,
            &ModelKey::class(class),
            (&aggregate, expected),
            not_found,
        )
    }

    pub(super) fn aggregate(&self, draft: &Draft, class: &ClassName) -> AggregateId {
        let database = draft.command.database.clone();
        AggregateId::OntologyClass(database, self.branch.name.clone(), class.clone())
    }
}
