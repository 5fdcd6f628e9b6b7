//! The rules between the classes of a branch, and between a class and its instances.

use std::collections::BTreeSet;

use crate::{
    decide::{
        draft::Draft,
        stop::{Needs, Stop},
    },
    error::{ErrorCode, Refusal, Violation},
    model::{BranchState, ModelKey},
    name::ClassName,
    ontology::{Class, Property, Schema},
};

/// The new contradictions that changed classes cause, in themselves or their subclasses, each with
/// its class. A change of a parent can cause them anywhere: it may make a relationship elsewhere too
/// wide.
pub(super) fn find_contradictions(
    before: &Schema,
    after: &Schema,
    changed: &[&ClassName],
) -> Vec<(ClassName, Violation)> {
    let moves = changed.iter().any(|class| {
        let known = before.get_declared(class).map(|class| class.parent());
        known.is_some_and(|parent| {
            parent != after.get_declared(class).and_then(|class| class.parent())
        })
    });
    let mut touched: Vec<ClassName> = Vec::new();
    if moves {
        touched.extend(after.iter_declared().map(|class| class.id.clone()));
    } else {
        for class in changed {
            touched.push((*class).clone());
            touched.extend(after.kinds(class));
        }
    }
    let mut seen = BTreeSet::new();
    touched.retain(|name| seen.insert(name.clone()));
    let mut found = Vec::new();
    for name in touched {
        let known = before.contradictions(&name);
        let mut new = after.contradictions(&name);
        new.retain(|violation| !known.contains(violation));
        found.extend(new.into_iter().map(|violation| (name.clone(), violation)));
    }
    found
}

/// The unique values of instances are claimed when they are written. So a property can become
/// unique, or change how it compares while unique, only while the class and its subclasses have no
/// instances.
pub(super) fn find_late(
    draft: &Draft,
    branch: &BranchState,
    before: &Schema,
    after: &Schema,
    class: &ClassName,
) -> Result<Option<Refusal>, Stop> {
    let mut needs = Needs::default();
    for name in std::iter::once(class.clone()).chain(after.kinds(class)) {
        let Some((property, late)) = find_late_unique(before, after, &name) else {
            continue;
        };
        if needs.take(draft.state.has_instances(branch, &name))? == Some(true) {
            return Ok(Some(refuse_late(property, late)));
        }
    }
    needs.settle()?;
    Ok(None)
}

/// A property that becomes unique, or changes how it compares while unique.
pub(in crate::decide) fn find_late_unique<'a>(
    before: &Schema,
    after: &'a Schema,
    class: &ClassName,
) -> Option<(&'a Property, &'a Class)> {
    let late = after.get(class)?;
    let known = before.get(class).map(|class| class.properties());
    let is_claimed = |property: &&Property| {
        let mut old = known.unwrap_or_default().iter();
        old.any(|old| old.unique && old.name == property.name && old.compares_like(property))
    };
    let mut unique = late.properties().iter().filter(|it| it.unique);
    let property = unique.find(|property| !is_claimed(property))?;
    Some((property, late.as_ref()))
}

fn refuse_late(property: &Property, class: &Class) -> Refusal {
    let message = format!(
        "property {} of class {} cannot become unique, or change its type while unique, as long \
         as the class has instances; delete them first, or add a class",
        property.name, class.id
    );
    Refusal::new(ErrorCode::FailedPrecondition, message)
        .with("property", property.name.as_str())
        .with("class_id", class.id.as_str())
}

/// Why a class cannot be deleted: another class needs it.
pub(in crate::decide) enum Needed<'a> {
    /// It is the parent of this class.
    ParentOf(&'a ClassName),
    /// This class refers to it.
    ReferredBy(&'a ClassName),
}

impl<'a> Needed<'a> {
    /// The first class that needs another one.
    pub(super) fn find(after: &'a Schema, class: &ClassName) -> Option<Self> {
        let mut declared = after.iter_declared();
        if let Some(child) = declared.find(|other| other.parent() == Some(class)) {
            return Some(Self::ParentOf(&child.id));
        }
        let mut declared = after.iter_declared();
        let referrer = declared.find(|other| other.targets().contains(&class))?;
        Some(Self::ReferredBy(&referrer.id))
    }

    /// The class that needs it.
    pub(in crate::decide) fn by(&self) -> &'a ClassName {
        match self {
            Self::ParentOf(class) | Self::ReferredBy(class) => class,
        }
    }

    /// The code of the finding.
    pub(in crate::decide) fn code(&self) -> &'static str {
        match self {
            Self::ParentOf(_) => "parent_of",
            Self::ReferredBy(_) => "referred_to",
        }
    }

    /// The reason and what to do, in words.
    pub(in crate::decide) fn describe(&self, class: &ClassName) -> String {
        match self {
            Self::ParentOf(child) => format!(
                "class {class} is the parent of class {child}; give that class another parent first"
            ),
            Self::ReferredBy(referrer) => format!(
                "class {class} is referred to by class {referrer}; delete the relationship first"
            ),
        }
    }

    pub(super) fn refusal(&self, class: &ClassName) -> Refusal {
        let message = format!("{}, or pass force=true", self.describe(class));
        let field = match self {
            Self::ParentOf(_) => "parent_of",
            Self::ReferredBy(_) => "referred_to_by",
        };
        Refusal::new(ErrorCode::FailedPrecondition, message).with(field, self.by().as_str())
    }
}

/// Why a class cannot be deleted: it has instances that the command does not delete.
pub(super) fn find_left(
    draft: &Draft,
    branch: &BranchState,
    class: &ClassName,
    deleted: &BTreeSet<ModelKey>,
) -> Result<Option<Refusal>, Stop> {
    let prefix = ModelKey::instances_of(class);
    let is_own = |key: &&ModelKey| key.as_str().starts_with(&prefix);
    let most = deleted.iter().filter(is_own).count();
    let live = draft.state.live_instances(branch, class, most)?;
    if live.iter().all(|key| deleted.contains(key)) {
        return Ok(None);
    }
    let message = format!(
        "class {class} has instances; delete them first, or pass force=true to delete them \
         together with the class"
    );
    let refusal = Refusal::new(ErrorCode::FailedPrecondition, message);
    Ok(Some(refusal.with("class_id", class.as_str())))
}
