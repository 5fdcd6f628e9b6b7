//! The document as a page for people: one file with nothing to load, so it works offline.

mod html;
mod shape;

use std::fmt::Write as _;

use serde_json::Value;

use self::html::{escape, list, object, prose, text};

/// The permissions of the page in a browser: show it and search it.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A call in the document.
struct Entry<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

impl Entry<'_> {
    fn id(&self) -> &str {
        text(&self.operation["operationId"])
    }
}

/// The page.
pub(super) fn render(document: &Value) -> String {
    let title = escape(text(&document["info"]["title"]));
    let mut page = String::with_capacity(64 << 10);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>"
    );
    write_contents(&mut page, document);
    let _ = write!(
        page,
        "<main><h1>{title} {}</h1><p>{}</p><p>{}</p><p><a href=\"openapi.json\">openapi.json</a></p>",
        escape(text(&document["info"]["version"])),
        prose(text(&document["info"]["summary"])),
        prose(text(&document["info"]["description"])),
    );
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(
            page,
            "<h2>{}</h2><p>{}</p>",
            escape(name),
            prose(text(&tag["description"]))
        );
        for entry in list_calls(document, name) {
            write_article(&mut page, &entry);
        }
    }
    write_schemas(&mut page, &document["components"]["schemas"]);
    let _ = writeln!(page, "</main><script>{SCRIPT}</script></body></html>");
    page
}

fn write_schemas(page: &mut String, schemas: &Value) {
    page.push_str("<h2>Schemas</h2>");
    for (name, schema) in object(schemas) {
        let name = escape(name);
        let _ = write!(
            page,
            "<article id=\"schema-{name}\" data-words=\"{name}\"><details><summary><code>{name}</code></summary>"
        );
        page.push_str(&shape::render(schema));
        page.push_str("</details></article>");
    }
}

/// The calls of a tag.
fn list_calls<'a>(document: &'a Value, tag: &'a str) -> impl Iterator<Item = Entry<'a>> {
    let calls = object(&document["paths"]).flat_map(|(path, methods)| {
        object(methods).map(move |(method, operation)| Entry {
            method,
            path,
            operation,
        })
    });
    calls.filter(move |call| call.operation["tags"][0] == tag)
}

fn write_contents(page: &mut String, document: &Value) {
    page.push_str("<nav><input id=\"search\" type=\"search\" placeholder=\"Search\" autofocus>");
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(page, "<h2>{}</h2><ul>", escape(name));
        for entry in list_calls(document, name) {
            let _ = write!(
                page,
                "<li data-words=\"{}\"><a href=\"#{id}\">{id}</a></li>",
                collect_words(&entry),
                id = escape(entry.id())
            );
        }
        page.push_str("</ul>");
    }
    page.push_str("</nav>");
}

/// The search words of a call.
fn collect_words(entry: &Entry<'_>) -> String {
    let summary = text(&entry.operation["summary"]);
    escape(&format!(
        "{} {} {} {summary}",
        entry.id(),
        entry.method,
        entry.path
    ))
}

fn write_article(page: &mut String, entry: &Entry<'_>) {
    let operation = entry.operation;
    let _ = write!(
        page,
        "<article id=\"{}\" data-words=\"{}\"><details><summary><span class=\"method {}\">{}</span> \
         <span class=\"path\">{}</span><br>{}</summary><p>{}</p>",
        escape(entry.id()),
        collect_words(entry),
        entry.method,
        entry.method.to_uppercase(),
        escape(entry.path),
        prose(text(&operation["summary"])),
        prose(text(&operation["description"])),
    );
    write_parameters(page, list(&operation["parameters"]));
    let body = &operation["requestBody"]["content"]["application/json"];
    if body.is_object() {
        page.push_str("<h3>Body</h3>");
        page.push_str(&shape::render(&body["schema"]));
        write_example(page, &body["example"]);
    }
    write_answers(page, &operation["responses"]);
    page.push_str("</details></article>");
}

fn write_parameters(page: &mut String, parameters: &[Value]) {
    if parameters.is_empty() {
        return;
    }
    page.push_str("<h3>Parameters</h3><table>");
    for parameter in parameters {
        let is_required = parameter["required"].as_bool() == Some(true);
        let required = if is_required { ", required" } else { "" };
        let content = &parameter["content"]["application/json"];
        let schema = parameter.get("schema");
        let schema = schema.unwrap_or_else(|| &content["schema"]);
        let _ = write!(
            page,
            "<tr><td><code>{}</code></td><td class=\"note\">{}{required}</td><td>{}</td><td>{}</td></tr>",
            escape(text(&parameter["name"])),
            escape(text(&parameter["in"])),
            shape::render(schema),
            prose(text(&parameter["description"])),
        );
    }
    page.push_str("</table>");
}

fn write_answers(page: &mut String, responses: &Value) {
    page.push_str("<h3>Answers</h3><table>");
    for (status, response) in object(responses) {
        let _ = write!(
            page,
            "<tr><td><code>{status}</code></td><td>{}",
            prose(text(&response["description"]))
        );
        if status.starts_with('2') {
            for (media, content) in object(&response["content"]) {
                let _ = write!(page, "<p class=\"note\">{}</p>", escape(media));
                page.push_str(&shape::render(&content["schema"]));
                write_example(page, &content["example"]);
            }
        }
        page.push_str("</td></tr>");
    }
    page.push_str("</table>");
}

fn write_example(page: &mut String, example: &Value) {
    if !example.is_null() {
        let _ = write!(page, "<pre>{}</pre>", escape(&format!("{example:#}")));
    }
}
