//! The types of properties: their names, and which values they accept. Strict: a value is never
//! converted.

use super::{decimal::Decimal, moment};
use crate::json::{Json, entries, items};

/// The type of a property's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum PropertyType {
    String,
    Text,
    Integer,
    Decimal,
    Number,
    Boolean,
    Date,
    DateTime,
    Url,
    Email,
    Phone,
    Money,
    Enum,
    Uuid,
    Ip,
    Json,
    Object,
    Array,
    Coordinate,
    Address,
    Image,
    File,
    Link,
}

/// Every name of a type, without `xsd:`.
const NAMES: [(&str, PropertyType); 28] = [
    ("string", PropertyType::String),
    ("text", PropertyType::Text),
    ("integer", PropertyType::Integer),
    ("decimal", PropertyType::Decimal),
    ("number", PropertyType::Number),
    ("float", PropertyType::Number),
    ("double", PropertyType::Number),
    ("boolean", PropertyType::Boolean),
    ("date", PropertyType::Date),
    ("dateTime", PropertyType::DateTime),
    ("anyURI", PropertyType::Url),
    ("url", PropertyType::Url),
    ("email", PropertyType::Email),
    ("phone", PropertyType::Phone),
    ("money", PropertyType::Money),
    ("enum", PropertyType::Enum),
    ("uuid", PropertyType::Uuid),
    ("ip", PropertyType::Ip),
    ("json", PropertyType::Json),
    ("object", PropertyType::Object),
    ("array", PropertyType::Array),
    ("coordinate", PropertyType::Coordinate),
    ("geopoint", PropertyType::Coordinate),
    ("address", PropertyType::Address),
    ("image", PropertyType::Image),
    ("file", PropertyType::File),
    ("link", PropertyType::Link),
    ("datetime", PropertyType::DateTime),
];

impl PropertyType {
    /// Parses a type's name, with or without `xsd:`.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("xsd:").unwrap_or(text);
        NAMES
            .iter()
            .find_map(|(known, kind)| (*known == name).then_some(*kind))
    }

    /// Every name that [`PropertyType::parse`] accepts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The usual name of the type.
    pub fn as_str(self) -> &'static str {
        NAMES
            .iter()
            .find_map(|(name, kind)| (*kind == self).then_some(*name))
            .unwrap_or("string")
    }

    /// Whether full-text search covers values of this type.
    pub fn is_text(self) -> bool {
        self.is_string() || self == Self::Enum
    }

    /// Whether values are strings with a meaningful length and characters.
    pub(crate) fn is_string(self) -> bool {
        matches!(
            self,
            Self::String | Self::Text | Self::Url | Self::Email | Self::Phone
        )
    }

    /// Whether values are plain numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::Number)
    }

    /// Whether values are times.
    pub(crate) fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::DateTime)
    }

    /// Whether a value can be (a part of) an instance's id.
    pub(crate) fn is_key(self) -> bool {
        self.is_string()
            || self.is_moment()
            || matches!(
                self,
                Self::Integer | Self::Decimal | Self::Boolean | Self::Enum | Self::Uuid | Self::Ip
            )
    }

    /// A description of valid values, for messages.
    pub(crate) fn expectation(self) -> &'static str {
        match self {
            Self::String | Self::Text => "a string",
            Self::Integer => "an integer, such as 5",
            Self::Decimal | Self::Number => "a number, such as 12.30",
            Self::Boolean => "true or false",
            Self::Date => "a date, such as \"2026-01-31\"",
            Self::DateTime => "a date and time, such as \"2026-01-31T12:00:00+09:00\"",
            Self::Url => "a URL with its scheme, such as \"https://example.org\"",
            Self::Email => "an e-mail address",
            Self::Phone => "a telephone number of 3 to 15 digits",
            Self::Money => {
                "an amount with its currency: {\"amount\": \"12.30\", \"currency\": \"KRW\"}"
            }
            Self::Enum => "a string, a number or a boolean",
            Self::Uuid => "a UUID with its hyphens",
            Self::Ip => "an IPv4 or IPv6 address",
            Self::Json => "any JSON value",
            Self::Object => "an object",
            Self::Array => "a list",
            Self::Coordinate => "{\"lat\": -90 to 90, \"lon\": -180 to 180}",
            Self::Address => "an object of strings",
            Self::Image | Self::File => "a URL, or {url, name?, media_type?, size?}",
            Self::Link => "a reference \"Class/id\"",
        }
    }

    /// Whether a value has this type. Lists are checked elsewhere.
    pub(crate) fn accepts(self, value: &Json) -> bool {
        let string =
            |accepts: fn(&str) -> bool| value.as_string().is_some_and(|text| accepts(&text));
        match self {
            Self::String | Self::Text => value.as_string().is_some(),
            Self::Integer => is_integer(value.as_str()),
            Self::Decimal | Self::Number => is_number(value),
            Self::Boolean => is_boolean(value),
            Self::Date => string(moment::is_date),
            Self::DateTime => string(moment::is_date_time),
            Self::Url => string(is_url),
            Self::Email => string(is_email),
            Self::Phone => string(is_phone),
            Self::Money => is_money(value),
            Self::Enum => is_number(value) || is_boolean(value) || value.as_string().is_some(),
            Self::Uuid => string(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()),
            Self::Ip => string(|text| text.parse::<std::net::IpAddr>().is_ok()),
            Self::Json => true,
            Self::Object => value.as_str().starts_with('{'),
            Self::Array => items(value).is_some(),
            Self::Coordinate => is_coordinate(value),
            Self::Address => entries(value)
                .is_some_and(|fields| fields.iter().all(|(_, part)| part.as_string().is_some())),
            Self::Image | Self::File => string(is_url) || is_file(value),
            Self::Link => string(|text| text.parse::<crate::id::InstanceRef>().is_ok()),
        }
    }
}

pub(crate) fn is_boolean(value: &Json) -> bool {
    matches!(value.as_str(), "true" | "false")
}

pub(crate) fn is_number(value: &Json) -> bool {
    value
        .as_str()
        .starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// Digits only: `5.0` and `5e0` are numbers, but not integers.
pub(crate) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let plain = |c: char| !c.is_whitespace() && !c.is_control();
    let known_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    let web = ["http", "https", "ftp", "ws", "wss"].contains(&&*scheme.to_ascii_lowercase());
    let has_host = rest
        .strip_prefix("//")
        .is_some_and(|host| !host.is_empty() && !host.starts_with(['/', '?', '#']));
    known_scheme && !rest.is_empty() && (has_host || !web) && rest.chars().all(plain)
}

pub(crate) fn is_email(text: &str) -> bool {
    let Some((mailbox, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"@,;:<>()[]\\\"".contains(c);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    (1..=64).contains(&mailbox.len())
        && mailbox.chars().all(plain)
        && !mailbox.split('.').any(str::is_empty)
        && domain.len() <= 255
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

pub(crate) fn is_phone(text: &str) -> bool {
    let number = text.strip_prefix('+').unwrap_or(text);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    (3..=15).contains(&digits)
        && number.starts_with(|c: char| c.is_ascii_digit() || c == '(')
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number
            .chars()
            .all(|c| c.is_ascii_digit() || " -./()".contains(c))
}

fn is_money(value: &Json) -> bool {
    let Some(fields) = entries(value) else {
        return false;
    };
    let mut has_amount = false;
    let mut has_currency = false;
    for (name, field) in &fields {
        match name.as_str() {
            "amount" => {
                has_amount = is_number(field)
                    || field
                        .as_string()
                        .is_some_and(|text| !text.contains(['e', 'E']) && is_in_range(&text));
            }
            "currency" => {
                has_currency = field.as_string().is_some_and(|code| {
                    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
                });
            }
            _ => return false,
        }
    }
    has_amount && has_currency && fields.len() == 2
}

/// Whether a text is a number that can be stored.
pub(crate) fn is_in_range(text: &str) -> bool {
    Decimal::parse(text).is_some_and(|number| number.is_in_range())
}

fn is_coordinate(value: &Json) -> bool {
    let Some(fields) = entries(value) else {
        return false;
    };
    let within = |name: &str, limit: &str| {
        fields.iter().any(|(key, field)| {
            let magnitude = Decimal::parse(field.as_str().trim_start_matches('-'));
            key == name
                && is_number(field)
                && magnitude.is_some_and(|size| Some(size) <= Decimal::parse(limit))
        })
    };
    fields.len() == 2 && within("lat", "90") && within("lon", "180")
}

fn is_file(value: &Json) -> bool {
    let Some(fields) = entries(value) else {
        return false;
    };
    fields.iter().any(|(name, _)| name == "url")
        && fields.iter().all(|(name, field)| match name.as_str() {
            "url" => field.as_string().is_some_and(|text| is_url(&text)),
            "name" | "media_type" => field.as_string().is_some(),
            "size" => is_integer(field.as_str()) && !field.as_str().starts_with('-'),
            _ => false,
        })
}
