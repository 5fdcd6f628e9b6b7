//! The content of a state as fields that are compared and merged one by one.

use indexmap::{IndexMap, map::Entry};

use crate::{
    id::AggregateId,
    json::{Json, entries, items},
};

/// The fields of a state by name, in the written order: for an instance its properties, for a class
/// its fields with `properties.<name>` and `relationships.<predicate>` for its members.
pub(crate) type Fields = IndexMap<String, Json>;

/// The lists of a class whose members are separate fields, and the key that names a member.
const LISTS: [(&str, &str); 2] = [("properties", "name"), ("relationships", "predicate")];

/// Deeper values are compared as text; writes accept nothing that deep.
const DEPTH: usize = 32;

/// The kind of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// An instance: a flat object.
    Instance,
    /// The definition of a class.
    Class,
}

impl Content {
    /// The kind of an aggregate's states.
    pub(crate) fn of(aggregate: &AggregateId) -> Self {
        match aggregate {
            AggregateId::OntologyClass(..) => Self::Class,
            _ => Self::Instance,
        }
    }

    /// Splits a state into fields.
    pub(crate) fn split(self, state: &Json) -> Fields {
        let whole = entries(state).unwrap_or_default();
        if self == Self::Instance {
            return whole.into_iter().collect();
        }
        let mut fields = Fields::with_capacity(whole.len());
        for (name, value) in whole {
            match members(&name, &value) {
                Some(members) => fields.extend(members),
                None => drop(fields.insert(name, value)),
            }
        }
        fields
    }

    /// Joins fields to a state.
    pub(crate) fn join(self, fields: &Fields) -> Result<Json, serde_json::Error> {
        if self == Self::Instance {
            return Json::of(fields);
        }
        let mut whole: IndexMap<&str, Part> = IndexMap::new();
        for (name, value) in fields {
            let list = LISTS.iter().find(|(list, _)| {
                let member = name.strip_prefix(list);
                member.is_some_and(|member| member.starts_with('.'))
            });
            let Some((list, _)) = list else {
                whole.insert(name, Part::Whole(value));
                continue;
            };
            match whole.entry(list) {
                Entry::Vacant(place) => drop(place.insert(Part::List(vec![value]))),
                Entry::Occupied(mut place) => {
                    if let Part::List(members) = place.get_mut() {
                        members.push(value);
                    }
                }
            }
        }
        Json::of(&whole)
    }
}

/// A field of a class in its serialized form.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Whole(&'a Json),
    List(Vec<&'a Json>),
}

/// The members of a list of a class by name; none if it is not such a list, or would be refused
/// today.
fn members(list: &str, value: &Json) -> Option<Fields> {
    let (_, key) = LISTS.iter().find(|(name, _)| *name == list)?;
    let mut members = Fields::new();
    for member in items(value)? {
        let fields = entries(&member)?;
        let (_, name) = fields.iter().find(|(name, _)| name == key)?;
        let name = format!("{list}.{}", name.as_string()?);
        if members.insert(name, member).is_some() {
            return None;
        }
    }
    Some(members)
}

/// Whether two values are equal, ignoring the order of keys, whitespace and escaping. Numbers are
/// equal if they are written the same.
pub(crate) fn is_same(one: &Json, other: &Json) -> bool {
    is_same_within(one, other, DEPTH)
}

fn is_same_within(one: &Json, other: &Json, depth: usize) -> bool {
    if one == other {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let begin = |json: &Json| json.as_str().as_bytes().first().copied();
    match (begin(one), begin(other)) {
        (Some(b'"'), Some(b'"')) => one.as_string() == other.as_string(),
        (Some(b'['), Some(b'[')) => match (items(one), items(other)) {
            (Some(one), Some(other)) => {
                one.len() == other.len()
                    && (one.iter().zip(&other))
                        .all(|(one, other)| is_same_within(one, other, depth - 1))
            }
            _ => false,
        },
        (Some(b'{'), Some(b'{')) => match (entries(one), entries(other)) {
            (Some(mut one), Some(mut other)) => {
                one.sort_by(|(one, _), (other, _)| one.cmp(other));
                other.sort_by(|(one, _), (other, _)| one.cmp(other));
                one.len() == other.len()
                    && (one.iter().zip(&other)).all(|(one, other)| {
                        one.0 == other.0 && is_same_within(&one.1, &other.1, depth - 1)
                    })
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether two states have the same fields, in any order.
pub(crate) fn is_same_content(one: &Fields, other: &Fields) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| {
            let known = other.get(name);
            known.is_some_and(|known| is_same(known, value))
        })
}
