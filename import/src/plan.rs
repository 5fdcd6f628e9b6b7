//! The plan: how columns become values of a class, and how ids are determined.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use spice_core::{
    command::RawData,
    error::{ErrorCode, Refusal},
    id::CommandId,
    json::Json,
    name::PropertyName,
    ontology::{Class, Schema},
    unicode::nfc,
};
use uuid::Uuid;

use crate::{
    column::{Column, Reserved, Target},
    convert::{Kind, kinds},
    error::{Error, Result, refuse_input},
    head::{Names, Orders},
    identity::Identity,
    options::Mapping,
    reader::Record,
    text::{is_blank_bytes, reveal, show, trim},
};

/// How each row of a file is read.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) class: Arc<Class>,
    pub(crate) columns: Vec<Column>,
    /// The columns with values, by the name of their property.
    pub(crate) members: Vec<usize>,
    pub(crate) identity: Identity,
    pub(crate) nulls: Vec<String>,
    pub(crate) source: Option<String>,
    /// The columns without a name.
    pub(crate) nameless: Vec<usize>,
    /// The column of exact values. If there is one, a row may have no value although the class has a
    /// default, so the import adds the defaults.
    pub(crate) exact: Option<usize>,
    /// The column of the reasons for rejects, in a file that an import wrote.
    pub(crate) reasons: Option<usize>,
    /// The last column that is read, except those that an import added.
    pub(crate) last: Option<usize>,
    /// The minimum number of fields of a row: the others are left out.
    needed: usize,
}

impl Plan {
    /// Reads the header of a file. Refuses unknown columns before anything is sent.
    pub fn read(
        schema: &Schema,
        class: &Arc<Class>,
        head: &Record,
        mapping: &Mapping,
    ) -> Result<Self> {
        if class.is_abstract() {
            let message = format!(
                "{} is abstract; import into a subclass with --class",
                class.id
            );
            return Err(refuse_input(message));
        }
        if let Some(word) = mapping.words.contradiction() {
            return Err(refuse_input(format!(
                "{word:?} is given both with --true and with --false"
            )));
        }
        let columns = columns(schema, class, head, mapping)?;
        refuse_twice(&columns, head.line)?;
        let mut members: Vec<usize> = (0..columns.len())
            .filter(|index| columns[*index].member().is_some())
            .collect();
        let is_nameless = |index: &usize| columns[*index].target == Target::Nameless;
        let nameless = (0..columns.len()).filter(is_nameless).collect();
        let exact = columns.iter().position(|it| it.target == Target::Exact);
        let reasons = columns.iter().rposition(|it| it.target == Target::Note);
        members.sort_by_key(|index| columns[*index].member().cloned());
        let identity = Identity::read(class, &columns, &Names::read(class, head), &mapping.key)?;
        // The import that wrote the rejects may have added an id before the line.
        let added = reasons.and_then(|it| it.checked_sub(2));
        let is_read = |index: &usize| match columns[*index].target {
            Target::Member(..) | Target::Exact => true,
            Target::Id => Some(*index) != added,
            Target::Note | Target::Nothing | Target::Nameless => identity.columns().contains(index),
        };
        let last = (0..columns.len()).rev().find(is_read);
        let needed = match reasons {
            Some(_) => columns.len(),
            None => last.map_or(0, |index| index + 1),
        };
        Ok(Self {
            class: Arc::clone(class),
            columns,
            members,
            identity,
            nulls: mapping.nulls.clone(),
            source: mapping.source.clone(),
            nameless,
            exact,
            reasons,
            last,
            needed,
        })
    }

    /// Whether a row has a field for each column; blank fields after the last column, and missing
    /// fields of left-out columns, are allowed.
    pub(crate) fn fits(&self, record: &Record) -> bool {
        let surplus = self.columns.len()..record.len();
        record.len() >= self.needed
            && surplus
                .into_iter()
                .all(|index| is_blank_bytes(record.field(index)))
    }

    /// Whether a field is a line number, as an import writes it after a rejected row.
    pub(crate) fn is_line(field: &[u8]) -> bool {
        let text = trim(std::str::from_utf8(field).unwrap_or_default());
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Refuses a header above the line that looks like the header, if it does not fit: a class with
    /// additional keys would take a title for a name.
    pub(crate) fn check_head(
        &self,
        head: &Record,
        rows: &[Record],
        likely: Option<u64>,
    ) -> Result<()> {
        let row = rows.iter().find(|row| Some(row.line) == likely);
        let Some(row) = row.filter(|row| !self.fits(row)) else {
            return Ok(());
        };
        Err(refuse_input(format!(
            "line {} names {} columns, and line {} has {} cells",
            head.line,
            self.columns.len(),
            row.line,
            row.len()
        )))
    }

    /// Refuses a file if most of its first rows have a value in a column without a name: then it is a
    /// column of data. A single row with a value there is rejected later.
    pub(crate) fn check_first(&self, rows: &[Record]) -> Result<()> {
        for &index in &self.nameless {
            let is_filled = |row: &&Record| !is_blank_bytes(row.field(index));
            let filled = rows.iter().filter(is_filled).count();
            if filled > 1
                && 2 * filled > rows.len()
                && let Some(row) = rows.iter().find(is_filled)
            {
                let (number, line, cell) = (index + 1, row.line, show(row.field(index)));
                return Err(refuse_input(format!(
                    "column {number} has no name, but line {line} has {cell:?} in it; map it with --map {number}=PROPERTY, or leave it out with --skip-column {number}"
                )));
            }
        }
        Ok(())
    }

    /// Whether the id of a row may depend on earlier rows.
    pub(crate) fn needs_row_numbers(&self) -> bool {
        matches!(
            self.identity,
            Identity::Content | Identity::Own(_) | Identity::Noted(_)
        )
    }

    /// The name of the column for a field of the api: `lines[2].price` is in the column of `lines`.
    pub(crate) fn column_of<'a>(&'a self, field: &'a str) -> &'a str {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let column = self.columns.iter().find(|column| {
            column
                .member()
                .is_some_and(|name| name.as_str() == &field[..end])
        });
        column.map_or(field, |column| column.name.as_str())
    }
}

/// The meaning of each column.
fn columns(
    schema: &Schema,
    class: &Class,
    head: &Record,
    mapping: &Mapping,
) -> Result<Vec<Column>> {
    let names = Names::read(class, head);
    let orders = Orders::read(mapping, &names)?;
    let first_note = if names.has_notes() {
        head.len() - 2
    } else {
        head.len()
    };
    let kinds = kinds(schema, class);
    let mut columns = Vec::with_capacity(head.len());
    let mut unknown = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let order = orders.of(index);
        let reserved = Reserved::find_target(class, name).filter(|_| order.is_none());
        let wanted = order.unwrap_or(name);
        let target = if order.is_none() && index >= first_note {
            Target::Note
        } else if let Some(target) = reserved {
            target
        } else if wanted.is_empty() {
            match order {
                Some(_) => Target::Nothing,
                None => Target::Nameless,
            }
        } else if let Some(member) = member(class, wanted) {
            let kind = kinds.get(&member).cloned().unwrap_or(Kind::Text);
            Target::Member(member, kind.with_words(&mapping.words))
        } else {
            unknown.push(wanted.to_owned());
            Target::Nothing
        };
        let name = name.clone();
        columns.push(Column { name, target });
    }
    if !unknown.is_empty() {
        return Err(unknown_columns(class, head, &unknown));
    }
    Ok(columns)
}

/// The property or the relationship with a name, or a label in any language.
pub(crate) fn member(class: &Class, wanted: &str) -> Option<PropertyName> {
    let additional = || {
        let name = class.allows_additional_properties().then_some(wanted);
        name.and_then(|name| nfc(name).parse().ok())
    };
    let resolved = class
        .resolve(wanted)
        .or_else(|| class.resolve(&nfc(wanted)));
    resolved.cloned().or_else(additional)
}

/// Reports unknown keys like the api, with similar names.
fn unknown_columns(class: &Class, head: &Record, unknown: &[String]) -> Error {
    let line = head.line;
    if head.len() == 1
        && let Some(delimiter) = [';', '\t', '|', ',']
            .iter()
            .find(|it| unknown[0].contains(**it))
    {
        let message = format!(
            "line {line} is a single column {:?}; do you mean --delimiter '{}'?",
            unknown[0],
            delimiter.escape_default()
        );
        return refuse_input(message);
    }
    let keys: RawData = unknown
        .iter()
        .map(|name| (name.clone(), Json::null()))
        .collect();
    let refused = class
        .new_instance(None, &keys, CommandId(Uuid::nil()), 0)
        .err();
    let hint = refused
        .as_ref()
        .and_then(|refusal| refusal.detail.get("hint")?.as_str());
    let names: Vec<Cow<'_, str>> = unknown.iter().map(|it| reveal(it)).collect();
    let message = format!(
        "line {line}: {} has no property or label {}; {}; map a column with --map COLUMN=PROPERTY, or leave it out with --skip-column COLUMN",
        class.id,
        names.join(", "),
        hint.unwrap_or_default()
    );
    Refusal::new(ErrorCode::UnknownLabelKeys, message).into()
}

fn refuse_twice(columns: &[Column], line: u64) -> Result<()> {
    let mut taken: HashMap<&PropertyName, &str> = HashMap::new();
    for column in columns {
        let Some(member) = column.member() else {
            continue;
        };
        if let Some(other) = taken.insert(member, &column.name) {
            let message = format!(
                "line {line}: {other:?} and {:?} are both values of {member}; leave one out with --skip-column",
                column.name
            );
            return Err(refuse_input(message));
        }
    }
    let has_exact = columns.iter().any(|it| it.target == Target::Exact);
    let has_ids = columns.iter().any(|it| it.target == Target::Id);
    if taken.is_empty() && !has_exact && !has_ids {
        return Err(refuse_input(format!(
            "line {line}: no column matches a property of the class"
        )));
    }
    Ok(())
}
