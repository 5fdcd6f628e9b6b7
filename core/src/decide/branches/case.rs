//! One aggregate that differs: its state on each side, and its result.

use std::{borrow::Cow, cell::OnceCell};

use crate::{
    decide::{state::WriteState, stop::Stop, version::Version},
    id::{AggregateId, Sequence},
    json::{Json, Properties},
    lineage::Lineage,
    merge::{Conflict, Content, Fields, is_same_content},
    model::{BranchState, ModelEntry, ModelKey},
    name::PropertyName,
};

/// Where the state of a side is looked up.
#[derive(Clone)]
pub(super) enum Place<'a> {
    /// The current branch.
    Live(&'a BranchState),
    /// Everything visible through a lineage.
    Past(Lineage),
}

impl Place<'_> {
    pub(super) fn entry<'s>(
        &self,
        state: &'s WriteState,
        key: &ModelKey,
    ) -> Result<Option<&'s ModelEntry>, Stop> {
        match self {
            Self::Live(branch) => state.entry(branch, key),
            Self::Past(lineage) => state.entry_at(lineage, key),
        }
    }
}

/// The state of an aggregate on one side: none, a tombstone, or a state.
pub(super) struct Side<'a> {
    version: Option<Version<'a>>,
    content: Content,
    fields: OnceCell<Fields>,
}

impl<'a> Side<'a> {
    fn read(content: Content, entry: Option<&'a ModelEntry>) -> Result<Self, Stop> {
        Ok(Self {
            version: entry.map(Version::read).transpose()?,
            content,
            fields: OnceCell::new(),
        })
    }

    pub(super) fn version(&self) -> Option<&Version<'a>> {
        self.version.as_ref()
    }

    /// The state; none if it does not exist.
    pub(super) fn data(&self) -> Option<&Json> {
        self.version.as_ref()?.state.data.as_ref()
    }

    /// The fields of the state; none if it does not exist.
    pub(super) fn fields(&self) -> Option<&Fields> {
        let data = self.data()?;
        Some(self.fields.get_or_init(|| self.content.split(data)))
    }

    pub(super) fn sequence(&self) -> Sequence {
        let version = self.version.as_ref();
        version.map_or(Sequence(0), |version| version.state.sequence)
    }

    pub(super) fn is_live(&self) -> bool {
        self.data().is_some()
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.version.is_some() && !self.is_live()
    }

    pub(super) fn is_absent(&self) -> bool {
        self.version.is_none()
    }

    /// Whether both have the same state, even if the versions differ.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self.data(), other.data()) {
            (Some(one), Some(two)) if one == two => true,
            (Some(_), Some(_)) => match (self.fields(), other.fields()) {
                (Some(one), Some(two)) => is_same_content(one, two),
                _ => false,
            },
            (None, None) => self.is_deleted() == other.is_deleted(),
            _ => false,
        }
    }
}

/// The result for an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The target's state stays.
    Keep,
    /// It gets this state.
    Put(Fields),
    /// It is deleted.
    Delete,
}

/// An aggregate that differs.
pub(super) struct Case<'a> {
    pub(super) key: ModelKey,
    pub(super) aggregate: AggregateId,
    pub(super) base: Side<'a>,
    pub(super) source: Side<'a>,
    pub(super) target: Side<'a>,
    pub(super) outcome: Outcome,
}

impl<'a> Case<'a> {
    pub(super) fn read(
        key: ModelKey,
        aggregate: AggregateId,
        [base, source, target]: [Option<&'a ModelEntry>; 3],
    ) -> Result<Self, Stop> {
        let content = Content::of(&aggregate);
        Ok(Self {
            base: Side::read(content, base)?,
            source: Side::read(content, source)?,
            target: Side::read(content, target)?,
            outcome: Outcome::Keep,
            key,
            aggregate,
        })
    }

    /// Fields as a state.
    pub(super) fn join(&self, fields: &Fields) -> Result<Json, Stop> {
        Ok(self.target.content.join(fields)?)
    }

    /// The resulting fields; none if it will not exist.
    pub(super) fn after(&self) -> Option<&Fields> {
        match &self.outcome {
            Outcome::Keep => self.target.fields(),
            Outcome::Put(fields) => Some(fields),
            Outcome::Delete => None,
        }
    }

    /// The resulting state; none if it will not exist.
    pub(super) fn after_data(&self) -> Result<Option<Cow<'_, Json>>, Stop> {
        Ok(match &self.outcome {
            Outcome::Keep => self.target.data().map(Cow::Borrowed),
            Outcome::Put(fields) => Some(Cow::Owned(self.join(fields)?)),
            Outcome::Delete => None,
        })
    }

    /// Records the result. A result that changes nothing becomes [`Outcome::Keep`].
    pub(super) fn settle(&mut self, outcome: Outcome) {
        let is_kept = match &outcome {
            Outcome::Keep => true,
            Outcome::Put(fields) => {
                let target = self.target.fields();
                target.is_some_and(|target| is_same_content(target, fields))
            }
            Outcome::Delete => self.target.is_deleted(),
        };
        self.outcome = if is_kept { Outcome::Keep } else { outcome };
    }

    /// `Class/id`, or the class.
    pub(super) fn name(&self) -> String {
        match &self.aggregate {
            AggregateId::OntologyClass(_, _, class) => format!("class {class}"),
            AggregateId::Instance(_, _, class, id) => format!("{class}/{id}"),
            other => other.to_string(),
        }
    }

    /// A conflict about it, or about one of its properties.
    pub(super) fn conflict(
        &self,
        property: Option<&str>,
        rule: Option<&str>,
        message: String,
    ) -> Conflict {
        let value = |side: &Side| match property {
            Some(property) => side
                .fields()
                .and_then(|fields| fields.get(property))
                .cloned(),
            None => side.data().cloned(),
        };
        Conflict {
            aggregate: self.aggregate.clone(),
            property: property.map(str::to_owned),
            rule: rule.map(str::to_owned),
            base: value(&self.base),
            source: value(&self.source),
            target: value(&self.target),
            message,
        }
    }
}

/// The fields as properties, or the first field whose name is invalid.
pub(super) fn properties(fields: &Fields) -> Result<Properties, (&String, &Json)> {
    let mut properties = Properties::with_capacity(fields.len());
    for (name, value) in fields {
        let Ok(key) = name.parse::<PropertyName>() else {
            return Err((name, value));
        };
        properties.insert(key, value.clone());
    }
    Ok(properties)
}
