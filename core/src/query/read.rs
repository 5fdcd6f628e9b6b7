//! Parses filters and orders from clients. Unknown parts are refused and named.

use super::{Conditions, Filter, ID_ALIAS, Operator, Order, Pattern};
use crate::{
    error::{ErrorCode, Refusal},
    id::InstanceRef,
    json::{Json, entries, items},
    name::{INSTANCE_ID, PropertyName},
    ontology::{Class, PropertyType, Relationship, limits, near},
};

/// The supported operators.
const OPERATORS: [&str; 10] = [
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "like", "exists",
];

/// The maximum number of values in one `in` or `not_in`.
const LISTED: usize = 1_000;

/// The type of a property for filters and orders.
#[derive(Debug, Clone, Copy)]
pub struct Kind<'a> {
    declared: PropertyType,
    /// The type that determines how values compare: for a list, the type of its innermost items.
    comparison: PropertyType,
    /// The relationship, for a reference.
    relationship: Option<&'a Relationship>,
}

impl Kind<'_> {
    fn plain(property_type: PropertyType) -> Self {
        Self {
            declared: property_type,
            comparison: property_type,
            relationship: None,
        }
    }

    /// Whether it is a list with a declared item type.
    fn is_typed_list(self) -> bool {
        self.declared != self.comparison
    }

    fn is_ordered(self) -> bool {
        !self.is_typed_list() && is_ordered(self.declared)
    }
}

impl Filter {
    /// Parses `{"price": {"gt": 5}, "name": "x"}` (contract §9); all must match. A property is
    /// named by its id or a label.
    pub fn parse_all(class: &Class, filters: &Conditions) -> Result<Vec<Self>, Refusal> {
        let mut all = Vec::new();
        for (key, condition) in filters.iter() {
            all.extend(Self::parse(class, key, condition)?);
        }
        Ok(all)
    }

    /// Parses the condition on one property, `5` or `{"gt": 5, "lt": 9}`.
    pub fn parse(class: &Class, key: &str, condition: &Json) -> Result<Vec<Self>, Refusal> {
        let (property, kind) = find_property(class, key)?;
        let property_type = kind.comparison;
        let operators = operators(key, kind, condition)?;
        let filters = operators.into_iter().map(|operator| Self {
            property: property.clone(),
            property_type,
            operator,
        });
        Ok(filters.collect())
    }
}

impl Order {
    /// Parses `price`, or `-price` for descending order.
    pub fn parse(class: &Class, text: &str) -> Result<Self, Refusal> {
        let (key, descending) = match text.strip_prefix('-') {
            Some(key) => (key, true),
            None => (text, false),
        };
        Self::by(class, key, descending)
    }

    /// The order by a property.
    pub fn by(class: &Class, key: &str, descending: bool) -> Result<Self, Refusal> {
        let (property, kind) = find_property(class, key)?;
        if !kind.is_ordered() {
            let kind = kind.declared.as_str();
            return Err(invalid(
                key,
                format!("{key} has type {kind}, which cannot be sorted"),
            ));
        }
        Ok(Self {
            property,
            property_type: kind.comparison,
            descending,
        })
    }
}

fn invalid(property: &str, message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidQuery, message).with("property", property)
}

/// The property for a key in filters and orders: its id or a label, or `instance_id` for the id.
pub fn find_property<'a>(class: &'a Class, key: &str) -> Result<(PropertyName, Kind<'a>), Refusal> {
    let declared = class.resolve(key).cloned();
    let known = declared.and_then(|name| {
        let kind = Kind {
            declared: class.property_type(&name)?,
            comparison: class.comparison(&name)?,
            relationship: class.relationship(&name),
        };
        Some((name, kind))
    });
    if let Some(known) = known {
        return Ok(known);
    }
    if [INSTANCE_ID, ID_ALIAS].contains(&key) {
        let id = PropertyName::instance_id();
        return Ok((id, Kind::plain(PropertyType::String)));
    }
    if let Ok(name) = key.parse()
        && class.allows_additional_properties()
    {
        return Ok((name, Kind::plain(PropertyType::Json)));
    }
    let mut known = vec![ID_ALIAS];
    known.extend(class.names().map(PropertyName::as_str));
    let hint = near::hint(&[key], known.iter().copied(), &known);
    let message = format!("{} has no property {key:?}; {hint}", class.id);
    Err(invalid(key, message)
        .with("class_id", class.id.as_str())
        .with("properties", known))
}

fn operators(key: &str, kind: Kind<'_>, condition: &Json) -> Result<Vec<Operator>, Refusal> {
    let fields = entries(condition);
    let is_operator = |name: &str| OPERATORS.contains(&name);
    let written = match fields {
        Some(fields) if fields.iter().any(|(name, _)| is_operator(name)) => fields,
        Some(fields) if !holds_objects(kind.comparison) => {
            let known = OPERATORS.join(", ");
            return Err(invalid(
                key,
                match fields.first() {
                    Some((name, _)) => {
                        format!("{name:?} on {key} is not an operator; the operators are {known}")
                    }
                    None => {
                        format!("the filter on {key} has no operator; the operators are {known}")
                    }
                },
            ));
        }
        _ => return Ok(vec![Operator::Eq(read_operand(key, kind, condition)?)]),
    };
    let mut operators = Vec::with_capacity(written.len());
    for (index, (name, value)) in written.iter().enumerate() {
        if written[..index].iter().any(|(other, _)| other == name) {
            return Err(invalid(
                key,
                format!("the filter on {key} has {name} twice"),
            ));
        }
        operators.push(operator(key, kind, name, value)?);
    }
    Ok(operators)
}

fn operator(key: &str, kind: Kind<'_>, name: &str, value: &Json) -> Result<Operator, Refusal> {
    let ordered = |make: fn(Json) -> Operator| {
        if !kind.is_ordered() {
            let kind = kind.declared.as_str();
            return Err(invalid(
                key,
                format!("{key} has type {kind}, which {name} does not support"),
            ));
        }
        read_operand(key, kind, value).map(make)
    };
    match name {
        "eq" => read_operand(key, kind, value).map(Operator::Eq),
        "ne" => read_operand(key, kind, value).map(|value| Operator::NotIn(vec![value])),
        "gt" => ordered(Operator::Gt),
        "gte" => ordered(Operator::Gte),
        "lt" => ordered(Operator::Lt),
        "lte" => ordered(Operator::Lte),
        "in" => read_list(key, kind, name, value).map(Operator::In),
        "not_in" => read_list(key, kind, name, value).map(Operator::NotIn),
        "like" => pattern(key, kind, value),
        "exists" => value
            .read()
            .map(Operator::Exists)
            .map_err(|_| invalid(key, format!("exists on {key} must be true or false"))),
        _ => {
            let known = OPERATORS.join(", ");
            Err(invalid(
                key,
                format!("{name:?} on {key} is not an operator; the operators are {known}"),
            ))
        }
    }
}

fn read_list(key: &str, kind: Kind<'_>, name: &str, value: &Json) -> Result<Vec<Json>, Refusal> {
    let values = items(value)
        .filter(|values| values.len() <= LISTED)
        .ok_or_else(|| {
            invalid(
                key,
                format!("{name} on {key} must be a list of at most {LISTED} values"),
            )
        })?;
    let operands = values.iter().map(|value| read_operand(key, kind, value));
    operands.collect()
}

fn pattern(key: &str, kind: Kind<'_>, value: &Json) -> Result<Operator, Refusal> {
    let has_text = kind.comparison.is_text()
        || matches!(
            kind.comparison,
            PropertyType::Array
                | PropertyType::Json
                | PropertyType::Link
                | PropertyType::Uuid
                | PropertyType::Ip
        );
    if !has_text {
        let list = if kind.is_typed_list() {
            "a list of "
        } else {
            ""
        };
        let message = format!(
            "{key} has {list}type {}, which like does not support",
            kind.comparison.as_str()
        );
        return Err(invalid(key, message));
    }
    // A pattern is much shorter than the texts that it matches.
    check_limits(key, value, false)?;
    let text = value
        .as_string()
        .ok_or_else(|| invalid(key, format!("like on {key} must be a text")))?;
    let pattern = text.parse::<Pattern>().map_err(|error| {
        invalid(
            key,
            format!("the pattern {text:?} of like on {key} {error}"),
        )
        .with("value", text.as_str())
    })?;
    Ok(Operator::Like(pattern))
}

/// An operand, which must have the property's type.
fn read_operand(key: &str, kind: Kind<'_>, value: &Json) -> Result<Json, Refusal> {
    let large = matches!(kind.comparison, PropertyType::Text | PropertyType::Json);
    check_limits(key, value, large)?;
    if compares_with(kind.comparison, value, kind.is_typed_list()) {
        if let Some(relationship) = kind.relationship {
            check_targets(key, relationship, value)?;
        }
        return Ok(value.clone());
    }
    let hint = if value.is_null() {
        "; for missing values, use {\"exists\": false}"
    } else {
        ""
    };
    let list = if kind.is_typed_list() {
        ", or a list of them"
    } else {
        ""
    };
    let message = format!(
        "the filter on {key} compares with {}{list}{hint}",
        kind.comparison.expectation()
    );
    Err(invalid(key, message).with_written("value", value.clone()))
}

/// Refuses a reference that no instance can hold: nothing would match it.
fn check_targets(key: &str, relationship: &Relationship, value: &Json) -> Result<(), Refusal> {
    let leads = |value: &Json| {
        let reference = value.as_string().and_then(|text| text.parse().ok());
        reference.is_some_and(|it: InstanceRef| relationship.leads_to(&it.class))
    };
    let values = items(value).unwrap_or_else(|| vec![value.clone()]);
    let Some(wrong) = values.iter().find(|value| !leads(value)) else {
        return Ok(());
    };
    let target = &relationship.target;
    let message = format!(
        "the filter on {key} compares with references to {target}, such as \"{target}/1\", by the \
         id of a class, not by its label"
    );
    Err(invalid(key, message).with_written("value", wrong.clone()))
}

/// Whether values of a type compare with this one; for lists, also with lists of such values.
fn compares_with(property_type: PropertyType, value: &Json, in_lists: bool) -> bool {
    if in_lists && let Some(items) = items(value) {
        let fits = |item: &Json| item.is_null() || compares_with(property_type, item, true);
        return items.iter().all(fits);
    }
    match property_type {
        _ if value.is_null() => false,
        PropertyType::Integer => PropertyType::Number.accepts(value),
        PropertyType::Date | PropertyType::DateTime => {
            PropertyType::Date.accepts(value) || PropertyType::DateTime.accepts(value)
        }
        PropertyType::Url | PropertyType::Email | PropertyType::Phone => {
            value.as_string().is_some()
        }
        PropertyType::Link => property_type.accepts(value) || items(value).is_some(),
        PropertyType::Array | PropertyType::Json => true,
        other => other.accepts(value),
    }
}

fn check_limits(key: &str, value: &Json, large: bool) -> Result<(), Refusal> {
    limits::check(value, large).map_err(|(rule, sentence)| {
        let message = format!("the value of the filter on {key} {sentence}");
        invalid(key, message)
            .with("rule", rule)
            .with("value", value.to_shown())
    })
}

fn is_ordered(kind: PropertyType) -> bool {
    kind.is_text()
        || kind.is_number()
        || kind.is_moment()
        || matches!(
            kind,
            PropertyType::Boolean
                | PropertyType::Money
                | PropertyType::Uuid
                | PropertyType::Ip
                | PropertyType::Json
        )
}

fn holds_objects(kind: PropertyType) -> bool {
    matches!(
        kind,
        PropertyType::Money
            | PropertyType::Json
            | PropertyType::Object
            | PropertyType::Array
            | PropertyType::Coordinate
            | PropertyType::Address
            | PropertyType::Image
            | PropertyType::File
    )
}
