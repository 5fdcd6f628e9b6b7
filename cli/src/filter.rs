//! Parses conditions from the command line into filters of the api.

#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use serde_json::{Value, value::RawValue};
use spice_core::{
    json::Json,
    name::PropertyName,
    ontology::{Class, Schema},
    query::Conditions,
};

use spice_import::{Kind, kinds};

use crate::failure::usage;

/// The operators and their api names. An operator comes before its own prefixes.
const SIGNS: [(&str, &str); 7] = [
    ("!=", "ne"),
    (">=", "gte"),
    ("<=", "lte"),
    (">", "gt"),
    ("<", "lt"),
    ("~", "like"),
    ("=", EQUALS),
];

/// The long help of `--filter`.
pub(crate) const HELP: &str = "\
A condition on a property, given by name or label. Repeatable; all conditions must match:
  price=10  price!=10      equal, not equal (an instance without a value matches neither)
  price>10  price>=10  price<10  price<=10
  state=in(CO,UT)          one of these values
  state!=in(CO,UT)         none of these values
  name~De%                 like: % is any text, _ any one character; write \\%, \\_ or \\\\ for %, _ or \\
  note?  !note?            has a value, has no value
  '{\"price\": {\"gte\": 10}}'   JSON as in the api; also for names that contain one of these signs
Spaces around the name, the operator, the value and each value of in(…) are ignored. A value in double quotes is a JSON string:
its spaces and commas are kept, and it is a text even if it looks like a number: name='\" Desk, old\"',
code=in('\"5\",\"a,b\"'). The property's type in the class determines how a value is read. Use single quotes around a
condition, so that the shell does not interpret < > ! ? and \".";

/// The operators on one property, by their api names, with their operands.
type Operators = IndexMap<String, Json>;

/// The operator of a condition that is only a value. In the api it has no name.
const EQUALS: &str = "=";

/// Names of the id, which is a text.
const IDS: [&str; 2] = ["_id", "instance_id"];

/// Combines all conditions to one filter of the api. Values have the type of their property and
/// keep their digits.
pub(crate) fn conditions(
    texts: &[String],
    schema: &Schema,
    class: Option<&Class>,
) -> anyhow::Result<Option<Box<RawValue>>> {
    let kinds = class.map(|class| kinds(schema, class));
    let kind = |property: &str| kinds.as_ref()?.get(class?.resolve(property)?);
    let mut filter: IndexMap<String, Operators> = IndexMap::new();
    for text in texts {
        if text.trim_start().starts_with('{') {
            let wrong = |error| usage(format!("condition {text}: {error}"));
            let given: Conditions = serde_json::from_str(text).map_err(wrong)?;
            for (property, condition) in given.iter() {
                let operators = read_operators(condition).map_err(wrong)?;
                add(&mut filter, name(class, property), operators)?;
            }
        } else {
            let (property, sign, operand) = parse(text, kind)?;
            let operators = [(sign.to_owned(), operand)].into();
            add(&mut filter, name(class, property), operators)?;
        }
    }
    if filter.is_empty() {
        return Ok(None);
    }
    let condition = |operators: &Operators| match operators.get(EQUALS) {
        Some(value) => Ok(value.clone()),
        None => Json::of(operators),
    };
    let filter = filter
        .iter()
        .map(|(property, it)| Ok((property, condition(it)?)));
    let filter: IndexMap<_, _> = filter.collect::<serde_json::Result<_>>()?;
    Ok(Some(serde_json::value::to_raw_value(&filter)?))
}

/// Reads a condition in the form of the api.
fn read_operators(condition: &Json) -> serde_json::Result<Operators> {
    if !condition.as_str().starts_with('{') {
        return Ok([(EQUALS.to_owned(), condition.clone())].into());
    }
    let operators: Conditions = condition.read()?;
    let operators = operators.iter();
    Ok(operators
        .map(|(sign, operand)| (sign.to_owned(), operand.clone()))
        .collect())
}

/// The name of the property with this label in any language. An unknown name is passed to the api,
/// which reports what exists.
pub(crate) fn name<'a>(class: Option<&'a Class>, text: &'a str) -> &'a str {
    let found = class.and_then(|class| class.resolve(text));
    found.map_or(text, PropertyName::as_str)
}

/// Adds operators. All on one property must hold; fails if the api cannot express that.
fn add(
    filter: &mut IndexMap<String, Operators>,
    property: &str,
    operators: Operators,
) -> anyhow::Result<()> {
    let there = filter.entry(property.to_owned()).or_default();
    for (sign, operand) in operators {
        let is_alone = sign == EQUALS || there.contains_key(EQUALS);
        if is_alone && !there.is_empty() {
            let message = format!("two conditions on {property} cannot be combined");
            return Err(usage(message));
        }
        if there.contains_key(&sign) {
            let message = format!("two conditions on {property} use the operator {sign}");
            return Err(usage(message));
        }
        there.insert(sign, operand);
    }
    Ok(())
}

/// The property, the operator and the operand of a condition. `kind` is how the values of a property
/// are written.
fn parse<'a, 'k>(
    text: &'a str,
    kind: impl Fn(&str) -> Option<&'k Kind>,
) -> anyhow::Result<(&'a str, &'static str, Json)> {
    if let Some(property) = text.trim().strip_suffix('?')
        && !property.contains(['=', '<', '>', '~'])
    {
        let (property, wanted) = match property.strip_prefix('!') {
            Some(property) => (property.trim(), false),
            None => (property.trim(), true),
        };
        if property.is_empty() {
            return Err(refuse(text));
        }
        return Ok((property, "exists", Value::from(wanted).into()));
    }
    let Some((property, sign, written)) = split(text) else {
        return Err(refuse(text));
    };
    let kind = kind(property);
    let wrong = |sentence: String| usage(format!("condition {text}: {sentence}"));
    let typed = |text: &str| {
        let is_id = kind.is_none() && IDS.contains(&property);
        value(text, if is_id { Some(&Kind::Text) } else { kind }).map_err(wrong)
    };
    if let Some(second) = written.chars().next().filter(|it| "=<>~".contains(*it)) {
        let advice = advise_sign(sign, second);
        return Err(wrong(format!(
            "the value begins with {second}; {advice}; put a text that begins with {second} in double quotes"
        )));
    }
    let rest = written
        .split_at_checked(2)
        .filter(|(word, _)| word.eq_ignore_ascii_case("in"))
        .and_then(|(_, rest)| rest.trim_start().strip_prefix('('));
    let list = rest.and_then(|rest| rest.strip_suffix(')'));
    match (sign, list) {
        (EQUALS | "ne", Some(list)) => {
            let values = split_items(list).map_err(wrong)?;
            let values: Result<Vec<Json>, _> = values.into_iter().map(typed).collect();
            let sign = if sign == EQUALS { "in" } else { "not_in" };
            Ok((property, sign, Json::of(&values?)?))
        }
        (_, None) if rest.is_some() => {
            let sentence = "in(…) is not closed; put a text that begins with in( in quotes";
            Err(wrong(sentence.to_owned()))
        }
        (_, Some(_)) => {
            let sentence = "in(…) goes with = and !=; put a text that is written so in quotes";
            Err(wrong(sentence.to_owned()))
        }
        ("like", None) => {
            let pattern = value(written, Some(&Kind::Text)).map_err(wrong)?;
            Ok((property, sign, pattern))
        }
        _ => Ok((property, sign, typed(written)?)),
    }
}

fn refuse(text: &str) -> anyhow::Error {
    usage(format!(
        "{text:?} is not a condition; write for example price>=10, name=Desk, name!=Desk, name~De%, state=in(CO,UT) or note?"
    ))
}

/// What a person means who writes a second sign after an operator.
fn advise_sign(sign: &str, second: char) -> &'static str {
    match (sign, second) {
        ("=", '=') => "equal is =",
        ("=", '<') => "less or equal is <=",
        ("=", '>') => "greater or equal is >=",
        ("lt", '>') | ("ne", '=') => "not equal is !=",
        ("like", _) | (_, '~') => "like is ~",
        _ => "the operators are = != < <= > >= ~",
    }
}

/// The property, the api name of the operator, and the operand.
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

/// Splits the values of `in(…)`. A comma inside quotes or brackets is part of a value.
fn split_items(list: &str) -> Result<Vec<&str>, String> {
    let mut items = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in list.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' if is_quoted || list[start..at].trim().is_empty() || depth > 0 => {
                is_quoted = !is_quoted;
            }
            '[' | '{' if !is_quoted && (depth > 0 || list[start..at].trim().is_empty()) => {
                depth += 1;
            }
            ']' | '}' if !is_quoted && depth > 0 => depth -= 1,
            ',' if !is_quoted && depth == 0 => {
                items.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(list[start..].trim());
    if depth > 0 {
        return Err(
            "a bracket in in(…) is not closed; put a text that begins with one in quotes"
                .to_owned(),
        );
    }
    if items.iter().any(|it| it.is_empty()) {
        return Err("a value of in(…) is missing; write \"\" for an empty text".to_owned());
    }
    Ok(items)
}

/// The value of an operand. It is a text if the class says so, and a member if the class lists
/// them. Otherwise its form decides. A text in quotes is always a text.
fn value(text: &str, kind: Option<&Kind>) -> Result<Json, String> {
    if text.starts_with('"') {
        return Json::parse(text).map_err(|_| {
            "a value that begins with \" must be one JSON string; write \\\" for a quote in it"
                .to_owned()
        });
    }
    let is_json = match kind {
        Some(Kind::Members(members)) => {
            // A text is written in quotes where its form means something else.
            let has_form = |member: &&Json| member.as_str() == text;
            let by_form = members.iter().find(has_form);
            let member = by_form.or_else(|| Kind::member(members, text));
            return Ok(member.map_or_else(|| Value::from(text).into(), Clone::clone));
        }
        // A filter on a list takes one item or the whole list.
        Some(Kind::List(items)) if !text.starts_with('[') => return value(text, Some(items)),
        Some(
            Kind::Text | Kind::Word | Kind::Date | Kind::DateTime | Kind::File | Kind::Link(..),
        ) => false,
        _ => true,
    };
    let written = is_json.then(|| Json::parse(text));
    Ok(match written {
        Some(Ok(value)) => value,
        _ => Value::from(text).into(),
    })
}
