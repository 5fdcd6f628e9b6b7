//! The services, from their `OpenAPI` documents.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::{Map, Value};
use spice_e2e::embedded::Embedded;

use crate::{cell, head};

/// Every call of gateway and oms.
pub(crate) async fn page(server: &Embedded) -> anyhow::Result<String> {
    let mut page = head(
        "HTTP",
        "The calls of each service. A running process serves the full description, with every \
         schema, at `/openapi.json`, and as a page at `/docs`.",
    );
    for (name, listener) in [("Gateway", "gateway"), ("oms", "oms")] {
        let url = format!("{}/openapi.json", server.url(listener)?);
        let client = spice_client::http_builder().build()?;
        let document: Value = client.get(url).send().await?.json().await?;
        writeln!(page, "## {name}\n")?;
        service(&mut page, &document)?;
    }
    Ok(page)
}

fn service(page: &mut String, document: &Value) -> anyhow::Result<()> {
    let paths = document["paths"].as_object().context("paths")?;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().context("methods")? {
            writeln!(page, "### `{} {path}`\n", method.to_uppercase())?;
            call(page, operation)?;
        }
    }
    Ok(())
}

fn call(page: &mut String, operation: &Value) -> anyhow::Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    writeln!(page, "{}\n", text(&operation["summary"]))?;
    let description = text(&operation["description"]);
    if !description.is_empty() {
        writeln!(page, "{description}\n")?;
    }
    let role = text(&operation["x-spice-role"]);
    if role.is_empty() {
        writeln!(page, "Role: none; no token is needed.\n")?;
    } else {
        writeln!(page, "Role: {role}.\n")?;
    }
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none);
    let asked = parameters.iter().filter(|it| it["in"] == "query");
    let asked: Vec<String> = asked
        .map(|it| {
            let name = text(&it["name"]);
            let mark = if it["required"] == true {
                " (required)"
            } else {
                ""
            };
            format!("`{name}`{mark} {}", cell(&text(&it["description"])))
        })
        .collect();
    if !asked.is_empty() {
        writeln!(page, "Query: {}.\n", asked.join("; "))?;
    }
    if let Some(body) = operation["requestBody"]["content"].as_object() {
        writeln!(page, "Body: {}.\n", contents(body))?;
    }
    let answers = operation["responses"].as_object().context("responses")?;
    let answers: Vec<String> = answers
        .iter()
        .map(|(status, answer)| format!("**{status}** {}", cell(&text(&answer["description"]))))
        .collect();
    writeln!(page, "Answers: {}\n", answers.join(" · "))?;
    Ok(())
}

/// The media types of a body, with their schemas.
fn contents(content: &Map<String, Value>) -> String {
    let one = |(kind, it): (&String, &Value)| match it["schema"]["$ref"].as_str() {
        Some(reference) => {
            let schema = reference.rsplit('/').next().unwrap_or_default();
            format!("`{schema}` as {kind}")
        }
        None => kind.clone(),
    };
    content.iter().map(one).collect::<Vec<_>>().join(", ")
}
