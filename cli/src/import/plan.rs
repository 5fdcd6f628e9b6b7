//! What the columns of a file are to a class, and what makes the id of a row.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;
use spice_core::{
    command::RawData,
    error::{ErrorCode, Refusal},
    id::CommandId,
    json::Json,
    name::PropertyName,
    ontology::{Class, Schema},
};
use uuid::Uuid;

use super::{convert::Kind, reader::Record};

/// Columns that an import adds to the rows it could not take, and takes no notice of itself.
pub(super) const LINE: &str = "_line";
pub(super) const REASON: &str = "_reason";

/// What the command line says of columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    /// `column=property`; `column=` leaves the column out.
    pub(super) map: Vec<String>,
    /// The columns that make the id.
    pub(super) key: Vec<String>,
    /// A text that means "nothing", as an empty cell does.
    pub(super) null: Option<String>,
}

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) target: Target,
}

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// It was written by an import.
    Note,
    /// It is left out.
    Nothing,
    /// Its cells are values of this.
    Member(PropertyName, Kind),
}

/// What makes the id of a row. The same row has the same id each time it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// These columns are the class's primary key, from which the api makes the id.
    PrimaryKey(Vec<usize>),
    /// The texts of these columns, with `:` between them.
    Columns(Vec<usize>),
    /// The text of the column of `<class>_id` (contract §3), or else the content.
    Own(usize),
    /// Everything that the row says.
    Content,
}

/// How each row of a file is read.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) class: Arc<Class>,
    pub(super) columns: Vec<Column>,
    /// The columns with values, by the name of what they are values of.
    pub(super) members: Vec<usize>,
    pub(super) identity: Identity,
    pub(super) null: Option<String>,
}

impl Plan {
    /// Reads the head of a file; refuses what cannot be understood before anything is sent.
    pub(super) fn read(
        schema: &Schema,
        class: &Arc<Class>,
        head: &Record,
        wishes: &Wishes,
    ) -> anyhow::Result<Self> {
        if class.is_abstract() {
            let message = format!(
                "{} is abstract; import into a class below it, with --class",
                class.id
            );
            return Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
        }
        let columns = columns(schema, class, head, wishes)?;
        refuse_twice(&columns, head.line)?;
        let mut members: Vec<usize> = (0..columns.len())
            .filter(|index| columns[*index].member().is_some())
            .collect();
        members.sort_by_key(|index| columns[*index].member().cloned());
        let identity = Identity::read(class, &columns, &wishes.key)?;
        Ok(Self {
            class: Arc::clone(class),
            columns,
            members,
            identity,
            null: wishes.null.clone(),
        })
    }

    /// The name of the column whose values a field of the api is of: `lines[2].price` is of the
    /// column of `lines`.
    pub(super) fn column_of<'a>(&'a self, field: &'a str) -> &'a str {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let column = self.columns.iter().find(|column| {
            column
                .member()
                .is_some_and(|name| name.as_str() == &field[..end])
        });
        column.map_or(field, |column| column.name.as_str())
    }
}

impl Column {
    pub(super) fn member(&self) -> Option<&PropertyName> {
        match &self.target {
            Target::Member(name, _) => Some(name),
            Target::Note | Target::Nothing => None,
        }
    }
}

impl Identity {
    fn read(class: &Class, columns: &[Column], key: &[String]) -> anyhow::Result<Self> {
        let of = |name: &PropertyName| {
            columns
                .iter()
                .position(|column| column.member() == Some(name))
        };
        let primary: Vec<&PropertyName> = class.primary_key().map(|it| &it.name).collect();
        if !key.is_empty() {
            let chosen = chosen(columns, key)?;
            let is_primary = chosen
                .iter()
                .map(|index| columns[*index].member())
                .eq(primary.iter().map(|name| Some(*name)));
            if primary.is_empty() {
                return Ok(Self::Columns(chosen));
            }
            if !is_primary {
                let message = format!(
                    "the primary key of {} makes the id ({}); leave --key out",
                    class.id,
                    join(&primary)
                );
                return Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
            }
        }
        if !primary.is_empty() {
            let found: Option<Vec<usize>> = primary.iter().map(|name| of(name)).collect();
            return found.map(Self::PrimaryKey).ok_or_else(|| {
                let message = format!(
                    "no column for all of the primary key of {} ({}); name it with --map COLUMN=PROPERTY",
                    class.id,
                    join(&primary)
                );
                Refusal::new(ErrorCode::InvalidRequest, message).into()
            });
        }
        Ok(own(class).and_then(of).map_or(Self::Content, Self::Own))
    }
}

/// The property whose value is the id of instances without a primary key (contract §3).
fn own(class: &Class) -> Option<&PropertyName> {
    let own = format!("{}_id", class.id.as_str().to_lowercase());
    let mut properties = class.properties().iter().map(|property| &property.name);
    properties.find(|name| name.as_str() == own)
}

/// The columns that `--key` names, by their own name or by what they are values of.
fn chosen(columns: &[Column], key: &[String]) -> anyhow::Result<Vec<usize>> {
    let mut chosen = Vec::with_capacity(key.len());
    for name in key {
        let named = columns.iter().position(|column| column.name == *name);
        let index = named.or_else(|| {
            columns
                .iter()
                .position(|column| column.member().is_some_and(|it| it.as_str() == name))
        });
        match index {
            Some(index) if !chosen.contains(&index) => chosen.push(index),
            Some(_) => anyhow::bail!(bad(format!("--key names {name} twice"))),
            None => anyhow::bail!(bad(format!("--key {name}: {}", no_column(columns)))),
        }
    }
    Ok(chosen)
}

/// What each column is for.
fn columns(
    schema: &Schema,
    class: &Class,
    head: &Record,
    wishes: &Wishes,
) -> anyhow::Result<Vec<Column>> {
    let names = names(head)?;
    let mut map = read_map(wishes, &names, head.line)?;
    let declared = declared(schema, class);
    let mut columns = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for name in names {
        let wanted = map.remove(&name).unwrap_or_else(|| name.clone());
        let target = if [LINE, REASON].contains(&name.as_str()) {
            Target::Note
        } else if wanted.is_empty() {
            Target::Nothing
        } else if let Some(member) = member(class, &wanted) {
            let kind = Kind::of(class, &member, declared.get(member.as_str()));
            Target::Member(member, kind)
        } else {
            unknown.push(wanted);
            Target::Nothing
        };
        columns.push(Column { name, target });
    }
    if !unknown.is_empty() {
        return Err(unknown_columns(class, head, &unknown).into());
    }
    Ok(columns)
}

/// What was written of each property, by the class itself or by the nearest of its parents.
fn declared(schema: &Schema, class: &Class) -> HashMap<String, Value> {
    let mut declared = HashMap::new();
    let mut next = schema.declared(&class.id);
    // Each class once, even if parents go in a circle.
    for _ in 0..schema.iter_declared().count() {
        let Some(class) = next else {
            break;
        };
        let mut definition = class.definition.to_value();
        if let Value::Array(properties) = definition["properties"].take() {
            for property in properties {
                let name = property["name"].as_str().unwrap_or_default().to_owned();
                declared.entry(name).or_insert(property);
            }
        }
        next = class.parent().and_then(|parent| schema.declared(parent));
    }
    declared
}

fn names(head: &Record) -> anyhow::Result<Vec<String>> {
    let line = head.line;
    let mut names: Vec<String> = Vec::with_capacity(head.len());
    for (index, field) in head.fields().enumerate() {
        let number = index + 1;
        let name = std::str::from_utf8(field)
            .map_err(|_| {
                bad(format!(
                    "line {line}: the name of column {number} is not UTF-8; convert the file first, e.g. with iconv"
                ))
            })?
            .trim();
        if name.is_empty() {
            anyhow::bail!(bad(format!("line {line}: column {number} has no name")));
        }
        if let Some(first) = names.iter().position(|other| other == name) {
            let first = first + 1;
            let message =
                format!("line {line}: columns {first} and {number} are both called {name:?}");
            anyhow::bail!(bad(message));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn read_map(
    wishes: &Wishes,
    names: &[String],
    line: u64,
) -> anyhow::Result<HashMap<String, String>> {
    let mut map = HashMap::new();
    for entry in &wishes.map {
        let Some((column, wanted)) = entry.rsplit_once('=') else {
            anyhow::bail!(bad(format!("--map {entry}: write COLUMN=PROPERTY")));
        };
        let (column, wanted) = (column.trim(), wanted.trim());
        if !names.iter().any(|name| name == column) {
            let message = format!(
                "--map {entry}: line {line} has no column {column:?}; there is {}",
                names.join(", ")
            );
            anyhow::bail!(bad(message));
        }
        if map.insert(column.to_owned(), wanted.to_owned()).is_some() {
            anyhow::bail!(bad(format!("--map {entry}: {column} is mapped already")));
        }
    }
    Ok(map)
}

/// The property or the relationship that a name, or a label in any language, stands for.
fn member(class: &Class, wanted: &str) -> Option<PropertyName> {
    let additional = || {
        let name = class.allows_additional_properties().then_some(wanted);
        name.and_then(|name| name.parse().ok())
    };
    class.resolve(wanted).cloned().or_else(additional)
}

/// Says what the api would say of such keys, near names included.
fn unknown_columns(class: &Class, head: &Record, unknown: &[String]) -> Refusal {
    let line = head.line;
    if head.len() == 1
        && let Some(delimiter) = [';', '\t', '|', ',']
            .iter()
            .find(|it| unknown[0].contains(**it))
    {
        let message = format!(
            "line {line} is a single column {:?}; is --delimiter '{}' meant?",
            unknown[0],
            delimiter.escape_default()
        );
        return bad(message);
    }
    let keys: RawData = unknown
        .iter()
        .map(|name| (name.clone(), Json::null()))
        .collect();
    let told = class
        .new_instance(None, &keys, CommandId(Uuid::nil()), 0)
        .err();
    let hint = told
        .as_ref()
        .and_then(|refusal| refusal.detail.get("hint")?.as_str());
    let message = format!(
        "line {line}: {} has nothing called {}; {}; --map COLUMN=PROPERTY says what a column is, --map COLUMN= leaves it out",
        class.id,
        unknown.join(", "),
        hint.unwrap_or_default()
    );
    Refusal::new(ErrorCode::UnknownLabelKeys, message)
}

fn refuse_twice(columns: &[Column], line: u64) -> anyhow::Result<()> {
    let mut taken: HashMap<&PropertyName, &str> = HashMap::new();
    for column in columns {
        let Some(member) = column.member() else {
            continue;
        };
        if let Some(other) = taken.insert(member, &column.name) {
            let message = format!(
                "line {line}: {other:?} and {:?} are both values of {member}; leave one out with --map COLUMN=",
                column.name
            );
            anyhow::bail!(bad(message));
        }
    }
    if taken.is_empty() {
        anyhow::bail!(bad(format!(
            "line {line}: no column has values of the class"
        )));
    }
    Ok(())
}

fn no_column(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
    format!("there is no such column; there is {}", names.join(", "))
}

fn join(names: &[&PropertyName]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}

fn bad(message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
}
