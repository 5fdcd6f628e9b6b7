//! Converts a parser's message about a wrong shape to a violation: the field, the rule, the value.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use spice_core::{command::RawData, error::Violation, json::Json};

use crate::http::failure::{alternatives, cut};

/// The violation for a parser's message.
pub(super) fn wrong_shape(path: Option<&Path>, message: &str, bytes: &[u8]) -> Violation {
    let place = path.map(Path::to_string).unwrap_or_default();
    let place = if place == "." { "" } else { &place };
    let body: Json = serde_json::from_slice(bytes).unwrap_or_else(|_| Json::null());
    let value = path.map_or_else(|| Some(body.clone()), |path| find(path, &body));
    let value = value.map_or(Value::Null, |value| tell(&value));
    let named = |prefix: &str| quoted(message, prefix).map(|name| (join(place, Some(name)), name));
    if let Some((field, _)) = named("missing field `") {
        let message = format!("{field} is missing");
        return Violation::new(field, "required", Value::Null, message);
    }
    if let Some((field, name)) = named("unknown field `") {
        let message = format!("unknown field {field}; {}", known(message));
        let value = value.get(name).cloned().unwrap_or(value);
        return Violation::new(field, "unknown", value, message);
    }
    if let Some((field, name)) = named("duplicate field `") {
        let message = format!("{field} is given twice");
        let value = value.get(name).cloned().unwrap_or(value);
        return Violation::new(field, "duplicate", value, message);
    }
    let field = join(place, None);
    if message.starts_with("unknown variant `") {
        let message = format!("{field} must be {}, not {value}", choices(message));
        return Violation::new(field, "enum", value, message);
    }
    let message = match message.rsplit_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => {
            format!("{field} must be {}, not {value}", plain(expected))
        }
        _ => format!("{field}: {message}"),
    };
    Violation::new(field, "type", value, message)
}

/// The value at a path.
fn find(path: &Path, body: &Json) -> Option<Json> {
    path.iter()
        .try_fold(body.clone(), |value, segment| match segment {
            Segment::Seq { index } => value.read::<Vec<Json>>().ok()?.into_iter().nth(*index),
            Segment::Map { key } => value.read::<RawData>().ok()?.swap_remove(key),
            Segment::Enum { .. } | Segment::Unknown => Some(value),
        })
}

/// A value as a tree, shortened for a message. A number whose digits a tree cannot represent
/// becomes its text.
fn tell(value: &Json) -> Value {
    match value.read::<Value>() {
        Ok(tree) if tree.is_string() || Json::from(tree.clone()) == *value => cut(tree),
        _ => cut(value.as_str().into()),
    }
}

/// The parser's expectation in plain words.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 up",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "a string" | "string or map" => "a text",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// The names in a message's `expected one of …`.
fn names(message: &str) -> Vec<&str> {
    let listed = message.rsplit_once(", expected ").map_or("", |it| it.1);
    listed.split('`').skip(1).step_by(2).collect()
}

fn known(message: &str) -> String {
    match names(message)[..] {
        [] => "no field is allowed here".to_owned(),
        ref names => format!("known fields are {}", names.join(", ")),
    }
}

fn choices(message: &str) -> String {
    match &names(message)[..] {
        [] => "one of the known values".to_owned(),
        names => alternatives(names),
    }
}

/// The field: the path, plus the name in the message if the path does not contain it.
fn join(path: &str, own: Option<&str>) -> String {
    match own {
        None if path.is_empty() => "body".to_owned(),
        None => path.to_owned(),
        Some(name) if path.is_empty() || path == name => name.to_owned(),
        Some(name) if path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) => format!("{path}.{name}"),
    }
}

fn quoted<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.split('`').next()
}
