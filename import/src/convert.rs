//! Converts the text of a cell to a value of a property. Only here does `"5"` become 5: what is
//! sent to the api already has the right type, digit for digit, or is not sent at all.

mod boolean;
mod broken;
mod link;
mod moment;
mod number;

use std::borrow::Cow;

use indexmap::IndexMap;
use spice_core::{
    json::Json,
    name::PropertyName,
    ontology::{Class, Property, PropertyType, Relationship, Rule, Schema},
};

pub use self::{boolean::Words, broken::Broken, link::Link};
use self::{
    moment::{date, date_time},
    number::{integer, number},
};
use crate::text::{trim, write_string};

/// How the text of a column is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Unchanged.
    Text,
    /// Unchanged, without surrounding blanks.
    Word,
    Integer,
    Number,
    Boolean(Words),
    Date,
    DateTime,
    Money,
    Coordinate,
    /// Any JSON.
    Json,
    /// JSON that is an object.
    Object,
    /// A URL, or JSON that is an object.
    File,
    /// One of these values, by its text.
    Members(Vec<Json>),
    /// A list: JSON, or items separated by `;`.
    List(Box<Kind>),
    /// A reference `Class/id`, or the id of an instance of the target.
    Link(Link),
}

/// How the values of each property and relationship of a class are parsed.
pub fn kinds(schema: &Schema, class: &Class) -> IndexMap<PropertyName, Kind> {
    let own = |it: &Property| (it.name.clone(), Kind::of(it.rule()));
    let link = |it: &Relationship| {
        let link = Kind::Link(Link::new(schema, &it.target));
        let is_list = it.cardinality.is_list();
        let kind = if is_list {
            Kind::List(Box::new(link))
        } else {
            link
        };
        (it.predicate.clone(), kind)
    };
    let links = class.relationships().iter().map(link);
    class.properties().iter().map(own).chain(links).collect()
}

impl Kind {
    fn of(rule: &Rule) -> Self {
        match rule.property_type {
            PropertyType::Enum => Self::Members(rule.members().cloned().collect()),
            PropertyType::Array => {
                let items = rule.items().map_or(Self::Text, Self::of);
                Self::List(Box::new(items))
            }
            PropertyType::String | PropertyType::Text | PropertyType::Link => Self::Text,
            PropertyType::Integer => Self::Integer,
            PropertyType::Decimal | PropertyType::Number => Self::Number,
            PropertyType::Boolean => Self::Boolean(Words::default()),
            PropertyType::Date => Self::Date,
            PropertyType::DateTime => Self::DateTime,
            PropertyType::Money => Self::Money,
            PropertyType::Coordinate => Self::Coordinate,
            PropertyType::Json => Self::Json,
            PropertyType::Object | PropertyType::Address => Self::Object,
            PropertyType::Image | PropertyType::File => Self::File,
            PropertyType::Url
            | PropertyType::Email
            | PropertyType::Phone
            | PropertyType::Uuid
            | PropertyType::Ip => Self::Word,
        }
    }

    /// The member of an enum for a text.
    pub fn member<'a>(members: &'a [Json], word: &str) -> Option<&'a Json> {
        // The text itself takes precedence, so that "5" can be written next to 5.
        let is_text = |member: &&Json| member.as_string().is_some_and(|text| text == word);
        let by_text = members.iter().find(is_text);
        by_text.or_else(|| members.iter().find(|member| member.as_str() == word))
    }

    /// The same, with words for booleans from the user.
    pub(crate) fn with_words(self, words: &Words) -> Self {
        match self {
            Self::Boolean(_) => Self::Boolean(words.normalize()),
            Self::List(items) => Self::List(Box::new(items.with_words(words))),
            other => other,
        }
    }

    /// Writes the value of a text as JSON. After an error, discard what was written.
    pub fn write(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        let word = trim(text);
        match self {
            Self::Text => write_string(text, out),
            Self::File if word.starts_with('{') => {
                write(object(word), "a URL or a JSON object", out)?;
            }
            Self::Word | Self::File => write_string(word, out),
            Self::Integer => write(integer(word), describe_number(word, INTEGER), out)?,
            Self::Number => write(number(word), describe_number(word, NUMBER), out)?,
            Self::Boolean(words) => write(words.read(word).map(|it| it.to_string()), BOOLEAN, out)?,
            Self::Date => write_moment(date(word), "a date in the form 2026-01-31", out)?,
            Self::DateTime => write_moment(date_time(word), DATE_TIME, out)?,
            Self::Money => write(object(word).or_else(|| money(word)), MONEY, out)?,
            Self::Coordinate => write(object(word).or_else(|| coordinate(word)), COORDINATE, out)?,
            Self::Json => write(json(word), "JSON", out)?,
            Self::Object => write(object(word), "a JSON object", out)?,
            Self::Members(members) => match Self::member(members, word) {
                Some(member) => out.extend_from_slice(member.as_str().as_bytes()),
                None => write_string(word, out),
            },
            Self::List(kind) => kind.write_list(word, out)?,
            Self::Link(link) => link.write(word, out)?,
        }
        Ok(())
    }

    /// The number of blank items in a text, which its list does not contain.
    pub(crate) fn blank_items(&self, text: &str) -> u64 {
        let word = trim(text);
        let is_split = matches!(self, Self::List(_)) && !word.is_empty() && !is_json_list(word);
        let items = is_split.then(|| word.split(';').map(trim));
        let blank = items.map(|items| items.filter(|it| it.is_empty()).count());
        blank.unwrap_or_default() as u64
    }

    fn write_list(&self, word: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        if is_json_list(word) {
            return write(json(word), "a JSON list, or items separated by ;", out);
        }
        out.push(b'[');
        let items = word.split(';').map(trim).filter(|it| !it.is_empty());
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write(item, out)?;
        }
        out.push(b']');
        Ok(())
    }
}

fn is_json_list(word: &str) -> bool {
    word.starts_with('[')
}

/// The expected form, which depends on whether the text may be a number with separators.
const INTEGER: [&str; 2] = [
    "an integer, such as 5",
    "an integer without thousands separators, such as 5000",
];
const NUMBER: [&str; 2] = [
    "a number, such as 12.30",
    "a number with a decimal point and without thousands separators, such as 1234.50",
];
const BOOLEAN: &str =
    "true or false, t or f, yes or no, y or n, on or off, 1 or 0, or a word of --true or --false";

const DATE_TIME: &str = "a date and time in the form 2026-01-31T12:00:00+09:00";
const MONEY: &str = "an amount and its currency, such as 12.30 KRW";
const COORDINATE: &str = "a latitude and a longitude, such as 37.5,127.0";

fn describe_number(word: &str, expected: [&'static str; 2]) -> &'static str {
    let is_separated = word.contains([',', '\'', '’', '_']) || word.contains(char::is_whitespace);
    expected[usize::from(is_separated && word.contains(|it: char| it.is_ascii_digit()))]
}

fn write_moment(
    moment: Option<Cow<'_, str>>,
    expected: &str,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    write_string(&moment.ok_or_else(|| Broken::of_type(expected))?, out);
    Ok(())
}

fn write(value: Option<String>, expected: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
    let value = value.ok_or_else(|| Broken::of_type(expected))?;
    out.extend_from_slice(value.as_bytes());
    Ok(())
}

fn money(word: &str) -> Option<String> {
    let (first, second) = word.split_once(char::is_whitespace)?;
    let second = second.trim();
    let is_currency =
        |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let (amount, currency) = if is_currency(first) {
        (second, first)
    } else {
        (first, second)
    };
    let amount = number(amount).filter(|amount| !amount.contains(['e', 'E']))?;
    is_currency(currency).then(|| format!(r#"{{"amount":"{amount}","currency":"{currency}"}}"#))
}

fn coordinate(word: &str) -> Option<String> {
    let (latitude, longitude) = word.split_once(',')?;
    let (latitude, longitude) = (number(latitude.trim())?, number(longitude.trim())?);
    Some(format!(r#"{{"lat":{latitude},"lon":{longitude}}}"#))
}

fn json(word: &str) -> Option<String> {
    Some(Json::parse(word).ok()?.to_string())
}

fn object(word: &str) -> Option<String> {
    json(word).filter(|text| text.starts_with('{'))
}
