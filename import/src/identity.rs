//! How the ids of rows are determined.

use spice_core::{name::PropertyName, ontology::Class, unicode::nfc};

use crate::{
    column::{Column, Target},
    error::{Result, refuse_input},
    head::Names,
    text::trim,
};

/// How the id of a row is determined. The same row has the same id each time it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The text of this column, which an export wrote.
    Given(usize),
    /// These columns are the class's primary key, from which the api derives the id.
    PrimaryKey(Vec<usize>),
    /// The texts of these columns, joined with `:`.
    Columns(Vec<usize>),
    /// The text of the column `<class>_id` (contract §3), or else the content.
    Own(usize),
    /// For rejects of rows without a key: the id that an import wrote in the row, or else the
    /// column `<class>_id`, or else the content.
    Noted([usize; 2]),
    /// The content of the row, and the number of equal rows before it.
    Content,
}

impl Identity {
    pub(crate) fn read(
        class: &Class,
        columns: &[Column],
        names: &Names,
        key: &[String],
    ) -> Result<Self> {
        let of = |name: &PropertyName| {
            columns
                .iter()
                .position(|column| column.member() == Some(name))
        };
        let primary: Vec<&PropertyName> = class.primary_key().map(|it| &it.name).collect();
        let given = columns.iter().position(|it| it.target == Target::Id);
        if let Some(index) = given {
            if key.is_empty() {
                return Ok(match find_own_id(class).and_then(of) {
                    Some(own) if names.has_notes() && primary.is_empty() => {
                        Self::Noted([index, own])
                    }
                    _ => Self::Given(index),
                });
            }
            let name = &columns[index].name;
            return Err(refuse_input(format!(
                "column {name} contains the ids; leave --key out, or leave the column out with --skip-column {name}"
            )));
        }
        if !key.is_empty() {
            let chosen = choose_columns(columns, names, key)?;
            let is_primary = chosen
                .iter()
                .map(|index| columns[*index].member())
                .eq(primary.iter().map(|name| Some(*name)));
            if primary.is_empty() {
                return Ok(Self::Columns(chosen));
            }
            if !is_primary {
                let message = format!(
                    "the primary key of {} determines the id ({}); leave --key out",
                    class.id,
                    join(&primary)
                );
                return Err(refuse_input(message));
            }
        }
        if !primary.is_empty() {
            let found: Option<Vec<usize>> = primary.iter().map(|name| of(name)).collect();
            return found.map(Self::PrimaryKey).ok_or_else(|| {
                let message = format!(
                    "there are not columns for the whole primary key of {} ({}); map them with --map COLUMN=PROPERTY",
                    class.id,
                    join(&primary)
                );
                refuse_input(message)
            });
        }
        Ok(find_own_id(class)
            .and_then(of)
            .map_or(Self::Content, Self::Own))
    }

    /// The columns that form the id.
    pub(crate) fn columns(&self) -> &[usize] {
        match self {
            Self::PrimaryKey(columns) | Self::Columns(columns) => columns,
            Self::Given(column) | Self::Own(column) => std::slice::from_ref(column),
            Self::Noted(columns) => columns,
            Self::Content => &[],
        }
    }
}

/// The property that determines the id of instances without a primary key (contract §3).
fn find_own_id(class: &Class) -> Option<&PropertyName> {
    let own = format!("{}_id", class.id.as_str().to_lowercase());
    let mut properties = class.properties().iter().map(|property| &property.name);
    properties.find(|name| name.as_str() == own)
}

/// The columns of `--key`, by their own names or by their properties.
fn choose_columns(columns: &[Column], names: &Names, key: &[String]) -> Result<Vec<usize>> {
    let mut chosen = Vec::with_capacity(key.len());
    for name in key {
        let is_property = |column: &Column| column.member().is_some_and(|it| it.as_str() == name);
        let is_named = |column: &Column| nfc(&column.name) == nfc(trim(name));
        let property = columns.iter().position(is_property);
        let index = match property.filter(|_| !columns.iter().any(is_named)) {
            Some(index) => index,
            None => names
                .find(name)
                .map_err(|why| refuse_input(format!("--key {name}: {why}")))?,
        };
        if chosen.contains(&index) {
            return Err(refuse_input(format!("--key names {name} twice")));
        }
        chosen.push(index);
    }
    Ok(chosen)
}

fn join(names: &[&PropertyName]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}
