//! A class for a person.

use serde_json::{Map, Value};

use crate::{
    get::label,
    output::{self, cell},
    session::Session,
};

/// What a class says of a relationship.
pub(super) struct Relationship {
    pub(super) predicate: String,
    target: String,
    cardinality: String,
}

/// The relationships of a class, those that are written as properties as well.
pub(super) fn relationships(class: &Map<String, Value>) -> Vec<Relationship> {
    let entries = |key: &str| {
        let list = class.get(key).and_then(Value::as_array);
        list.into_iter().flatten().collect::<Vec<_>>()
    };
    let text = |entry: &Value, key: &str| entry.get(key).map(cell).unwrap_or_default();
    let mut found: Vec<Relationship> = entries("relationships")
        .iter()
        .map(|entry| Relationship {
            predicate: text(entry, "predicate"),
            target: text(entry, "target"),
            cardinality: text(entry, "cardinality"),
        })
        .collect();
    let links = entries("properties");
    let links = links.iter().filter(|entry| is_link(entry));
    found.extend(links.map(|entry| Relationship {
        predicate: text(entry, "name"),
        target: [text(entry, "target"), text(entry, "linkTarget")].concat(),
        cardinality: text(entry, "cardinality"),
    }));
    found
}

fn is_link(property: &Value) -> bool {
    property["type"] == "link" || property["isRelationship"] == true
}

pub(super) async fn describe(
    session: &Session,
    name: &str,
    as_of: Option<&str>,
) -> anyhow::Result<()> {
    let database = session.database()?;
    let read = session.read(as_of);
    let class = session.client.class(database, name, &read).await?;
    if !session.is_table() {
        return output::document(session.format, &class);
    }
    let text = |key: &str| class.get(key).map(label).unwrap_or_default();
    output::pairs(&[
        ("Class", text("id")),
        ("Label", text("label")),
        ("Description", text("description")),
        ("Parent", text("parent_class")),
        ("Abstract", text("abstract")),
        ("Database", database.to_owned()),
        ("Branch", session.branch.clone()),
        ("Sequence", text("event_sequence")),
        ("Updated", text("updated_at")),
    ])?;
    let properties = class.get("properties").and_then(Value::as_array);
    let rows: Vec<_> = properties
        .into_iter()
        .flatten()
        .filter(|property| !is_link(property))
        .map(property_row)
        .collect();
    output::heading("Properties")?;
    output::table(&["NAME", "TYPE", "LABEL", "RULES"], &rows)?;
    let rows: Vec<_> = relationships(&class)
        .into_iter()
        .map(|it| vec![it.predicate, it.target, it.cardinality])
        .collect();
    if !rows.is_empty() {
        output::heading("Relationships")?;
        output::table(&["PREDICATE", "TARGET", "CARDINALITY"], &rows)?;
    }
    Ok(())
}

fn property_row(property: &Value) -> Vec<String> {
    let text = |key: &str| property.get(key).map(label).unwrap_or_default();
    let mut rules = Vec::new();
    let holds = |key: &str| property.get(key) == Some(&Value::Bool(true));
    if holds("primaryKey") || holds("primary_key") {
        rules.push("primary key".to_owned());
    }
    if holds("required") {
        rules.push("required".to_owned());
    }
    if let Some(Value::Object(constraints)) = property.get("constraints") {
        let each = constraints.iter();
        rules.extend(each.map(|(rule, value)| format!("{rule} {}", cell(value))));
    }
    if let Some(default) = property.get("default").filter(|it| !it.is_null()) {
        rules.push(format!("default {}", cell(default)));
    }
    vec![text("name"), text("type"), text("label"), rules.join(", ")]
}
