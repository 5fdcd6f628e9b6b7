//! Conditions as people write them, as the api takes them.

use std::fmt::Display;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};
use spice_core::{
    json::Json,
    name::PropertyName,
    ontology::{Class, PropertyType},
    query::Conditions,
};

use crate::failure::usage;

/// The signs, each before those that it begins with, and what the api calls them.
const SIGNS: [(&str, &str); 6] = [
    (">=", "gte"),
    ("<=", "lte"),
    (">", "gt"),
    ("<", "lt"),
    ("~", "like"),
    ("=", "="),
];

/// A condition on a property.
enum Condition {
    /// It is this value.
    Equals(Json),
    /// What is asked of it, by the api's names of the operators.
    Operators(IndexMap<String, Json>),
}

impl Condition {
    fn of(sign: &str, operand: Json) -> Self {
        Self::Operators([(sign.to_owned(), operand)].into())
    }

    /// Reads a condition as the api takes it.
    fn read(written: &Json) -> anyhow::Result<Self> {
        if !written.as_str().starts_with('{') {
            return Ok(Self::Equals(written.clone()));
        }
        let operators: Conditions = written.read()?;
        let operators = operators.iter();
        Ok(Self::Operators(
            operators
                .map(|(sign, operand)| (sign.to_owned(), operand.clone()))
                .collect(),
        ))
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Equals(value) => value.serialize(serializer),
            Self::Operators(operators) => operators.serialize(serializer),
        }
    }
}

type Filter = IndexMap<String, Condition>;

/// One filter of all conditions, as the api takes it; values are of the type that the class has
/// for their property, and keep their digits.
pub(crate) fn conditions(
    texts: &[String],
    class: Option<&Class>,
) -> anyhow::Result<Option<Box<RawValue>>> {
    let mut filter = Filter::new();
    for text in texts {
        if text.trim_start().starts_with('{') {
            let wrong = |error: &dyn Display| usage(format!("--filter {text}: {error}"));
            let given: Conditions = serde_json::from_str(text).map_err(|error| wrong(&error))?;
            for (property, condition) in given.iter() {
                let condition = Condition::read(condition).map_err(|error| wrong(&error))?;
                add(&mut filter, name(class, property), condition)?;
            }
        } else {
            let (property, condition) = parse(text, class)?;
            add(&mut filter, name(class, property), condition)?;
        }
    }
    if filter.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::value::to_raw_value(&filter)?))
}

/// The name of the property that a label in any language stands for. What the class does not know
/// is left to the api, which says what there is.
pub(super) fn name<'a>(class: Option<&'a Class>, text: &'a str) -> &'a str {
    let found = class.and_then(|class| class.resolve(text));
    found.map_or(text, PropertyName::as_str)
}

/// Two conditions on one property hold both, when the api can say so.
fn add(filter: &mut Filter, property: &str, condition: Condition) -> anyhow::Result<()> {
    let Some(there) = filter.get_mut(property) else {
        filter.insert(property.to_owned(), condition);
        return Ok(());
    };
    let (Condition::Operators(there), Condition::Operators(more)) = (there, condition) else {
        return Err(usage(format!(
            "two conditions on {property} exclude each other"
        )));
    };
    for (sign, value) in more {
        if there.contains_key(&sign) {
            return Err(usage(format!("{property} has {sign} twice")));
        }
        there.insert(sign, value);
    }
    Ok(())
}

fn parse<'a>(text: &'a str, class: Option<&Class>) -> anyhow::Result<(&'a str, Condition)> {
    if let Some(property) = text.trim().strip_suffix('?')
        && !property.contains(['=', '<', '>', '~'])
    {
        let exists = |wanted: bool| Condition::of("exists", Value::from(wanted).into());
        return Ok(match property.strip_prefix('!') {
            Some(property) => (property, exists(false)),
            None => (property, exists(true)),
        });
    }
    let at = text.find(['>', '<', '~', '=']);
    let found = at.and_then(|at| {
        let rest = &text[at..];
        let (sign, name) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))?;
        Some((text[..at].trim(), *name, rest[sign.len()..].trim()))
    });
    let Some((property, sign, written)) = found.filter(|(property, ..)| !property.is_empty())
    else {
        return Err(usage(format!(
            "{text:?} is no condition; write e.g. price>=10, name=Desk, name~De%, state=in(CO,UT) or note?"
        )));
    };
    let kind = class.and_then(|class| type_of(class, property));
    let typed = |text: &str| value(text, kind);
    if sign == "=" {
        let list = written
            .strip_prefix("in(")
            .and_then(|rest| rest.strip_suffix(')'));
        return Ok(match list {
            Some(list) => {
                let values: Vec<Json> = list.split(',').map(|it| typed(it.trim())).collect();
                (property, Condition::of("in", Json::of(&values)?))
            }
            None => (property, Condition::Equals(typed(written))),
        });
    }
    let operand = match sign {
        "like" => Value::from(written).into(),
        _ => typed(written),
    };
    Ok((property, Condition::of(sign, operand)))
}

/// The type of a property, as its class or one of its parents declares it.
fn type_of(class: &Class, property: &str) -> Option<PropertyType> {
    class.property_type(class.resolve(property)?)
}

/// A text is a text where the class says so; else it is what it looks like.
fn value(text: &str, kind: Option<PropertyType>) -> Json {
    let is_other = matches!(
        kind,
        None | Some(
            PropertyType::Integer
                | PropertyType::Decimal
                | PropertyType::Number
                | PropertyType::Boolean
                | PropertyType::Money
                | PropertyType::Json
                | PropertyType::Object
                | PropertyType::Array
        )
    );
    let written = (is_other || text.starts_with('"')).then(|| Json::parse(text));
    match written {
        Some(Ok(value)) => value,
        _ => Value::from(text).into(),
    }
}

#[cfg(test)]
mod tests {
    //! Conditions, read.
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_read_by_the_types_of_the_class() {
        let class = json!({"id": "Thing", "label": "Thing", "properties": [
            {"name": "zip", "type": "string", "label": {"en": "Postcode", "ko": "우편번호"}},
            {"name": "price", "type": "xsd:integer"}]});
        let class = Class::create(&class.into()).unwrap();
        let read = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            conditions(&texts, Some(&class))
                .map(|filter| serde_json::from_str::<Value>(filter.unwrap().get()).unwrap())
        };
        for (text, expected) in [
            ("price>=10", json!({"price": {"gte": 10}})),
            ("price < 3.5", json!({"price": {"lt": 3.5}})),
            ("zip=01234", json!({"zip": "01234"})),
            ("zip=12", json!({"zip": "12"})),
            ("우편번호=12", json!({"zip": "12"})),
            ("Postcode~1%", json!({"zip": {"like": "1%"}})),
            (r#"{"Postcode": {"gt": "1"}}"#, json!({"zip": {"gt": "1"}})),
            ("other=12", json!({"other": 12})),
            ("other=x=y", json!({"other": "x=y"})),
            ("zip~De%", json!({"zip": {"like": "De%"}})),
            ("zip=in(1, b)", json!({"zip": {"in": ["1", "b"]}})),
            ("price?", json!({"price": {"exists": true}})),
            ("!price?", json!({"price": {"exists": false}})),
            (r#"{"a": {"gt": 1}}"#, json!({"a": {"gt": 1}})),
        ] {
            assert_eq!(read(&[text]).unwrap(), expected, "{text}");
        }
        assert_eq!(
            read(&["price>=1", "price<9"]).unwrap(),
            json!({"price": {"gte": 1, "lt": 9}})
        );
        for wrong in [&["price"][..], &["=3"], &["{"], &["price=1", "price=2"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
    #[test]
    fn numbers_keep_their_digits() {
        let class = r#"{"id": "Thing", "label": "Thing", "properties": [
            {"name": "n", "type": "integer"}, {"name": "m", "type": "money"}]}"#;
        let class = Class::create(&Json::parse(class).unwrap()).unwrap();
        let long = "12345678901234567890123";
        for (text, expected) in [
            (format!("n={long}"), format!(r#"{{"n":{long}}}"#)),
            (format!("n>{long}"), format!(r#"{{"n":{{"gt":{long}}}}}"#)),
            (
                format!("n=in(1,{long})"),
                format!(r#"{{"n":{{"in":[1,{long}]}}}}"#),
            ),
            ("n<=1E+22".into(), r#"{"n":{"lte":1E+22}}"#.into()),
            ("n=0.10".into(), r#"{"n":0.10}"#.into()),
            (format!("other={long}"), format!(r#"{{"other":{long}}}"#)),
            (
                format!(r#"{{"n": {{"not_in": [{long}]}}}}"#),
                format!(r#"{{"n":{{"not_in":[{long}]}}}}"#),
            ),
            (
                format!(r#"m={{"amount": {long}, "currency": "KRW"}}"#),
                format!(r#"{{"m":{{"amount":{long},"currency":"KRW"}}}}"#),
            ),
        ] {
            let filter = conditions(&[text], Some(&class)).unwrap().unwrap();
            assert_eq!(filter.get(), expected);
        }
        for twice in [r#"{"n": 1, "n": 2}"#, r#"{"n": {"gt": 1, "gt": 2}}"#] {
            assert!(
                conditions(&[twice.into()], Some(&class)).is_err(),
                "{twice}"
            );
        }
    }
}
