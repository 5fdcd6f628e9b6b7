//! Reading filters and orders as clients write them; what is not understood is refused, and told.

use super::{Conditions, Filter, ID_ALIAS, Operator, Order, Pattern};
use crate::{
    error::{ErrorCode, Refusal},
    json::{Json, entries, items},
    name::{INSTANCE_ID, PropertyName},
    ontology::{Class, PropertyType, limits, near},
};

/// The operators that may be written.
const OPERATORS: [&str; 10] = [
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "like", "exists",
];

/// Values that one `in` or `not_in` may list.
const LISTED: usize = 1_000;

impl Filter {
    /// Reads `{"price": {"gt": 5}, "name": "x"}` (contract §9); all must pass. A property is named
    /// by its id or a label.
    pub fn parse_all(class: &Class, filters: &Conditions) -> Result<Vec<Self>, Refusal> {
        let mut all = Vec::new();
        for (key, condition) in filters.iter() {
            all.extend(Self::parse(class, key, condition)?);
        }
        Ok(all)
    }

    /// Reads the condition on one property, `5` or `{"gt": 5, "lt": 9}`.
    pub fn parse(class: &Class, key: &str, condition: &Json) -> Result<Vec<Self>, Refusal> {
        let (property, property_type) = find_property(class, key)?;
        let operators = operators(key, property_type, condition)?;
        let filters = operators.into_iter().map(|operator| Self {
            property: property.clone(),
            property_type,
            operator,
        });
        Ok(filters.collect())
    }
}

impl Order {
    /// Reads `price`, or `-price` for the largest first.
    pub fn parse(class: &Class, text: &str) -> Result<Self, Refusal> {
        let (key, descending) = match text.strip_prefix('-') {
            Some(key) => (key, true),
            None => (text, false),
        };
        Self::by(class, key, descending)
    }

    /// The order over a property.
    pub fn by(class: &Class, key: &str, descending: bool) -> Result<Self, Refusal> {
        let (property, property_type) = find_property(class, key)?;
        if !is_ordered(property_type) {
            let kind = property_type.as_str();
            return Err(invalid(
                key,
                format!("{key} is of type {kind}, which has no order"),
            ));
        }
        Ok(Self {
            property,
            property_type,
            descending,
        })
    }
}

fn invalid(property: &str, message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidQuery, message).with("property", property)
}

/// The property that filters and orders mean by a key: its id or a label, or `instance_id` for the
/// id itself.
pub fn find_property(class: &Class, key: &str) -> Result<(PropertyName, PropertyType), Refusal> {
    let declared = class.resolve(key).cloned();
    let known = declared.and_then(|name| class.property_type(&name).map(|kind| (name, kind)));
    if let Some(known) = known {
        return Ok(known);
    }
    if [INSTANCE_ID, ID_ALIAS].contains(&key) {
        return Ok((PropertyName::instance_id(), PropertyType::String));
    }
    if let Ok(name) = key.parse()
        && class.allows_additional_properties()
    {
        return Ok((name, PropertyType::Json));
    }
    let mut known = vec![ID_ALIAS];
    known.extend(class.names().map(PropertyName::as_str));
    let hint = near::hint(&[key], known.iter().copied(), &known);
    let message = format!("{} has no property {key:?}; {hint}", class.id);
    Err(invalid(key, message)
        .with("class_id", class.id.as_str())
        .with("properties", known))
}

fn operators(key: &str, kind: PropertyType, condition: &Json) -> Result<Vec<Operator>, Refusal> {
    let fields = entries(condition);
    let is_operator = |name: &str| OPERATORS.contains(&name);
    let written = match fields {
        Some(fields) if fields.iter().any(|(name, _)| is_operator(name)) => fields,
        Some(_) if !holds_objects(kind) => {
            let known = OPERATORS.join(", ");
            return Err(invalid(
                key,
                format!("the filter on {key} has no operator that we know; there are {known}"),
            ));
        }
        _ => return Ok(vec![Operator::Eq(operand(key, kind, condition)?)]),
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

fn operator(key: &str, kind: PropertyType, name: &str, value: &Json) -> Result<Operator, Refusal> {
    let ordered = |make: fn(Json) -> Operator| {
        if !is_ordered(kind) {
            let kind = kind.as_str();
            return Err(invalid(
                key,
                format!("{key} is of type {kind}, which {name} does not order"),
            ));
        }
        operand(key, kind, value).map(make)
    };
    match name {
        "eq" => operand(key, kind, value).map(Operator::Eq),
        "ne" => operand(key, kind, value).map(|value| Operator::NotIn(vec![value])),
        "gt" => ordered(Operator::Gt),
        "gte" => ordered(Operator::Gte),
        "lt" => ordered(Operator::Lt),
        "lte" => ordered(Operator::Lte),
        "in" => listed(key, kind, name, value).map(Operator::In),
        "not_in" => listed(key, kind, name, value).map(Operator::NotIn),
        "like" => pattern(key, kind, value),
        "exists" => value
            .read()
            .map(Operator::Exists)
            .map_err(|_| invalid(key, format!("exists on {key} must be true or false"))),
        _ => {
            let known = OPERATORS.join(", ");
            Err(invalid(
                key,
                format!("{name:?} on {key} is no operator; there are {known}"),
            ))
        }
    }
}

fn listed(key: &str, kind: PropertyType, name: &str, value: &Json) -> Result<Vec<Json>, Refusal> {
    let values = items(value)
        .filter(|values| values.len() <= LISTED)
        .ok_or_else(|| {
            invalid(
                key,
                format!("{name} on {key} must be a list of at most {LISTED} values"),
            )
        })?;
    let operands = values.iter().map(|value| operand(key, kind, value));
    operands.collect()
}

fn pattern(key: &str, kind: PropertyType, value: &Json) -> Result<Operator, Refusal> {
    let has_text = kind.is_text()
        || matches!(
            kind,
            PropertyType::Array
                | PropertyType::Json
                | PropertyType::Link
                | PropertyType::Uuid
                | PropertyType::Ip
        );
    if !has_text {
        let kind = kind.as_str();
        return Err(invalid(
            key,
            format!("{key} is of type {kind}, which like does not search"),
        ));
    }
    // A pattern is far shorter than the texts that it finds.
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

/// A value to compare with, which must be of the property's type.
fn operand(key: &str, kind: PropertyType, value: &Json) -> Result<Json, Refusal> {
    let large = matches!(kind, PropertyType::Text | PropertyType::Json);
    check_limits(key, value, large)?;
    let fits = match kind {
        _ if value.is_null() => false,
        PropertyType::Integer => PropertyType::Number.accepts(value),
        PropertyType::Date | PropertyType::DateTime => {
            PropertyType::Date.accepts(value) || PropertyType::DateTime.accepts(value)
        }
        PropertyType::Url | PropertyType::Email | PropertyType::Phone => {
            value.as_string().is_some()
        }
        PropertyType::Link => kind.accepts(value) || items(value).is_some(),
        PropertyType::Array | PropertyType::Json => true,
        other => other.accepts(value),
    };
    if fits {
        return Ok(value.clone());
    }
    let hint = if value.is_null() {
        "; for what is not there, say {\"exists\": false}"
    } else {
        ""
    };
    let message = format!(
        "the filter on {key} compares with {}{hint}",
        kind.expectation()
    );
    Err(invalid(key, message).with_written("value", value.clone()))
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
