//! A schema as nested lists.

use std::fmt::Write as _;

use serde_json::Value;

use super::html::{escape, list, object, prose, text};

/// Rules of a schema that are shown unchanged.
const RULES: [&str; 11] = [
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "const",
    "enum",
    "default",
];

/// The schema in HTML. References are links.
pub(super) fn render(schema: &Value) -> String {
    let mut html = String::new();
    if let Some(name) = find_reference(schema) {
        let name = escape(name);
        let _ = write!(html, "<a href=\"#schema-{name}\">{name}</a>");
        return html;
    }
    for (key, joint) in [("allOf", " and "), ("anyOf", " or "), ("oneOf", " or ")] {
        let parts: Vec<String> = list(&schema[key]).iter().map(render).collect();
        html.push_str(&parts.join(joint));
    }
    let kind = name_kind(schema);
    if !kind.is_empty() {
        let _ = write!(html, "<code>{}</code>", escape(&kind));
    }
    for rule in RULES {
        if let Some(value) = schema.get(rule) {
            let _ = write!(
                html,
                " <span class=\"note\">{rule} <code>{}</code></span>",
                escape(&value.to_string())
            );
        }
    }
    let description = text(&schema["description"]);
    if !description.is_empty() {
        let _ = write!(html, " {}", prose(description));
    }
    if let Some(items) = schema.get("items") {
        let _ = write!(html, " of {}", render(items));
    }
    write_members(&mut html, schema);
    html
}

fn write_members(html: &mut String, schema: &Value) {
    let required = list(&schema["required"]);
    let mut members = object(&schema["properties"]).peekable();
    if members.peek().is_none() {
        return;
    }
    html.push_str("<ul class=\"shape\">");
    for (name, member) in members {
        let is_required = required.iter().any(|it| it == name);
        let mark = if is_required { "" } else { "?" };
        let _ = write!(
            html,
            "<li><code>{}{mark}</code> {}</li>",
            escape(name),
            render(member)
        );
    }
    html.push_str("</ul>");
}

fn find_reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn name_kind(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ if schema == &Value::Bool(true) || schema == &serde_json::json!({}) => "any".to_owned(),
        _ => String::new(),
    }
}
