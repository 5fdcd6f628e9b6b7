//! The column `_exact`, which an export writes: a JSON object of the values of a row that their own
//! cells cannot represent, such as an empty text; `null` for a missing value if the class has a
//! default. It takes precedence over the cells.

use spice_core::{
    json::{Json, entries},
    name::PropertyName,
};

use crate::{
    column::Target,
    plan::{Plan, member},
    reader::Record,
    reason::Reason,
};

/// The values of a row from the column `_exact`.
#[derive(Debug, Default)]
pub(crate) struct Exact(pub(crate) Vec<(PropertyName, Json)>);

impl Exact {
    /// Parses the cell. The own cell of a property that is listed here must show the same value or
    /// be empty, so that a later change is not lost.
    pub(crate) fn read(
        plan: &Plan,
        record: &Record,
        column: usize,
        text: &str,
    ) -> Result<Self, Reason> {
        let name = plan.columns[column].name.as_str();
        let values = Json::parse(text).ok().and_then(|json| entries(&json));
        let values = values.ok_or_else(|| {
            let sentence = "must be a JSON object of values by property, as an export writes it";
            Reason::of_cell(name, "type", sentence, text)
        })?;
        let mut found: Vec<(PropertyName, Json)> = Vec::with_capacity(values.len());
        for (key, value) in values {
            let Some(member) = member(&plan.class, &key) else {
                let sentence = format!("has {key:?}, which {} does not have", plan.class.id);
                return Err(Reason::of_cell(name, "unknown_key", &sentence, text));
            };
            if found.iter().any(|(known, _)| *known == member) {
                let sentence = format!("must have {member} once");
                return Err(Reason::of_cell(name, "duplicate", &sentence, text));
            }
            refuse_other(plan, record, &member, &value)?;
            found.push((member, value));
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Self(found))
    }

    /// The value of a property.
    pub(crate) fn get(&self, name: &PropertyName) -> Option<&Json> {
        let mut values = self.0.iter();
        values.find_map(|(known, value)| (known == name).then_some(value))
    }
}

/// Refuses a row whose cell differs from its exact value.
fn refuse_other(
    plan: &Plan,
    record: &Record,
    member: &PropertyName,
    value: &Json,
) -> Result<(), Reason> {
    let is_of = |target: &Target| matches!(target, Target::Member(name, _) if name == member);
    let Some(index) = plan.columns.iter().position(|it| is_of(&it.target)) else {
        return Ok(());
    };
    let cell = String::from_utf8_lossy(record.field(index));
    if cell.is_empty() || cell == show(value) || cell == value.as_str() {
        return Ok(());
    }
    let sentence = format!(
        "must match the value in the column of exact values, {value}; change both, or remove it there"
    );
    Err(Reason::of_cell(
        &plan.columns[index].name,
        "exact",
        &sentence,
        &cell,
    ))
}

/// What the own cell of a value shows: a text as it is, anything else as JSON.
pub fn show(value: &Json) -> String {
    if value.is_null() {
        return String::new();
    }
    value
        .as_string()
        .unwrap_or_else(|| value.as_str().to_owned())
}
