//! Conditions as people write them, as the api takes them.

use serde_json::{Map, Value, json};
use spice_core::{
    name::PropertyName,
    ontology::{Class, PropertyType},
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

/// One filter of all conditions; values are of the type that the class has for their property.
pub(crate) fn conditions(
    texts: &[String],
    class: Option<&Class>,
) -> anyhow::Result<Option<Map<String, Value>>> {
    let mut filter = Map::new();
    for text in texts {
        if text.trim_start().starts_with('{') {
            let given: Map<String, Value> = serde_json::from_str(text)
                .map_err(|error| usage(format!("--filter {text}: {error}")))?;
            for (property, condition) in given {
                add(&mut filter, name(class, &property), condition)?;
            }
        } else {
            let (property, condition) = parse(text, class)?;
            add(&mut filter, name(class, property), condition)?;
        }
    }
    Ok((!filter.is_empty()).then_some(filter))
}

/// The name of the property that a label in any language stands for. What the class does not know
/// is left to the api, which says what there is.
pub(super) fn name<'a>(class: Option<&'a Class>, text: &'a str) -> &'a str {
    let found = class.and_then(|class| class.resolve(text));
    found.map_or(text, PropertyName::as_str)
}

/// Two conditions on one property hold both, when the api can say so.
fn add(filter: &mut Map<String, Value>, property: &str, condition: Value) -> anyhow::Result<()> {
    let Some(there) = filter.get_mut(property) else {
        filter.insert(property.to_owned(), condition);
        return Ok(());
    };
    let (Value::Object(there), Value::Object(more)) = (there, condition) else {
        return Err(usage(format!(
            "two conditions on {property} exclude each other"
        )));
    };
    for (sign, value) in more {
        if there.insert(sign.clone(), value).is_some() {
            return Err(usage(format!("{property} has {sign} twice")));
        }
    }
    Ok(())
}

fn parse<'a>(text: &'a str, class: Option<&Class>) -> anyhow::Result<(&'a str, Value)> {
    if let Some(property) = text.trim().strip_suffix('?')
        && !property.contains(['=', '<', '>', '~'])
    {
        return Ok(match property.strip_prefix('!') {
            Some(property) => (property, json!({"exists": false})),
            None => (property, json!({"exists": true})),
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
                let values: Vec<Value> = list.split(',').map(|it| typed(it.trim())).collect();
                (property, json!({"in": values}))
            }
            None => (property, typed(written)),
        });
    }
    let value = if sign == "like" {
        Value::from(written)
    } else {
        typed(written)
    };
    Ok((property, json!({sign: value})))
}

/// The type of a property, as its class or one of its parents declares it.
fn type_of(class: &Class, property: &str) -> Option<PropertyType> {
    class.property_type(class.resolve(property)?)
}

/// A text is a text where the class says so; else it is what it looks like.
fn value(text: &str, kind: Option<PropertyType>) -> Value {
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
    if is_other || text.starts_with('"') {
        return serde_json::from_str(text).unwrap_or_else(|_| text.into());
    }
    text.into()
}

#[cfg(test)]
mod tests {
    //! Conditions, read.
    use super::*;

    #[test]
    fn conditions_are_read_by_the_types_of_the_class() {
        let class = json!({"id": "Thing", "label": "Thing", "properties": [
            {"name": "zip", "type": "string", "label": {"en": "Postcode", "ko": "우편번호"}},
            {"name": "price", "type": "xsd:integer"}]});
        let class = Class::create(&class.into()).unwrap();
        let read = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            conditions(&texts, Some(&class)).map(|filter| json!(filter))
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
}
