//! The rule for one value: its type and constraints.

use super::{
    PropertyType,
    constraints::Constraints,
    found::{Found, Place},
    limits,
    shape::{Field, Shape},
};
use crate::{
    json::{Json, items},
    value::Key,
};

/// The rule for the values of a property, or the items of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The type.
    pub property_type: PropertyType,
    pub(super) constraints: Constraints,
    items: Option<Box<Rule>>,
}

impl Rule {
    /// The rule that accepts every value of a type.
    pub(super) fn any(property_type: PropertyType) -> Self {
        Self {
            property_type,
            constraints: Constraints::default(),
            items: None,
        }
    }

    /// Parses `type`, `constraints` and `items`.
    pub(super) fn read(
        kind: &Field<'_>,
        constraints: Option<&Field<'_>>,
        items: Option<&Field<'_>>,
    ) -> Shape<Self> {
        let property_type = read_type(kind)?;
        let constraints = Constraints::read(property_type, constraints)?;
        if property_type == PropertyType::Enum && !constraints.has_members() {
            return Err(kind.refuse("enum", "is enum, so constraints.enum must list the values"));
        }
        let items = match items {
            Some(field) if property_type != PropertyType::Array => {
                return Err(field.refuse("constraint", "is only for type array"));
            }
            Some(field) => Some(Box::new(Self::read_items(field)?)),
            None => None,
        };
        Ok(Self {
            property_type,
            constraints,
            items,
        })
    }

    /// Parses `items`: a type's name, or an object like a property without a name.
    fn read_items(field: &Field<'_>) -> Shape<Self> {
        if field.value.as_string().is_some() {
            let rule = Self::read(field, None, None)?;
            return rule.refuse_links(field);
        }
        let known = [
            "type",
            "constraints",
            "items",
            "label",
            "description",
            "metadata",
        ];
        let object = field.object(&known)?;
        let (constraints, items) = (object.get("constraints"), object.get("items"));
        let kind = object.need("type")?;
        Self::read(&kind, constraints.as_ref(), items.as_ref())?.refuse_links(&kind)
    }

    fn refuse_links(self, field: &Field<'_>) -> Shape<Self> {
        if self.property_type == PropertyType::Link {
            return Err(field.refuse("type", "is link, which also needs a linkTarget"));
        }
        if self.constraints.unique {
            return Err(field.refuse("constraint", "has unique items; use uniqueItems instead"));
        }
        Ok(self)
    }

    /// The key that determines how a value compares under this rule.
    pub(super) fn key(&self, value: &Json) -> Key {
        let Some((rule, values)) = self.items.as_ref().zip(items(value)) else {
            return Key::of(self.property_type, value);
        };
        Key::List(values.iter().map(|item| rule.key(item)).collect())
    }

    /// Whether values have the same keys under both rules, according to the types down to the
    /// items.
    pub(super) fn compares_like(&self, other: &Self) -> bool {
        let items = match (&self.items, &other.items) {
            (None, None) => true,
            (Some(one), Some(another)) => one.compares_like(another),
            _ => false,
        };
        items && self.property_type == other.property_type
    }

    /// The type that determines how values compare: for lists, the type of their innermost items.
    pub(super) fn comparison(&self) -> PropertyType {
        self.items
            .as_ref()
            .map_or(self.property_type, |rule| rule.comparison())
    }

    /// The rule for the items of a list, if declared.
    pub fn items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// The values that an enum lists.
    pub fn members(&self) -> impl Iterator<Item = &Json> {
        self.constraints.members()
    }

    /// Checks a value with its limits.
    pub(super) fn check(&self, path: &str, value: &Json, found: &mut Found) {
        let large = matches!(self.property_type, PropertyType::Text | PropertyType::Json);
        match limits::check(value, large) {
            Ok(()) => self.check_within_limits(path, value, found),
            Err((rule, sentence)) => found.refuse(path, rule, Some(value), &sentence),
        }
    }

    fn check_within_limits(&self, path: &str, value: &Json, found: &mut Found) {
        let place = Place {
            path,
            property_type: self.property_type,
            value,
        };
        if !self.property_type.accepts(value) {
            let sentence = format!("must be {}", self.property_type.expectation());
            found.add(&place, "type", &sentence);
            return;
        }
        if self.property_type == PropertyType::Array {
            self.check_list(&place, found);
        } else {
            self.constraints.check_value(&place, found);
        }
    }

    fn check_list(&self, place: &Place<'_>, found: &mut Found) {
        let values = items(place.value).unwrap_or_default();
        let mut keys = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            if let Some(rule) = &self.items {
                rule.check_within_limits(&format!("{}[{index}]", place.path), value, found);
                keys.push(rule.key(value));
            } else {
                keys.push(Key::of(PropertyType::Json, value));
            }
        }
        self.constraints.check_items(place, &mut keys, found);
    }
}

/// Reads the name of a type.
pub(super) fn read_type(field: &Field<'_>) -> Shape<PropertyType> {
    let name = field.string()?;
    PropertyType::parse(&name).ok_or_else(|| {
        let all: Vec<_> = PropertyType::names().collect();
        let sentence = format!("is not a known type; the types are {}", all.join(", "));
        field.refuse("type", &sentence).with("allowed", all)
    })
}
