//! What the columns of a file are to a class, and what makes the id of a row.

use std::{collections::HashMap, sync::Arc};

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
use crate::classes;

/// Columns that an import adds to the rows it could not take, and takes no notice of itself.
pub(super) const LINE: &str = "_line";
pub(super) const REASON: &str = "_reason";

/// Columns that an export writes beside those of the class. No property has such a name; where a
/// label is one, another `_` comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// The id of the instance.
    Id,
    /// A JSON object of the values that their own cells cannot carry.
    Exact,
}

impl Reserved {
    /// What the column is called in files of a class.
    pub(crate) fn name(self, class: &Class) -> String {
        let mut name = match self {
            Self::Id => "_id".to_owned(),
            Self::Exact => "_exact".to_owned(),
        };
        while class.resolve(&name).is_some() {
            name.insert(0, '_');
        }
        name
    }

    /// What a column of this name is for.
    fn target(class: &Class, name: &str) -> Option<Target> {
        if !name.starts_with('_') {
            return None;
        }
        if name == Self::Id.name(class) {
            return Some(Target::Id);
        }
        (name == Self::Exact.name(class)).then_some(Target::Exact)
    }
}

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
    /// Its cells are the ids of the instances.
    Id,
    /// Its cells are JSON objects of values that the other cells cannot carry.
    Exact,
    /// It is left out.
    Nothing,
    /// Its cells are values of this.
    Member(PropertyName, Kind),
}

/// What makes the id of a row. The same row has the same id each time it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// The text of this column, which an export wrote.
    Given(usize),
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

    /// Whether the file has a column of exact values: then a row may say that it has no value where
    /// the class has a default, and the defaults are put in here.
    pub(super) fn has_exact(&self) -> bool {
        self.columns.iter().any(|it| it.target == Target::Exact)
    }

    /// The property or the relationship that a name or a label stands for.
    pub(super) fn member(&self, name: &str) -> Option<PropertyName> {
        member(&self.class, name)
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
            Target::Note | Target::Id | Target::Exact | Target::Nothing => None,
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
        let given = columns.iter().position(|it| it.target == Target::Id);
        if let Some(index) = given {
            if key.is_empty() {
                return Ok(Self::Given(index));
            }
            let name = &columns[index].name;
            anyhow::bail!(bad(format!(
                "column {name} has the ids; leave --key out, or leave the column out with --map {name}="
            )));
        }
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
    let members = classes::members(schema, class)?;
    let mut columns = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for name in names {
        let mapped = map.remove(&name);
        let reserved = Reserved::target(class, &name).filter(|_| mapped.is_none());
        let wanted = mapped.unwrap_or_else(|| name.clone());
        let target = if [LINE, REASON].contains(&name.as_str()) {
            Target::Note
        } else if let Some(target) = reserved {
            target
        } else if wanted.is_empty() {
            Target::Nothing
        } else if let Some(member) = member(class, &wanted) {
            let declared = members.get(&member).map(|it| &it.fields);
            let kind = Kind::of(class, &member, declared);
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
    let has_exact = columns.iter().any(|it| it.target == Target::Exact);
    let has_ids = columns.iter().any(|it| it.target == Target::Id);
    if taken.is_empty() && !has_exact && !has_ids {
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
