//! Shows a class with its inherited members.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;
use spice_core::{
    json::Json,
    name::PropertyName,
    ontology::{Class, PropertyType},
};
use spice_crds::Exact;
use spice_import::classes::{Fields, Member, members};

use crate::{
    classes,
    output::{self, cell, render_label},
    session::Session,
};

/// A member in a document.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    fields: &'a Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    inherited_from: Option<&'a str>,
}

pub(super) async fn describe(
    session: &Session,
    name: &str,
    as_of: Option<&str>,
) -> anyhow::Result<()> {
    let database = session.database()?;
    let read = session.read(as_of);
    let (class, schema) = classes::find(session, name, &read).await?;
    let members = members(&schema, &class)?;
    if !session.is_table() {
        return output::document(session.format, &document(&class, &members)?);
    }
    let fields: Fields = class.definition.read()?;
    let text = |key: &str| fields.get(key).map(render_value).unwrap_or_default();
    output::pairs(&[
        ("Class", text("id")),
        ("Label", text("label")),
        ("Description", text("description")),
        ("Parent", text("parent_class")),
        ("Abstract", text("abstract")),
        ("More keys", describe_additional_keys(&class)),
        ("Database", database.to_owned()),
        ("Branch", session.branch.clone()),
        ("Sequence", text("event_sequence")),
        ("Updated", text("updated_at")),
    ])?;
    let is_inherited = members.values().any(|it| it.declared_by != class.id);
    let from = is_inherited.then_some("FROM");
    let (relationships, properties): (Vec<_>, Vec<_>) = members
        .iter()
        .partition(|(name, _)| class.property_type(name) == Some(PropertyType::Link));
    output::heading("Properties")?;
    let rows = properties.iter().map(|(_, it)| property_row(it));
    let rows = add_origin(&class, &properties, rows, is_inherited);
    let head: Vec<&str> = ["NAME", "TYPE", "LABEL", "RULES"]
        .into_iter()
        .chain(from)
        .collect();
    output::table(&head, &rows)?;
    if !relationships.is_empty() {
        output::heading("Relationships")?;
        let rows = relationships.iter().map(|(_, it)| relationship_row(it));
        let rows = add_origin(&class, &relationships, rows, is_inherited);
        let head = ["PREDICATE", "TARGET", "CARDINALITY"]
            .into_iter()
            .chain(from);
        output::table(&head.collect::<Vec<_>>(), &rows)?;
    }
    Ok(())
}

/// The class as it was written, with the inherited members added.
fn document(
    class: &Class,
    members: &IndexMap<PropertyName, Member>,
) -> anyhow::Result<IndexMap<String, Json>> {
    let mut fields: Fields = class.definition.read()?;
    for (list, key) in [("properties", "name"), ("relationships", "predicate")] {
        let of_list = members.values().filter(|it| it.fields.contains_key(key));
        let shown: Vec<Shown<'_>> = of_list
            .map(|it| Shown {
                fields: &it.fields,
                inherited_from: (it.declared_by != class.id).then(|| it.declared_by.as_str()),
            })
            .collect();
        if fields.contains_key(list) || !shown.is_empty() {
            fields.insert(list.to_owned(), Json::of(&shown)?);
        }
    }
    Ok(fields)
}

fn describe_additional_keys(class: &Class) -> String {
    if class.allows_additional_properties() {
        return "allowed".to_owned();
    }
    String::new()
}

/// The rows; an inherited member also shows the class that declares it.
fn add_origin(
    class: &Class,
    members: &[(&PropertyName, &Member)],
    rows: impl Iterator<Item = Vec<String>>,
    is_inherited: bool,
) -> Vec<Vec<String>> {
    let origin = |member: &Member| {
        let from = (member.declared_by != class.id).then_some(&member.declared_by);
        from.map(ToString::to_string).unwrap_or_default()
    };
    let rows = rows.zip(members).map(|(mut row, (_, member))| {
        row.extend(is_inherited.then(|| origin(member)));
        row
    });
    rows.collect()
}

/// A value of a definition as the text of a cell: numbers as they were written, a label in one
/// language.
fn render_value(value: &Json) -> String {
    match value.as_str().as_bytes().first() {
        Some(b'{' | b'"') => render_label(&Exact::from(value.to_value())),
        _ => cell_of(value),
    }
}

fn cell_of(value: &Json) -> String {
    match value.as_string() {
        Some(text) => cell(&Value::from(text)),
        None if value.is_null() => String::new(),
        None => value.as_str().to_owned(),
    }
}

fn relationship_row(member: &Member) -> Vec<String> {
    let text = |key: &str| member.fields.get(key).map(render_value).unwrap_or_default();
    let of_items = || {
        let items: Fields = member.fields.get("items")?.read().ok()?;
        let target = items.get("linkTarget").or_else(|| items.get("target"))?;
        Some(render_value(target))
    };
    let target = [text("target"), text("linkTarget")].concat();
    let target = if target.is_empty() {
        of_items().unwrap_or_default()
    } else {
        target
    };
    vec![
        [text("predicate"), text("name")].concat(),
        target,
        text("cardinality"),
    ]
}

fn property_row(member: &Member) -> Vec<String> {
    let text = |key: &str| member.fields.get(key).map(render_value).unwrap_or_default();
    let mut rules = Vec::new();
    let holds = |key: &str| text(key) == "true";
    if holds("primaryKey") || holds("primary_key") {
        rules.push("primary key".to_owned());
    }
    if holds("required") {
        rules.push("required".to_owned());
    }
    let constraints = member.fields.get("constraints");
    let constraints = constraints.and_then(|it| it.read::<Fields>().ok());
    let constraints = constraints.iter().flatten();
    rules.extend(constraints.map(|(rule, value)| format!("{rule} {}", cell_of(value))));
    if let Some(default) = member.fields.get("default").filter(|it| !it.is_null()) {
        rules.push(format!("default {}", cell_of(default)));
    }
    vec![text("name"), text("type"), text("label"), rules.join(", ")]
}
