//! Constraints on the values of a property: parsed with the class, checked with each value.

use regex::{Regex, RegexBuilder};

use super::{
    PropertyType,
    found::{Found, Place},
    shape::{Field, Object, Shape},
};
use crate::{
    json::Json,
    value::{Key, types},
};

/// The supported formats of strings.
const FORMATS: [&str; 10] = [
    "date",
    "date-time",
    "email",
    "ip",
    "ipv4",
    "ipv6",
    "phone",
    "uri",
    "url",
    "uuid",
];

const KNOWN: [&str; 11] = [
    "min",
    "max",
    "minLength",
    "maxLength",
    "pattern",
    "enum",
    "unique",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
];

/// The rules of a class for the values of one property, besides their type.
#[derive(Debug, Clone, Default)]
pub(super) struct Constraints {
    min: Option<(Key, Json)>,
    max: Option<(Key, Json)>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    pattern: Option<Regex>,
    members: Option<Vec<(Key, Json)>>,
    pub(super) unique: bool,
    format: Option<&'static str>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    unique_items: bool,
}

/// Whether both have the same rules for a value; uniqueness is a rule of the class.
impl PartialEq for Constraints {
    fn eq(&self, other: &Self) -> bool {
        let lengths = |it: &Self| (it.min_length, it.max_length, it.min_items, it.max_items);
        let pattern = |it: &Self| it.pattern.as_ref().map(|it| it.as_str().to_owned());
        self.min == other.min
            && self.max == other.max
            && self.members == other.members
            && lengths(self) == lengths(other)
            && pattern(self) == pattern(other)
            && (self.format, self.unique_items) == (other.format, other.unique_items)
    }
}

impl Constraints {
    /// Parses `constraints` of a property; refuses constraints that its type does not support.
    pub(super) fn read(property_type: PropertyType, field: Option<&Field<'_>>) -> Shape<Self> {
        let Some(field) = field else {
            return Ok(Self::default());
        };
        let object = field.object(&KNOWN)?;
        for key in KNOWN {
            if let Some(field) = object.get(key)
                && !fits(property_type, key)
            {
                let kind = property_type.as_str();
                return Err(
                    field.refuse("constraint", &format!("is not supported for type {kind}"))
                );
            }
        }
        let count = |key: &str| object.get(key).map(|field| field.count()).transpose();
        let constraints = Self {
            min: bound(property_type, &object, "min")?,
            max: bound(property_type, &object, "max")?,
            min_length: count("minLength")?,
            max_length: count("maxLength")?,
            pattern: object
                .get("pattern")
                .map(|field| pattern(&field))
                .transpose()?,
            members: object
                .get("enum")
                .map(|field| members(property_type, &field))
                .transpose()?,
            unique: object.flag("unique")?,
            format: object
                .get("format")
                .map(|field| format(&field))
                .transpose()?,
            min_items: count("minItems")?,
            max_items: count("maxItems")?,
            unique_items: object.flag("uniqueItems")?,
        };
        constraints.refuse_crossed(&object)?;
        Ok(constraints)
    }

    /// The allowed values, if they are listed.
    pub(super) fn members(&self) -> impl Iterator<Item = &Json> {
        self.members.iter().flatten().map(|(_, member)| member)
    }

    /// Whether the allowed values are listed.
    pub(super) fn has_members(&self) -> bool {
        self.members.is_some()
    }

    fn refuse_crossed(&self, object: &Object) -> Shape<()> {
        let values =
            matches!((&self.min, &self.max), (Some((min, _)), Some((max, _))) if min > max);
        let over = |min: Option<usize>, max: Option<usize>| {
            min.zip(max).is_some_and(|(min, max)| min > max)
        };
        for (crossed, min, max) in [
            (values, "min", "max"),
            (
                over(self.min_length, self.max_length),
                "minLength",
                "maxLength",
            ),
            (over(self.min_items, self.max_items), "minItems", "maxItems"),
        ] {
            if crossed {
                let refusal = object
                    .need(min)?
                    .refuse("constraint", &format!("is greater than {max}"));
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// Checks a single value that has the right type.
    pub(super) fn check_value(&self, place: &Place<'_>, found: &mut Found) {
        if self.min.is_some() || self.max.is_some() || self.members.is_some() {
            self.check_range(place, found);
        }
        if let Some(text) = place.value.as_string() {
            self.check_text(place, &text, found);
        }
    }

    fn check_range(&self, place: &Place<'_>, found: &mut Found) {
        let key = Key::of(place.property_type, place.value);
        let size = match &key {
            Key::Money(_, amount) => Key::Number(amount.clone()),
            other => other.clone(),
        };
        if let Some((min, written)) = &self.min
            && size < *min
        {
            found.add(place, "min", &format!("must be at least {written}"));
        }
        if let Some((max, written)) = &self.max
            && size > *max
        {
            found.add(place, "max", &format!("must be at most {written}"));
        }
        if let Some(members) = &self.members
            && !members.iter().any(|(member, _)| *member == key)
        {
            let all: Vec<_> = members
                .iter()
                .map(|(_, written)| written.as_str())
                .collect();
            found.add(place, "enum", &format!("must be one of {}", all.join(", ")));
        }
    }

    fn check_text(&self, place: &Place<'_>, text: &str, found: &mut Found) {
        let length = text.chars().count();
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            found.add(
                place,
                "minLength",
                &format!("must have at least {min} characters"),
            );
        }
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            found.add(
                place,
                "maxLength",
                &format!("must have at most {max} characters"),
            );
        }
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(text)
        {
            found.add(place, "pattern", &format!("must match {pattern}"));
        }
        if let Some(format) = self
            .format
            .filter(|format| !has_format(format, place.value))
        {
            found.add(place, "format", &format!("must have the format {format}"));
        }
    }

    /// Checks the items of a list, given as their keys.
    pub(super) fn check_items(&self, place: &Place<'_>, keys: &mut [Key], found: &mut Found) {
        if let Some(min) = self.min_items.filter(|min| keys.len() < *min) {
            found.add(
                place,
                "minItems",
                &format!("must have at least {min} items"),
            );
        }
        if let Some(max) = self.max_items.filter(|max| keys.len() > *max) {
            found.add(place, "maxItems", &format!("must have at most {max} items"));
        }
        if self.unique_items {
            keys.sort();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                found.add(place, "uniqueItems", "must not contain equal items");
            }
        }
    }
}

fn fits(property_type: PropertyType, constraint: &str) -> bool {
    match constraint {
        "min" | "max" => {
            property_type.is_number()
                || property_type.is_moment()
                || property_type == PropertyType::Money
        }
        "minLength" | "maxLength" | "pattern" => property_type.is_string(),
        "format" => matches!(property_type, PropertyType::String | PropertyType::Text),
        "enum" => property_type.is_key() || property_type.is_number(),
        "minItems" | "maxItems" | "uniqueItems" => {
            matches!(property_type, PropertyType::Array | PropertyType::Link)
        }
        _ => property_type != PropertyType::Link,
    }
}

fn bound(property_type: PropertyType, object: &Object, key: &str) -> Shape<Option<(Key, Json)>> {
    let Some(field) = object.get(key) else {
        return Ok(None);
    };
    let kind = match property_type {
        PropertyType::Integer | PropertyType::Money => PropertyType::Number,
        PropertyType::DateTime if PropertyType::Date.accepts(field.value) => PropertyType::Date,
        other => other,
    };
    require(kind, &field)?;
    Ok(Some((Key::of(kind, field.value), field.value.clone())))
}

fn require(kind: PropertyType, field: &Field<'_>) -> Shape<()> {
    let readable = super::limits::check(field.value, false).is_ok();
    if readable && kind.accepts(field.value) {
        return Ok(());
    }
    Err(field.refuse("type", &format!("must be {}", kind.expectation())))
}

fn pattern(field: &Field<'_>) -> Shape<Regex> {
    RegexBuilder::new(&field.string()?)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| {
            field.refuse(
                "pattern",
                &format!("is not a supported regular expression: {error}"),
            )
        })
}

fn members(property_type: PropertyType, field: &Field<'_>) -> Shape<Vec<(Key, Json)>> {
    let values = field.list()?;
    if values.is_empty() {
        return Err(field.refuse("required", "must have at least one value"));
    }
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let path = format!("{}[{index}]", field.path);
            require(
                property_type,
                &Field {
                    path,
                    value: &value,
                },
            )?;
            Ok((Key::of(property_type, &value), value))
        })
        .collect()
}

fn format(field: &Field<'_>) -> Shape<&'static str> {
    let written = field.string()?;
    FORMATS
        .into_iter()
        .find(|known| *known == written)
        .ok_or_else(|| {
            let known = FORMATS.join(", ");
            field.refuse(
                "format",
                &format!("is not a supported format; the formats are {known}"),
            )
        })
}

fn has_format(format: &str, value: &Json) -> bool {
    let text = value.as_string().unwrap_or_default();
    match format {
        "date" => PropertyType::Date.accepts(value),
        "date-time" => PropertyType::DateTime.accepts(value),
        "email" => types::is_email(&text),
        "ip" => PropertyType::Ip.accepts(value),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "phone" => types::is_phone(&text),
        "uuid" => PropertyType::Uuid.accepts(value),
        _ => types::is_url(&text),
    }
}
