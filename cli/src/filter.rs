//! Conditions as people write them, as the api takes them.

use std::fmt::Display;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};
use spice_core::{
    json::Json,
    name::PropertyName,
    ontology::{Class, Schema},
    query::Conditions,
};

use spice_import::{Kind, classes};

use crate::failure::usage;

/// The signs, each before those that it begins with, and what the api calls them.
const SIGNS: [(&str, &str); 7] = [
    ("!=", "ne"),
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

/// Names of the id itself, which is a text.
const IDS: [&str; 2] = ["_id", "instance_id"];

/// How the operands of the properties of a class are written.
struct Operands<'a> {
    class: &'a Class,
    kinds: IndexMap<PropertyName, Kind>,
}

impl<'a> Operands<'a> {
    fn new(schema: &Schema, class: &'a Class) -> serde_json::Result<Self> {
        let members = classes::members(schema, class)?;
        let kind = |name: &PropertyName| {
            let declared = members.get(name).map(|member| &member.fields);
            (name.clone(), Kind::of(schema, class, name, declared))
        };
        Ok(Self {
            kinds: class.names().map(kind).collect(),
            class,
        })
    }

    fn kind(&self, property: &str) -> Option<&Kind> {
        self.kinds.get(self.class.resolve(property)?)
    }
}

/// One filter of all conditions, as the api takes it; values are of the type that the class has
/// for their property, and keep their digits.
pub(crate) fn conditions(
    texts: &[String],
    schema: &Schema,
    class: Option<&Class>,
) -> anyhow::Result<Option<Box<RawValue>>> {
    let operands = class.map(|class| Operands::new(schema, class));
    let operands = operands.transpose()?;
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
            let (property, condition) = parse(text, operands.as_ref())?;
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
pub(crate) fn name<'a>(class: Option<&'a Class>, text: &'a str) -> &'a str {
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

fn parse<'a>(
    text: &'a str,
    operands: Option<&Operands<'_>>,
) -> anyhow::Result<(&'a str, Condition)> {
    if let Some(property) = text.trim().strip_suffix('?')
        && !property.contains(['=', '<', '>', '~'])
    {
        let exists = |wanted: bool| Condition::of("exists", Value::from(wanted).into());
        return Ok(match property.strip_prefix('!') {
            Some(property) => (property, exists(false)),
            None => (property, exists(true)),
        });
    }
    let Some((property, sign, written)) = split(text) else {
        return Err(usage(format!(
            "{text:?} is no condition; write e.g. price>=10, name=Desk, name!=Desk, name~De%, state=in(CO,UT) or note?"
        )));
    };
    let kind = operands.and_then(|operands| operands.kind(property));
    let typed = |text: &str| match kind {
        None if IDS.contains(&property) => value(text, Some(&Kind::Text)),
        kind => value(text, kind),
    };
    let list = written
        .strip_prefix("in(")
        .and_then(|rest| rest.strip_suffix(')'));
    let condition = match (sign, list) {
        ("=" | "ne", Some(list)) => {
            let values: Vec<Json> = list.split(',').map(|it| typed(it.trim())).collect();
            let name = if sign == "=" { "in" } else { "not_in" };
            Condition::of(name, Json::of(&values)?)
        }
        ("=", None) => Condition::Equals(typed(written)),
        ("like", _) => Condition::of(sign, Value::from(written).into()),
        _ => Condition::of(sign, typed(written)),
    };
    Ok((property, condition))
}

/// The property, what the api calls the sign, and what follows it.
fn split(text: &str) -> Option<(&str, &'static str, &str)> {
    let at = text.find(['>', '<', '~', '='])?;
    let at = match text[..at].strip_suffix('!') {
        Some(property) if text[at..].starts_with('=') => property.len(),
        _ => at,
    };
    let (property, rest) = text.split_at(at);
    let (sign, name) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    let property = property.trim();
    (!property.is_empty()).then(|| (property, *name, rest[sign.len()..].trim()))
}

/// A text is a text where the class says so, a member where it lists them; else it is what it looks
/// like. A text in quotes is one everywhere.
fn value(text: &str, kind: Option<&Kind>) -> Json {
    let is_json = match kind {
        Some(Kind::Members(members)) if !text.starts_with('"') => {
            let member = Kind::member(members, text);
            return member.map_or_else(|| Value::from(text).into(), Clone::clone);
        }
        // A filter on a list asks for one of its items, or for the whole list.
        Some(Kind::List(items)) if !text.starts_with('[') => return value(text, Some(items)),
        Some(
            Kind::Text
            | Kind::Word
            | Kind::Date
            | Kind::DateTime
            | Kind::File
            | Kind::Link(..)
            | Kind::Members(_),
        ) => text.starts_with('"'),
        _ => true,
    };
    let written = is_json.then(|| Json::parse(text));
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

    fn schema(definition: &Json) -> (Schema, std::sync::Arc<Class>) {
        let class = std::sync::Arc::new(Class::create(definition).unwrap());
        let mut schema = Schema::default();
        schema.put(class.clone());
        (schema, class)
    }

    #[test]
    fn an_id_is_a_text_without_a_class_too() {
        for (text, expected) in [("_id=5", r#"{"_id":"5"}"#), ("other=5", r#"{"other":5}"#)] {
            let filter = conditions(&[text.into()], &Schema::default(), None);
            assert_eq!(filter.unwrap().unwrap().get(), expected);
        }
    }

    #[test]
    fn conditions_are_read_by_the_types_of_the_class() {
        let class = json!({"id": "Thing", "label": "Thing", "properties": [
            {"name": "zip", "type": "string", "label": {"en": "Postcode", "ko": "우편번호"}},
            {"name": "price", "type": "xsd:integer"},
            {"name": "level", "type": "enum", "constraints": {"enum": [5, 1.50, true, "x", "7"]}},
            {"name": "levels", "type": "array", "items": {"type": "enum", "constraints": {"enum": [5, "x"]}}},
            {"name": "tags", "type": "array", "items": "string"},
            {"name": "sizes", "type": "array", "items": "integer"},
            {"name": "place", "type": "coordinate"}]});
        let (schema, class) = schema(&class.into());
        let read = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            conditions(&texts, &schema, Some(&class))
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
            ("price!=5", json!({"price": {"ne": 5}})),
            ("zip != 5", json!({"zip": {"ne": "5"}})),
            ("zip!=in(1,2)", json!({"zip": {"not_in": ["1", "2"]}})),
            ("zip=!5", json!({"zip": "!5"})),
            ("level=5", json!({"level": 5})),
            ("level!=5", json!({"level": {"ne": 5}})),
            ("level>=5", json!({"level": {"gte": 5}})),
            (
                "level=in(5, 7, true, x)",
                json!({"level": {"in": [5, "7", true, "x"]}}),
            ),
            (r#"level="5""#, json!({"level": "5"})),
            ("level=7", json!({"level": "7"})),
            ("level=unknown", json!({"level": "unknown"})),
            ("levels=5", json!({"levels": 5})),
            ("tags=5", json!({"tags": "5"})),
            (r#"tags=["5"]"#, json!({"tags": ["5"]})),
            ("sizes=5", json!({"sizes": 5})),
            (
                r#"place={"lat":1,"lon":2}"#,
                json!({"place": {"lat": 1, "lon": 2}}),
            ),
            ("_id=5", json!({"_id": "5"})),
            ("instance_id=5", json!({"instance_id": "5"})),
            (
                "instance_id!=in(5,true)",
                json!({"instance_id": {"not_in": ["5", "true"]}}),
            ),
            ("_id>5", json!({"_id": {"gt": "5"}})),
        ] {
            assert_eq!(read(&[text]).unwrap(), expected, "{text}");
        }
        assert_eq!(
            read(&["price>=1", "price<9"]).unwrap(),
            json!({"price": {"gte": 1, "lt": 9}})
        );
        for wrong in [
            &["price"][..],
            &["=3"],
            &["!=3"],
            &["{"],
            &["price=1", "price=2"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        let class = r#"{"id": "Thing", "label": "Thing", "properties": [
            {"name": "n", "type": "integer"}, {"name": "m", "type": "money"}]}"#;
        let (schema, class) = schema(&Json::parse(class).unwrap());
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
            let filter = conditions(&[text], &schema, Some(&class)).unwrap().unwrap();
            assert_eq!(filter.get(), expected);
        }
        for twice in [r#"{"n": 1, "n": 2}"#, r#"{"n": {"gt": 1, "gt": 2}}"#] {
            assert!(
                conditions(&[twice.into()], &schema, Some(&class)).is_err(),
                "{twice}"
            );
        }
    }
}
