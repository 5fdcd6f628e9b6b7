//! Relationships of a class: references to instances of other classes.

use std::collections::BTreeSet;

use super::{
    PropertyType,
    constraints::Constraints,
    found::{Found, Place, refuse_default},
    shape::{Object, Shape},
    text::Text,
};
use crate::{
    id::InstanceRef,
    json::{Json, items},
    name::{ClassName, PropertyName},
    value::Key,
};

/// The fields of `Relationship` in contract §3.
const RELATIONSHIP: [&str; 11] = [
    "predicate",
    "target",
    "label",
    "cardinality",
    "description",
    "inverse_predicate",
    "inverse_label",
    "integrity",
    "required",
    "constraints",
    "metadata",
];

/// The cardinality of a relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// `1:1`
    OneToOne,
    /// `1:n`
    OneToMany,
    /// `n:1`
    ManyToOne,
    /// `n:m`, also written `n:n`
    ManyToMany,
}

impl Cardinality {
    /// Reads a cardinality.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "1:1" => Some(Self::OneToOne),
            "1:n" => Some(Self::OneToMany),
            "n:1" => Some(Self::ManyToOne),
            "n:m" | "n:n" => Some(Self::ManyToMany),
            _ => None,
        }
    }

    /// The cardinality as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneToOne => "1:1",
            Self::OneToMany => "1:n",
            Self::ManyToOne => "n:1",
            Self::ManyToMany => "n:m",
        }
    }

    /// Whether a value is a list of references.
    pub fn is_list(self) -> bool {
        matches!(self, Self::OneToMany | Self::ManyToMany)
    }
}

/// A relationship: a key whose values are references to instances of another class.
#[derive(Debug, Clone)]
pub struct Relationship {
    /// Its id.
    pub predicate: PropertyName,
    /// Its label; the predicate if no label was written.
    pub label: Text,
    /// A description for people.
    pub description: Option<Text>,
    /// The target class.
    pub target: ClassName,
    /// The cardinality.
    pub cardinality: Cardinality,
    /// Whether every instance must have a value.
    pub required: bool,
    /// The default value.
    pub default: Option<Json>,
    /// Whether a reference to a missing instance is refused.
    pub strict: bool,
    /// The name of the inverse.
    pub inverse_predicate: Option<PropertyName>,
    /// The label of the inverse.
    pub inverse_label: Option<Text>,
    pub(super) constraints: Constraints,
    /// The constraints of the parents that also declare it.
    pub(super) inherited: Vec<Constraints>,
    /// The subclasses of the target, by id.
    pub(super) kinds: Vec<ClassName>,
}

impl Relationship {
    /// Reads an entry of `relationships`.
    pub(super) fn read(path: &str, value: &Json) -> Shape<Self> {
        let object = Object::read(path, value, &RELATIONSHIP)?;
        let predicate = object.need("predicate")?.name()?;
        let target = object.need("target")?.name()?;
        Self::read_rest(&object, predicate, target)
    }

    pub(super) fn from_property(
        object: &Object,
        name: PropertyName,
        in_items: bool,
    ) -> Shape<Self> {
        for key in ["primaryKey", "primary_key"] {
            if object.flag(key)? {
                return Err(object
                    .need(key)?
                    .refuse("primary_key", "cannot be a relationship"));
            }
        }
        let target = if let Some(field) = object.either("linkTarget", "target")? {
            field.name()?
        } else if in_items {
            let known = [
                "type",
                "target",
                "linkTarget",
                "label",
                "description",
                "metadata",
            ];
            let items = object.need("items")?.object(&known)?;
            let target = items.either("linkTarget", "target")?;
            target.map_or_else(|| items.need("linkTarget")?.name(), |field| field.name())?
        } else {
            object.need("linkTarget")?.name()?
        };
        Self::read_rest(object, name, target)
    }

    fn read_rest(object: &Object, predicate: PropertyName, target: ClassName) -> Shape<Self> {
        let cardinality = match object.get("cardinality") {
            Some(field) => Cardinality::parse(&field.string()?)
                .ok_or_else(|| field.refuse("cardinality", "must be 1:1, 1:n, n:1 or n:m"))?,
            None => Cardinality::OneToMany,
        };
        let constraints = object.get("constraints");
        if let Some(field) = constraints.as_ref().filter(|_| !cardinality.is_list()) {
            field.object(&[])?;
        }
        let inverse = object.get("inverse_predicate");
        let relationship = Self {
            label: Text::read_label_of(object, predicate.as_str())?,
            description: Text::read_optional(object, "description")?,
            target,
            cardinality,
            required: object.flag("required")?,
            default: object.get("default").map(|field| field.value.clone()),
            strict: read_integrity(object)?,
            inverse_predicate: inverse.map(|field| field.name()).transpose()?,
            inverse_label: Text::read_optional(object, "inverse_label")?,
            constraints: Constraints::read(PropertyType::Link, constraints.as_ref())?,
            inherited: Vec::new(),
            kinds: Vec::new(),
            predicate,
        };
        if let Some(field) = object.get("default") {
            refuse_default(&field, |found| {
                relationship.check(&field.path, field.value, found);
            })?;
        }
        Ok(relationship)
    }

    /// Checks a value: a reference, or a list of different references.
    pub(super) fn check(&self, path: &str, value: &Json, found: &mut Found) {
        let place = Place {
            path,
            property_type: PropertyType::Link,
            value,
        };
        if let Err((rule, sentence)) = super::limits::check(value, false) {
            return found.add(&place, rule, &sentence);
        }
        if !self.cardinality.is_list() {
            return self.check_reference(&place, found);
        }
        let Some(values) = items(value) else {
            let sentence = format!(
                "must be a list of references, because its cardinality is {}",
                self.cardinality.as_str()
            );
            return found.add(&place, "type", &sentence);
        };
        let mut keys = Vec::with_capacity(values.len());
        let mut seen = BTreeSet::new();
        for (index, value) in values.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let item = Place {
                path: &path,
                property_type: PropertyType::Link,
                value,
            };
            self.check_reference(&item, found);
            let key = Key::of(PropertyType::Link, value);
            if !seen.insert(key.clone()) {
                found.add(&item, "uniqueItems", "occurs twice");
            }
            keys.push(key);
        }
        for constraints in self.inherited.iter().chain([&self.constraints]) {
            constraints.check_items(&place, &mut keys, found);
        }
    }

    /// Whether it may refer to instances of a class: the target, or a subclass of it.
    pub fn leads_to(&self, class: &ClassName) -> bool {
        *class == self.target || self.kinds.binary_search(class).is_ok()
    }

    fn check_reference(&self, place: &Place<'_>, found: &mut Found) {
        let target = &self.target;
        let Some(text) = place.value.as_string() else {
            return found.add(
                place,
                "type",
                &format!("must be a reference \"{target}/id\""),
            );
        };
        match text.parse::<InstanceRef>() {
            Err(_) => found.add(
                place,
                "reference",
                &format!("must be a reference \"{target}/id\""),
            ),
            Ok(reference) if !self.leads_to(&reference.class) => {
                found.add(place, "target", &format!("must refer to a {target}"));
            }
            Ok(_) => {}
        }
    }
}

fn read_integrity(object: &Object) -> Shape<bool> {
    let Some(field) = object.get("integrity") else {
        return Ok(false);
    };
    match field.string()?.as_str() {
        "strict" => Ok(true),
        "none" => Ok(false),
        _ => Err(field.refuse("integrity", "must be strict or none")),
    }
}
