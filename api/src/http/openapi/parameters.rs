//! Parameters in the document: of the path, of the query, of the head.

use serde_json::{Value, json};

use crate::http::{
    operation::Operation,
    parameters::{Kind, Parameter, known},
};

/// A path as `OpenAPI` writes it.
pub(super) fn template(path: &str) -> String {
    path.replace("{*", "{")
}

/// All that a call takes beside its body.
pub(super) fn of(operation: &Operation) -> Vec<Value> {
    let mut described: Vec<Value> = placeholders(operation.path).map(in_path).collect();
    described.extend(operation.parameters.iter().map(in_query));
    if operation.is_command {
        described.extend([wait(), idempotency_key()]);
    }
    if operation.speaks {
        described.push(language());
    }
    described
}

/// The placeholders of a path, each with the part before it.
fn placeholders(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = path.split('/');
    parts
        .clone()
        .zip(parts.skip(1))
        .filter_map(|(before, part)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some((before, name.strip_prefix('*').unwrap_or(name)))
        })
}

fn in_path((before, name): (&str, &str)) -> Value {
    let meant = if before == "commands" {
        "command"
    } else {
        name
    };
    let mut placeholders = known::PLACEHOLDERS.iter();
    let found = placeholders.find(|placeholder| placeholder.name == meant);
    let unknown = Parameter::text("", "");
    let mut described = describe(found.unwrap_or(&unknown), "path");
    described["name"] = name.into();
    described["required"] = true.into();
    described
}

fn text(pattern: &str, least: usize, most: usize) -> Value {
    let mut schema = json!({"type": "string", "minLength": least, "maxLength": most});
    if !pattern.is_empty() {
        schema["pattern"] = pattern.into();
    }
    schema
}

fn in_query(parameter: &Parameter) -> Value {
    describe(parameter, "query")
}

fn describe(parameter: &Parameter, place: &str) -> Value {
    let mut described = json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.description,
    });
    let schema = schema(parameter.kind);
    if matches!(parameter.kind, Kind::Object) {
        described["content"] = json!({"application/json": {"schema": schema}});
        return described;
    }
    described["schema"] = schema;
    if let Some(example) = parameter.example {
        let number = example.parse::<u64>().ok();
        let number = number.filter(|_| !matches!(parameter.kind, Kind::Text(_)));
        described["example"] = number.map_or_else(|| example.into(), Value::from);
    }
    described
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text(None) => json!({"type": "string"}),
        Kind::Text(Some((pattern, least, most))) => text(pattern, least, most),
        Kind::Whole(least, most, default) => {
            let mut schema = json!({"type": "integer", "minimum": least, "maximum": most});
            if let Some(default) = default {
                schema["default"] = default.into();
            }
            schema
        }
        Kind::Flag => json!({"type": "boolean", "default": false}),
        Kind::Choice(choices) => {
            json!({"type": "string", "enum": choices, "default": choices.first()})
        }
        Kind::Identifier => json!({"type": "string", "format": "uuid"}),
        Kind::Position => json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}),
        Kind::Moment => position_or("date-time"),
        Kind::Mark => position_or("uuid"),
        Kind::Object => json!({"type": "object"}),
    }
}

fn position_or(format: &str) -> Value {
    json!({"anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": format},
    ]})
}

fn wait() -> Value {
    json!({
        "name": "Prefer",
        "in": "header",
        "description": "`wait=N`: waits up to N seconds (60 at most) for the projections. \
            What is not understood is ignored; `Preference-Applied` says what was done.",
        "schema": {"type": "string"},
        "example": "wait=10",
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key with the same request gets the first answer; with another one, 409.",
        "schema": {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 255},
    })
}

fn language() -> Value {
    json!({
        "name": "Accept-Language",
        "in": "header",
        "description": "The languages of labels, the best first.",
        "schema": {"type": "string"},
        "example": "ko, en;q=0.5",
    })
}
