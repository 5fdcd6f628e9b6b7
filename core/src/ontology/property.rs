//! Properties of a class.

use super::{
    PropertyType,
    found::{Found, refuse_default},
    relationship::Relationship,
    rule::{Rule, read_type},
    shape::{Field, Object, Shape},
    text::Text,
};
use crate::{json::Json, name::PropertyName};

/// The fields of `Property` in contract §3.
const PROPERTY: [&str; 18] = [
    "name",
    "type",
    "label",
    "required",
    "primaryKey",
    "primary_key",
    "default",
    "description",
    "constraints",
    "target",
    "linkTarget",
    "isRelationship",
    "cardinality",
    "items",
    "integrity",
    "inverse_predicate",
    "inverse_label",
    "metadata",
];

/// A property: a key with a type of values.
#[derive(Debug, Clone)]
pub struct Property {
    /// Its id.
    pub name: PropertyName,
    /// Its label; the name if no label was written.
    pub label: Text,
    /// A description for people.
    pub description: Option<Text>,
    /// The type as it was written, for example `xsd:string`.
    pub type_name: String,
    /// The type.
    pub property_type: PropertyType,
    /// Whether every instance must have a value.
    pub required: bool,
    /// Whether its value is (a part of) the instance's id.
    pub primary_key: bool,
    /// The default value.
    pub default: Option<Json>,
    /// Whether no two instances of the class on a branch may have the same value.
    pub unique: bool,
    pub(super) rule: Rule,
    /// The rules of the parents that also declare it.
    pub(super) inherited: Vec<Rule>,
}

/// An entry of `properties`: a property, or a relationship written as a property.
pub(super) enum Member {
    Property(Property),
    Relationship(Relationship),
}

impl Member {
    /// Reads an entry of `properties`.
    pub(super) fn read(path: &str, value: &Json) -> Shape<Self> {
        let object = Object::read(path, value, &PROPERTY)?;
        let name: PropertyName = object.need("name")?.name()?;
        let kind = object.need("type")?;
        let property_type = read_type(&kind)?;
        let list_of_links = property_type == PropertyType::Array && items_target(&object);
        let has_target = ["target", "linkTarget"]
            .iter()
            .any(|key| object.get(key).is_some());
        let is_link = property_type == PropertyType::Link || object.flag("isRelationship")?;
        if is_link || has_target || list_of_links {
            return Relationship::from_property(&object, name, list_of_links)
                .map(Self::Relationship);
        }
        for key in [
            "cardinality",
            "integrity",
            "inverse_predicate",
            "inverse_label",
        ] {
            if let Some(field) = object.get(key) {
                return Err(field.refuse("constraint", "is only for relationships"));
            }
        }
        Property::read(&object, name, &kind).map(Self::Property)
    }
}

impl Property {
    fn read(object: &Object, name: PropertyName, kind: &Field<'_>) -> Shape<Self> {
        let (constraints, items) = (object.get("constraints"), object.get("items"));
        let rule = Rule::read(kind, constraints.as_ref(), items.as_ref())?;
        let primary = object.either("primaryKey", "primary_key")?;
        let primary_key = primary.as_ref().map_or(Ok(false), Field::boolean)?;
        if let Some(field) = primary.filter(|_| primary_key && !rule.property_type.is_key()) {
            return Err(field.refuse("primary_key", &not_a_key(rule.property_type)));
        }
        let property = Self {
            label: Text::read_label_of(object, name.as_str())?,
            description: Text::read_optional(object, "description")?,
            type_name: kind.string()?,
            property_type: rule.property_type,
            required: object.flag("required")?,
            primary_key,
            default: object.get("default").map(|field| field.value.clone()),
            unique: rule.constraints.unique,
            rule,
            inherited: Vec::new(),
            name,
        };
        if let Some(field) = object.get("default") {
            refuse_default(&field, |found| {
                property.rule.check(&field.path, field.value, found);
            })?;
        }
        Ok(property)
    }

    /// Whether two values are equal under this property exactly if they are equal under `other`.
    pub(crate) fn compares_like(&self, other: &Self) -> bool {
        self.rule.compares_like(&other.rule)
    }

    /// The type that determines how its values compare: for a list, the type of its innermost
    /// items. An array without an item type compares as JSON.
    pub fn comparison(&self) -> PropertyType {
        self.rule.comparison()
    }

    /// The type of the items, if it is declared.
    pub fn item_type(&self) -> Option<PropertyType> {
        self.rule.items().map(|rule| rule.property_type)
    }

    /// The rule for its values.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Checks a value: by the property's own rule, then by those of the parents.
    pub(super) fn check(&self, path: &str, value: &Json, found: &mut Found) {
        let before = found.0.len();
        self.rule.check(path, value, found);
        if found.0.len() == before {
            for rule in &self.inherited {
                rule.check(path, value, found);
            }
        }
    }

    /// What can be read of a property that today's rules would refuse.
    pub(super) fn read_leniently(value: &Json) -> Option<Self> {
        let fields = crate::json::entries(value)?;
        let field = |key: &str| {
            fields
                .iter()
                .find_map(|(name, field)| (name == key).then_some(field))
        };
        let name: PropertyName = field("name")?.as_string()?.parse().ok()?;
        let type_name = field("type").and_then(Json::as_string).unwrap_or_default();
        let property_type = PropertyType::parse(&type_name)
            .filter(|kind| *kind != PropertyType::Link)
            .unwrap_or(PropertyType::Json);
        let flag = |key: &str| field(key).is_some_and(|field| field.as_str() == "true");
        Some(Self {
            label: Text::Plain(name.as_str().to_owned()),
            description: None,
            type_name,
            property_type,
            required: flag("required"),
            primary_key: flag("primaryKey") || flag("primary_key"),
            default: None,
            unique: false,
            rule: Rule::any(property_type),
            inherited: Vec::new(),
            name,
        })
    }
}

/// Why a property of a type cannot be a primary key, and which types can.
fn not_a_key(property_type: PropertyType) -> String {
    let keys: Vec<&str> = PropertyType::names()
        .filter(|name| PropertyType::parse(name).is_some_and(PropertyType::is_key))
        .collect();
    format!(
        "cannot be set on a property of type {}: a primary key must be of type {}",
        property_type.as_str(),
        keys.join(", ")
    )
}

/// Whether `items` declares a list of links.
fn items_target(object: &Object) -> bool {
    let Some(items) = object.get("items") else {
        return false;
    };
    let kind = crate::json::entries(items.value)
        .and_then(|fields| fields.into_iter().find(|(name, _)| name == "type"))
        .and_then(|(_, kind)| kind.as_string());
    kind.and_then(|kind| PropertyType::parse(&kind)) == Some(PropertyType::Link)
}
