//! The comparison key of a value: equality and order, by type.

use std::{borrow::Cow, fmt::Write as _};

use jiff::{Timestamp, civil, tz::TimeZone};
use sha2::{Digest, Sha256};

use super::{
    decimal::Decimal,
    moment::{self, Instant},
    types::PropertyType,
};
use crate::{
    json::{Json, entries, hex, items},
    unicode::nfc,
};

/// Deeper values are compared as text; writes accept nothing that deep.
const DEPTH: usize = 32;

/// A value for comparison; texts are in NFC. Different kinds are ordered by their order here, so
/// the order is total.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Null,
    Boolean(bool),
    Number(Decimal),
    Instant(Instant),
    Text(String),
    Money(String, Decimal),
    List(Vec<Key>),
    Map(Vec<(String, Key)>),
    Unreadable(String),
}

impl Key {
    /// The key of a value of a property of this type, or of a list of such values. A value of
    /// another type (because the class has changed) gets the key of its own type.
    pub(crate) fn of(property_type: PropertyType, value: &Json) -> Self {
        Self::typed(property_type, value, 0)
    }

    fn typed(property_type: PropertyType, value: &Json, depth: usize) -> Self {
        let typed = match property_type {
            PropertyType::Date | PropertyType::DateTime => value
                .as_string()
                .and_then(|text| moment::instant(&text))
                .map(Self::Instant),
            PropertyType::Uuid => value
                .as_string()
                .map(|text| Self::Text(text.to_ascii_lowercase())),
            PropertyType::Ip => value
                .as_string()
                .and_then(|text| text.parse::<std::net::IpAddr>().ok())
                .map(|address| Self::Text(address.to_string())),
            PropertyType::Money => money(value),
            _ => return Self::plain(value, depth),
        };
        let list = || {
            let items = items(value).filter(|_| depth < DEPTH)?;
            let key = |item| Self::typed(property_type, item, depth + 1);
            Some(Self::List(items.iter().map(key).collect()))
        };
        typed
            .or_else(list)
            .unwrap_or_else(|| Self::plain(value, depth))
    }

    /// The key of a value by its JSON type.
    fn plain(value: &Json, depth: usize) -> Self {
        Self::by_json(value, depth, compose)
    }

    /// The same, with texts converted by `composed`.
    fn by_json(value: &Json, depth: usize, composed: fn(String) -> String) -> Self {
        let text = value.as_str();
        let unreadable = || Self::Unreadable(text.to_owned());
        match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'"') => value
                .as_string()
                .map_or_else(unreadable, |text| Self::Text(composed(text))),
            Some(b'[' | b'{') if depth == DEPTH => unreadable(),
            Some(b'[') => items(value).map_or_else(unreadable, |items| {
                Self::List(
                    items
                        .iter()
                        .map(|item| Self::by_json(item, depth + 1, composed))
                        .collect(),
                )
            }),
            Some(b'{') => entries(value).map_or_else(unreadable, |entries| {
                let mut fields: Vec<_> = entries
                    .into_iter()
                    .map(|(name, item)| (composed(name), Self::by_json(&item, depth + 1, composed)))
                    .collect();
                fields.sort();
                Self::Map(fields)
            }),
            _ => Decimal::parse(text).map_or_else(unreadable, Self::Number),
        }
    }

    /// Whether two keys are of one kind, so that "greater" is meaningful.
    pub(crate) fn is_comparable(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Money(currency, _), Self::Money(other_currency, _)) => {
                currency == other_currency
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// The elements of a list.
    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }

    /// The text of a string, in NFC.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A digest that equal values share: 32 hex characters of SHA-256.
    pub(crate) fn digest(&self) -> String {
        let mut canonical = String::new();
        self.write(&mut canonical);
        hex(Sha256::digest(canonical.as_bytes()).iter().take(16))
    }

    /// One text for all equal keys, and for no others: every text carries its length.
    fn write(&self, out: &mut String) {
        let _ = match self {
            Self::Null => out.write_char('0'),
            Self::Boolean(value) => write!(out, "b{value}"),
            Self::Number(number) => write!(out, "n{};", number.canonical()),
            Self::Instant(instant) => write!(out, "i{};", instant.canonical()),
            Self::Text(text) => write!(out, "t{}:{text}", text.len()),
            Self::Unreadable(text) => write!(out, "u{}:{text}", text.len()),
            Self::Money(currency, amount) => {
                write!(out, "m{}:{currency}{};", currency.len(), amount.canonical())
            }
            Self::List(elements) => {
                let begun = write!(out, "l{}:", elements.len());
                for element in elements {
                    element.write(out);
                }
                begun
            }
            Self::Map(fields) => {
                let begun = write!(out, "o{}:", fields.len());
                for (name, value) in fields {
                    let _ = write!(out, "{}:{name}", name.len());
                    value.write(out);
                }
                begun
            }
        };
    }
}

/// The current digest of a value, if `digest` is a different one from an earlier version, which
/// used texts as they are written and could not parse every time.
pub(crate) fn renew_digest(value: &Json, digest: &str) -> Option<String> {
    let written = value.as_str();
    let text = value.as_string();
    let moment = text.as_deref().filter(|text| !was_moment(text));
    let moment = moment.and_then(moment::instant).map(Key::Instant);
    if moment.is_none() && written.is_ascii() && !written.contains('\\') {
        return None;
    }
    let raw = Key::by_json(value, 0, |text| text);
    let renewed = moment.unwrap_or_else(|| Key::plain(value, 0));
    (renewed != raw && raw.digest() == digest).then(|| renewed.digest())
}

/// Whether an earlier version could parse a time.
fn was_moment(text: &str) -> bool {
    let civil = || {
        let moment = text.parse::<civil::DateTime>();
        moment.or_else(|_| text.parse::<civil::Date>().map(civil::DateTime::from))
    };
    text.parse::<Timestamp>().is_ok()
        || civil().is_ok_and(|moment| moment.to_zoned(TimeZone::UTC).is_ok())
}

/// The text in NFC, without a copy if it already is.
fn compose(text: String) -> String {
    match nfc(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(composed) => composed,
    }
}

fn money(value: &Json) -> Option<Key> {
    let fields = entries(value)?;
    let field = |name: &str| {
        fields
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    };
    let amount = field("amount")?;
    let text = amount
        .as_string()
        .unwrap_or_else(|| amount.as_str().to_owned());
    Some(Key::Money(
        field("currency")?.as_string()?,
        Decimal::parse(&text)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::{Key, renew_digest};
    use crate::{json::Json, value::PropertyType};

    #[test]
    fn only_a_digest_of_an_earlier_version_is_renewed() {
        let apart = "\"e\u{301}\"";
        let cases = [
            (PropertyType::String, apart, true),
            (PropertyType::String, "\"e\\u0301\"", true),
            (PropertyType::Array, "[\"e\u{301}\"]", true),
            (PropertyType::String, "\"\u{e9}\"", false),
            (PropertyType::String, "\"e\"", false),
            (
                PropertyType::DateTime,
                "\"9999-12-31T23:59:59-10:00\"",
                true,
            ),
            (PropertyType::DateTime, "\"2026-01-31T12:00:00Z\"", false),
            (PropertyType::Date, "\"2026-01-31\"", false),
            (PropertyType::Integer, "5", false),
        ];
        for (kind, text, is_renewed) in cases {
            let value = Json::parse(text).unwrap();
            let (now, then) = (Key::of(kind, &value), Key::by_json(&value, 0, |text| text));
            assert_eq!(renew_digest(&value, &now.digest()), None, "{text}");
            let expected = is_renewed.then(|| now.digest());
            assert_eq!(renew_digest(&value, &then.digest()), expected, "{text}");
        }
    }
}
