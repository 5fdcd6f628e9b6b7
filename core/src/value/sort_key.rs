//! Sort keys: bytes that compare like the values of a type, so that a store can keep an index
//! without knowing the order.

use super::{key::Key, types::PropertyType};
use crate::json::Json;

/// Longer keys are cut; a cut key gives only an approximate place.
const LENGTH: usize = 160;
/// The end of a cut key: after every other continuation.
const CUT: u8 = 0xff;

const NULL: u8 = 1;
const BOOLEAN: u8 = 2;
const NUMBER: u8 = 3;
const INSTANT: u8 = 4;
const TEXT: u8 = 5;
const MONEY: u8 = 6;
const LIST: u8 = 7;
const MAP: u8 = 8;
const UNREADABLE: u8 = 9;

/// The place of a value in the order of a type. Equal values have equal keys, and keys compare like
/// the values. Only if both are cut ([`SortKey::is_exact`]) may different values share a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortKey(Vec<u8>);

impl SortKey {
    /// The key of a value, as [`super::compare`] orders it.
    pub fn of(property_type: PropertyType, value: &Json) -> Self {
        Self::encode(&Key::of(property_type, value))
    }

    /// The key of a value, and the keys of its elements if it is a list; for filters.
    pub fn all(property_type: PropertyType, value: &Json) -> (Self, Vec<Self>) {
        let key = Key::of(property_type, value);
        let elements = key.elements().iter().map(Self::encode).collect();
        (Self::encode(&key), elements)
    }

    /// A key from storage.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes, which compare as they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the key distinguishes its value from every other.
    pub fn is_exact(&self) -> bool {
        !Self::is_cut(&self.0)
    }

    /// Whether a stored key was cut.
    pub fn is_cut(bytes: &[u8]) -> bool {
        bytes.len() > LENGTH
    }

    /// The text (in NFC) of a stored key, if it is a text and not cut.
    pub fn text_of(bytes: &[u8]) -> Option<&str> {
        let text = bytes.strip_prefix(&[TEXT])?;
        std::str::from_utf8(text)
            .ok()
            .filter(|_| !Self::is_cut(bytes))
    }

    /// The first bytes of the keys of all texts with this prefix, which is in NFC.
    pub fn text_prefix(prefix: &str) -> Vec<u8> {
        let end = prefix.len().min(LENGTH - 1);
        [&[TEXT], &prefix.as_bytes()[..end]].concat()
    }

    /// The common prefix of all keys of this kind, for which "greater" is meaningful; for money it
    /// includes the currency.
    pub fn kind(&self) -> &[u8] {
        let end = match self.0.first() {
            Some(&MONEY) => self
                .0
                .windows(2)
                .position(|pair| pair == [0, 1])
                .map_or(LENGTH, |at| at + 2),
            _ => 1,
        };
        self.0.get(..end).unwrap_or(&self.0)
    }

    fn encode(key: &Key) -> Self {
        let mut bytes = Vec::with_capacity(24);
        match key {
            Key::Text(text) => {
                bytes.push(TEXT);
                // One byte over the maximum length is enough to see that it must be cut.
                let end = text.len().min(LENGTH + 1);
                bytes.extend_from_slice(&text.as_bytes()[..end]);
            }
            key => write(key, &mut bytes),
        }
        if bytes.len() > LENGTH {
            bytes.truncate(LENGTH);
            bytes.push(CUT);
        }
        Self(bytes)
    }
}

impl PropertyType {
    /// The type that represents all types whose values compare in the same way: one index serves
    /// them all.
    #[must_use]
    pub fn comparison(self) -> Self {
        match self {
            Self::Date | Self::DateTime => Self::DateTime,
            Self::Uuid | Self::Ip | Self::Money => self,
            _ => Self::Json,
        }
    }
}

/// Writes a key so that following parts of a list or an object do not change its place: no key is a
/// prefix of another, or it continues with bytes greater than the end of a part.
fn write(key: &Key, out: &mut Vec<u8>) {
    match key {
        Key::Null => out.push(NULL),
        Key::Boolean(value) => out.extend([BOOLEAN, u8::from(*value)]),
        Key::Number(number) => {
            out.push(NUMBER);
            number.write_sortable(out);
        }
        Key::Instant(instant) => {
            out.push(INSTANT);
            instant.write_sortable(out);
        }
        Key::Text(text) => write_text(TEXT, text, out),
        Key::Money(currency, amount) => {
            write_text(MONEY, currency, out);
            amount.write_sortable(out);
        }
        Key::List(elements) => {
            out.push(LIST);
            for element in elements {
                out.push(2);
                write(element, out);
            }
            out.push(1);
        }
        Key::Map(fields) => {
            out.push(MAP);
            for (name, value) in fields {
                write_text(2, name, out);
                write(value, out);
            }
            out.push(1);
        }
        Key::Unreadable(text) => write_text(UNREADABLE, text, out),
    }
}

fn write_text(tag: u8, text: &str, out: &mut Vec<u8>) {
    out.push(tag);
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 1]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SortKey;
    use crate::{
        json::Json,
        value::{PropertyType, compare, key::Key},
    };

    const TYPES: [PropertyType; 5] = [
        PropertyType::Json,
        PropertyType::DateTime,
        PropertyType::Uuid,
        PropertyType::Ip,
        PropertyType::Money,
    ];

    fn value() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<i64>().prop_map(|value| value.to_string()),
            (-30..30_i32, 0..4_u8).prop_map(|(whole, part)| format!("{whole}.{part}0")),
            (-3..3_i32, -400..400_i32).prop_map(|(whole, power)| format!("{whole}e{power}")),
            prop::sample::select(vec![
                "1e99999999999999999999",
                "-1e-9999999999999999999",
                "0",
                "-0.0",
                "1e120",
                "1e121",
                "\"2026-01-01\"",
                "\"2026-01-01T00:00:00Z\"",
                "\"2026-01-01T01:00:00+02:00\"",
                "\"2026-01-01T00:00:00.1234567891Z\"",
                "\"2026-01-01T00:00:00.123456789123Z\"",
                "\"0001-01-01T00:00:00+14:00\"",
                "\"9999-12-31T23:59:59.999999-12:00\"",
                "\"가\"",
                "\"\u{1100}\u{1161}\"",
                "\"-009999-01-01\"",
                "\"9999-12-31\"",
                "\"::1\"",
                "\"0:0::1\"",
                "\"10.0.0.1\"",
                "\"A-B\"",
                "\"a-b\"",
            ])
            .prop_map(str::to_owned),
            "[ab\u{0}é\u{1}]{0,4}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            (150..170_usize, "[ab]")
                .prop_map(|(length, end)| format!("\"{}{end}\"", "x".repeat(length))),
            (150..170_usize, "[1-9]")
                .prop_map(|(length, end)| format!("-1{}{end}", "7".repeat(length))),
            ("[AB\u{0}]{0,2}", -9..9_i32).prop_map(|(currency, amount)| {
                let currency = serde_json::to_string(&currency).unwrap();
                format!(r#"{{"amount":"{amount}.50","currency":{currency}}}"#)
            }),
        ];
        scalar.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                (inner, "[ab]{0,2}").prop_map(|(value, name)| format!(r#"{{"{name}":{value}}}"#)),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn keys_compare_like_the_values(one in value(), other in value(), at in 0..5_usize) {
            let (one, other) = (Json::parse(&one).unwrap(), Json::parse(&other).unwrap());
            let by_value = compare(TYPES[at], &one, &other);
            let (left, right) = (SortKey::of(TYPES[at], &one), SortKey::of(TYPES[at], &other));
            if left.is_exact() || right.is_exact() || left != right {
                prop_assert_eq!(left.cmp(&right), by_value, "{:?} {:?}", left, right);
            }
            let (own, other_own) = (Key::of(TYPES[at], &one), Key::of(TYPES[at], &other));
            prop_assert_eq!(right.0.starts_with(left.kind()), own.is_comparable(&other_own));
            prop_assert_eq!(&SortKey::from_bytes(left.as_bytes()), &left);
            prop_assert_eq!(left.is_exact(), !SortKey::is_cut(left.as_bytes()));
            let text = own.text().filter(|_| left.is_exact());
            prop_assert_eq!(SortKey::text_of(left.as_bytes()), text);
            prop_assert!(text.is_none_or(|text| left.0.starts_with(&SortKey::text_prefix(text))));
            prop_assert_eq!(SortKey::all(TYPES[at], &one).1.len(), own.elements().len());
        }
    }

    #[test]
    fn types_that_compare_the_same_share_their_keys() {
        let value = Json::parse(r#"["2026-01-01",5,"a"]"#).unwrap();
        for (one, other) in [
            (PropertyType::Date, PropertyType::DateTime),
            (PropertyType::String, PropertyType::Integer),
            (PropertyType::Link, PropertyType::Json),
        ] {
            assert_eq!(one.comparison(), other.comparison());
            assert_eq!(SortKey::of(one, &value), SortKey::of(other, &value));
        }
        assert_ne!(
            PropertyType::Ip.comparison(),
            PropertyType::Json.comparison()
        );
    }
}
