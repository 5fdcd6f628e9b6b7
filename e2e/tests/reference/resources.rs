//! The custom resources, from their definitions.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::Value;
use spice_crds::crdgen::definitions;

use crate::{cell, head};

/// Every kind with its fields.
pub(crate) fn page() -> anyhow::Result<String> {
    let mut page = head(
        "Resources",
        "The kinds of `spiceharvester.dev/v1alpha1`, for `kubectl apply` and `spice apply`; `kubectl \
         explain database.spec` shows the same. A `*` marks a required field. [Conditions, and what \
         to do about them](../kubernetes/recover.md) explains the status.",
    );
    for definition in definitions()? {
        let spec = &definition.object["spec"];
        let names = &spec["names"];
        let version = &spec["versions"][0];
        let schema = &version["schema"]["openAPIV3Schema"];
        let kind = text(&names["kind"]).context("a kind without a name")?;
        let short = text(&names["shortNames"][0]).unwrap_or_default();
        let description = text(&schema["description"]).unwrap_or_default();
        writeln!(page, "## {kind}\n\n{description} Short name: `{short}`.\n")?;
        for part in ["spec", "status"] {
            let schema = &schema["properties"][part];
            writeln!(page, "| field | type | meaning |\n|---|---|---|")?;
            fields(&mut page, part, schema)?;
            writeln!(page)?;
        }
        let rules = rules(schema);
        if !rules.is_empty() {
            writeln!(page, "Rules: {}.\n", rules.join("; "))?;
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    Ok(page)
}

/// A row for each field, and for those below it.
fn fields(page: &mut String, path: &str, schema: &Value) -> anyhow::Result<()> {
    let required = schema["required"].as_array();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = required.is_some_and(|it| it.iter().any(|it| it == name));
        let mark = if is_required { "*" } else { "" };
        let items = &field["items"];
        let list = if items.is_object() { "[]" } else { "" };
        let path = format!("{path}.{name}{list}");
        let meaning = cell(&text(&field["description"]).unwrap_or_default());
        writeln!(page, "| `{path}`{mark} | {} | {meaning} |", kind_of(field))?;
        fields(page, &path, if items.is_object() { items } else { field })?;
    }
    Ok(())
}

/// The type of a field, with its values or bounds.
fn kind_of(field: &Value) -> String {
    let values = field["enum"].as_array();
    if let Some(values) = values {
        let values = values.iter().filter_map(Value::as_str);
        return values
            .map(|it| format!("`{it}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let name = match text(&field["type"]).as_deref() {
        Some("array") => {
            let items = kind_of(&field["items"]);
            format!(
                "list of {}",
                if items == "anything" {
                    "objects"
                } else {
                    &items
                }
            )
        }
        Some(name) => name.to_owned(),
        None => "anything".to_owned(),
    };
    let bounds = [
        ("minimum", "≥"),
        ("maximum", "≤"),
        ("maxLength", "length ≤"),
        ("maxItems", "items ≤"),
    ];
    let bounds = bounds.iter().filter_map(|(key, sign)| {
        let bound = field.get(*key)?;
        Some(format!("{sign} {bound}"))
    });
    let bounds: Vec<String> = bounds.collect();
    if bounds.is_empty() {
        name
    } else {
        format!("{name}, {}", bounds.join(", "))
    }
}

/// The messages of all rules, once each.
fn rules(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        let own = value["x-kubernetes-validations"].as_array();
        for rule in own.into_iter().flatten() {
            let message = text(&rule["message"]).unwrap_or_default();
            if !found.contains(&message) {
                found.push(message);
            }
        }
        open.extend(
            value["properties"]
                .as_object()
                .into_iter()
                .flat_map(|it| it.values()),
        );
        open.extend(value.get("items"));
    }
    found.sort();
    found
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
