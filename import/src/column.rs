//! The columns of a table, and the columns that only exports and imports write.

use serde::Serialize;
use spice_core::{name::PropertyName, ontology::Class};

use crate::convert::Kind;

/// Fields that an import adds to rejected lines of NDJSON, and ignores when it reads them again.
pub(crate) const LINE: &str = "_line";
pub(crate) const REASON: &str = "_reason";

/// Columns that an export or an import writes in addition to those of the class. No property has
/// such a name; if a label does, the column gets another leading `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The id of the instance.
    Id,
    /// A JSON object of the values that their own cells cannot represent.
    Exact,
    /// The line of a rejected row. An import ignores it when it reads the row again.
    Line,
    /// Why a row was rejected. An import ignores it as well.
    Reason,
}

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; empty if it has none.
    pub(crate) name: String,
    pub(crate) target: Target,
}

/// The meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// It was written by an import.
    Note,
    /// Its cells are the ids of the instances.
    Id,
    /// Its cells are JSON objects of values that the other cells cannot represent.
    Exact,
    /// The mapping leaves it out.
    Nothing,
    /// It has no name, so it must be blank.
    Nameless,
    /// Its cells are values of this property or relationship.
    Member(PropertyName, Kind),
}

/// A column of which nothing is imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its number; the first is 1.
    pub column: usize,
    /// Its name; empty if it has none.
    pub name: String,
    /// The reason.
    pub reason: &'static str,
}

impl Reserved {
    /// The name of the column in files of a class.
    pub fn name(self, class: &Class) -> String {
        let mut name = match self {
            Self::Id => "_id".to_owned(),
            Self::Exact => "_exact".to_owned(),
            Self::Line => LINE.to_owned(),
            Self::Reason => REASON.to_owned(),
        };
        while class.resolve(&name).is_some() {
            name.insert(0, '_');
        }
        name
    }

    /// The meaning of a column with this name.
    pub(crate) fn find_target(class: &Class, name: &str) -> Option<Target> {
        if !name.starts_with('_') {
            return None;
        }
        if name == Self::Id.name(class) {
            return Some(Target::Id);
        }
        (name == Self::Exact.name(class)).then_some(Target::Exact)
    }
}

impl Column {
    /// The property or the relationship of its values.
    pub(crate) fn member(&self) -> Option<&PropertyName> {
        match &self.target {
            Target::Member(name, _) => Some(name),
            Target::Note | Target::Id | Target::Exact | Target::Nothing | Target::Nameless => None,
        }
    }
}

/// The columns that are left out, with the reasons.
pub(crate) fn list_left_out(columns: &[Column]) -> Vec<LeftOut> {
    let reason = |target: &Target| match target {
        Target::Nothing => Some("left out by --map or --skip-column"),
        Target::Nameless => Some("no name, and blank in each accepted row"),
        Target::Note => Some("written by an import"),
        Target::Member(..) | Target::Id | Target::Exact => None,
    };
    let columns = columns.iter().enumerate();
    columns
        .filter_map(|(index, column)| {
            Some(LeftOut {
                column: index + 1,
                name: column.name.clone(),
                reason: reason(&column.target)?,
            })
        })
        .collect()
}
