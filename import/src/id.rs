//! The id of a row: from its key, from its own column, or from its content.

use spice_core::{
    id::escape,
    json::{Json, Properties},
    name::InstanceId,
    ontology::PropertyType,
};

use crate::{
    column::Target, digest::hex, exact::Exact, identity::Identity, plan::Plan, reader::Record,
    reason::Reason,
};

impl Plan {
    pub(crate) fn identify(
        &self,
        record: &Record,
        exact: &Exact,
        data: &[u8],
    ) -> Result<(String, Option<InstanceId>), Reason> {
        match &self.identity {
            Identity::Given(column) => {
                let id = self.read_key_part(record, *column)?;
                check_named(id.to_owned(), &[*column], self)
            }
            Identity::PrimaryKey(columns) => Ok((self.primary_key(record, exact, columns)?, None)),
            Identity::Columns(columns) => {
                check_named(self.join_columns(record, columns)?, columns, self)
            }
            Identity::Own(_) | Identity::Noted(_) | Identity::Content => {
                match self.id_column(record)? {
                    Some(column) => {
                        check_named(self.join_columns(record, &[column])?, &[column], self)
                    }
                    None => self.derive_from_content(data),
                }
            }
        }
    }

    /// The column with the id of this row, if rows may have none; none for its content.
    fn id_column(&self, record: &Record) -> Result<Option<usize>, Reason> {
        if self.needs_row_numbers() {
            for column in self.identity.columns() {
                if self.cell(record, *column)?.is_some() {
                    return Ok(Some(*column));
                }
            }
        }
        Ok(None)
    }

    /// Whether the id of this row is derived from its content.
    pub(crate) fn is_by_content(&self, record: &Record) -> bool {
        self.needs_row_numbers() && matches!(self.id_column(record), Ok(None))
    }

    /// The primary key as the JSON of its values: equal if the ids are equal. Equal decimals may be
    /// written with different digits, so for a key with decimals it is the id.
    fn primary_key(
        &self,
        record: &Record,
        exact: &Exact,
        columns: &[usize],
    ) -> Result<String, Reason> {
        let has_decimals = self.has_decimal_key();
        let mut properties = Properties::new();
        let mut key = Vec::new();
        for index in columns {
            let Target::Member(name, kind) = &self.columns[*index].target else {
                continue;
            };
            let start = key.len();
            if let Some(value) = exact.get(name) {
                key.extend_from_slice(value.as_str().as_bytes());
            } else {
                let text = self.read_key_part(record, *index)?;
                if let Some(reason) = self.write(*index, kind, text, &mut key) {
                    return Err(reason);
                }
            }
            if has_decimals && let Ok(value) = serde_json::from_slice::<Json>(&key[start..]) {
                properties.insert(name.clone(), value);
            }
            key.push(b':');
        }
        let id = Some(&properties).filter(|_| has_decimals);
        let id = id.and_then(|properties| self.class.keyed_id(properties));
        Ok(id.map_or_else(
            || String::from_utf8_lossy(&key).into_owned(),
            |id| id.to_string(),
        ))
    }

    fn has_decimal_key(&self) -> bool {
        let mut key = self.class.primary_key();
        key.any(|property| property.property_type == PropertyType::Decimal)
    }

    /// The id that columns form together, like a composite primary key of the class.
    fn join_columns(&self, record: &Record, columns: &[usize]) -> Result<String, Reason> {
        let mut id = String::new();
        for (number, index) in columns.iter().enumerate() {
            let part = self.read_id_text(record, *index)?;
            if number + 1 == columns.len() {
                id.push_str(&part);
            } else {
                id.push_str(&escape(&part));
                id.push(':');
            }
        }
        Ok(id)
    }

    /// A cell as a part of an id: a string or an integer.
    fn read_id_text(&self, record: &Record, index: usize) -> Result<String, Reason> {
        let text = self.read_key_part(record, index)?.trim();
        let mut value = Vec::new();
        if let Target::Member(_, kind) = &self.columns[index].target
            && kind.write(text, &mut value).is_ok()
            && let Ok(json) = serde_json::from_slice::<Json>(&value)
        {
            let is_whole = json.as_str().bytes().all(|byte| byte.is_ascii_digit());
            let whole = is_whole.then(|| json.as_str().to_owned());
            return Ok(json
                .as_string()
                .or(whole)
                .unwrap_or_else(|| text.to_owned()));
        }
        Ok(text.to_owned())
    }

    fn read_key_part<'a>(&self, record: &'a Record, index: usize) -> Result<&'a str, Reason> {
        self.cell(record, index)?.ok_or_else(|| {
            let name = &self.columns[index].name;
            Reason::of_column(name, "required", "is part of the key, and empty")
        })
    }

    /// An id for a rejected row without its own, derived from its cells. With it, a corrected row
    /// stays separate from a row with the same content.
    pub(crate) fn derive_rejected(&self, record: &Record) -> Option<String> {
        if !self.is_by_content(record) {
            return None;
        }
        let cells: Vec<&[u8]> = record.fields().collect();
        let source = self.source.as_deref().unwrap_or_default();
        let text = [source.as_bytes(), &cells.join(&0)].join(&b'\n');
        Some(format!("{}_{}", self.class.id, hex(&text)))
    }

    /// An id from the content of the row, and from its source if that is named.
    fn derive_from_content(&self, data: &[u8]) -> Result<(String, Option<InstanceId>), Reason> {
        let content = match &self.source {
            Some(source) => hex(&[source.as_bytes(), b"\n", data].concat()),
            None => hex(data),
        };
        check_named(format!("{}_{content}", self.class.id), &[], self)
    }
}

fn check_named(
    id: String,
    columns: &[usize],
    plan: &Plan,
) -> Result<(String, Option<InstanceId>), Reason> {
    match id.parse::<InstanceId>() {
        Ok(parsed) => Ok((id, Some(parsed))),
        Err(invalid) => {
            let names: Vec<&str> = columns
                .iter()
                .map(|index| plan.columns[*index].name.as_str())
                .collect();
            let sentence = format!("gives the id {}", invalid.rule);
            Err(Reason::of_cell(&names.join(", "), "id", &sentence, &id))
        }
    }
}
