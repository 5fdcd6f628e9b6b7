//! Shows a class with its inherited members.

use serde_json::json;
use spice_core::{
    command::RawData as Fields,
    json::Json,
    name::ClassName,
    ontology::{Class, PropertyType, Schema},
};
use spice_crds::Exact;

use crate::{
    classes,
    output::{self, cell, select_label},
    session::Session,
};

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
    let is_open = class.allows_additional_properties();
    output::pairs(
        &json!({"it": fields, "label": text(&fields, "label"),
            "description": text(&fields, "description"), "keys": is_open.then_some("allowed"),
            "database": database, "branch": session.branch}),
        "Class=it.id, Label=label, Description=description, Parent=it.parent_class, \
         Abstract=it.abstract, More keys=keys, Database=database, Branch=branch, \
         Sequence=it.event_sequence, Updated=it.updated_at",
    )?;
    let (links, properties): (Vec<_>, Vec<_>) = members.iter().partition(|it| it.is_link);
    let origin = members.iter().any(|it| it.declared_by != class.id);
    let origin = origin.then_some(&class.id);
    output::heading("Properties")?;
    let head = ["NAME", "TYPE", "LABEL", "RULES"];
    show_members(&head, &properties, property_row, origin)?;
    if !links.is_empty() {
        output::heading("Relationships")?;
        let head = ["PREDICATE", "TARGET", "CARDINALITY"];
        show_members(&head, &links, relationship_row, origin)?;
    }
    Ok(())
}

/// A property or a relationship of a class.
struct Member {
    fields: Fields,
    list: &'static str,
    is_link: bool,
    declared_by: ClassName,
}

fn members(schema: &Schema, class: &Class) -> serde_json::Result<Vec<Member>> {
    let written = schema.resolved_members(&class.id)?.into_iter();
    let kind = |name: &str| class.property_type(class.resolve(name)?);
    Ok(written
        .map(|it| Member {
            is_link: kind(&it.name) == Some(PropertyType::Link),
            fields: it.fields.into_iter().collect(),
            list: it.list,
            declared_by: it.declared_by,
        })
        .collect())
}

/// The class as it was written, with the inherited members added.
fn document(class: &Class, members: &[Member]) -> anyhow::Result<Fields> {
    let mut fields: Fields = class.definition.read()?;
    for list in ["properties", "relationships"] {
        let mut shown = Vec::new();
        for member in members.iter().filter(|it| it.list == list) {
            let mut own = member.fields.clone();
            if member.declared_by != class.id {
                own.insert("inherited_from".to_owned(), Json::of(&member.declared_by)?);
            }
            shown.push(own);
        }
        if fields.contains_key(list) || !shown.is_empty() {
            fields.insert(list.to_owned(), Json::of(&shown)?);
        }
    }
    Ok(fields)
}

/// Writes members as rows. With `own`, the class that is shown, each inherited member also shows the
/// class that declares it.
fn show_members(
    head: &[&str],
    members: &[&Member],
    row: fn(&Member) -> Vec<String>,
    own: Option<&ClassName>,
) -> anyhow::Result<()> {
    let origin = |own: &ClassName, member: &Member| match &member.declared_by {
        declared_by if declared_by == own => String::new(),
        declared_by => declared_by.to_string(),
    };
    let rows = members.iter().map(|member| {
        let mut row = row(member);
        row.extend(own.map(|own| origin(own, member)));
        row
    });
    let head: Vec<&str> = head.iter().copied().chain(own.map(|_| "FROM")).collect();
    Ok(output::table(&head, &rows.collect::<Vec<_>>())?)
}

/// A field of a definition as the text of a cell; a label in one language.
fn text(fields: &Fields, key: &str) -> String {
    let value = fields.get(key).and_then(|value| Exact::of(value).ok());
    cell(select_label(&value.unwrap_or_default()))
}

fn relationship_row(member: &Member) -> Vec<String> {
    let text = |key: &str| text(&member.fields, key);
    let of_items = || {
        let items: Fields = member.fields.get("items")?.read().ok()?;
        let target = items.get("linkTarget").or_else(|| items.get("target"))?;
        Some(cell(target))
    };
    let target = [text("target"), text("linkTarget")].concat();
    let target = Some(target).filter(|it| !it.is_empty()).or_else(of_items);
    vec![
        [text("predicate"), text("name")].concat(),
        target.unwrap_or_default(),
        text("cardinality"),
    ]
}

fn property_row(member: &Member) -> Vec<String> {
    let text = |key: &str| text(&member.fields, key);
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
    rules.extend(constraints.map(|(rule, value)| format!("{rule} {}", cell(value))));
    if let Some(default) = member.fields.get("default").filter(|it| !it.is_null()) {
        rules.push(format!("default {}", cell(default)));
    }
    vec![text("name"), text("type"), text("label"), rules.join(", ")]
}
