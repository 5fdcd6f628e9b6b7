//! The definition of a class with its inherited members.

use super::{Class, Schema, inherit::ancestors};
use crate::{
    json::{Json, entries, items, object},
    name::ClassName,
};

/// The lists of members that a definition has.
const LISTS: [&str; 2] = ["properties", "relationships"];

/// The fields that a member inherits from the parent's member of the same name if it does not set
/// them.
const INHERITED: [&str; 7] = [
    "label",
    "description",
    "default",
    "constraints",
    "integrity",
    "inverse_predicate",
    "inverse_label",
];

/// The flags that are set if any of them is set.
const FLAGS: [&str; 2] = ["required", "primaryKey"];

/// Another spelling of a field, and the spelling in a resolved definition.
const SPELLING: (&str, &str) = ("primary_key", "primaryKey");

type Fields = Vec<(String, Json)>;

/// A property or a relationship as it is written, with the fields that it inherits.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its name or predicate.
    pub name: String,
    /// Its fields.
    pub fields: Vec<(String, Json)>,
    /// The list of the definition that it is in: `properties` or `relationships`.
    pub list: &'static str,
    /// The nearest class that declares it.
    pub declared_by: ClassName,
}

impl Schema {
    /// The definition of a class with inherited members, those of the parents first. A member that
    /// several of them declare occurs once.
    pub fn resolved_definition(
        &self,
        class: &ClassName,
    ) -> Result<Option<Json>, serde_json::Error> {
        let Some(own) = self.get_declared(class) else {
            return Ok(None);
        };
        if ancestors(self.classes(), class).is_empty() {
            return Ok(Some(own.definition.clone()));
        }
        let members = self.resolved_members(class)?;
        let mut fields = entries(&own.definition).unwrap_or_default();
        for list in LISTS {
            let of_list = members.iter().filter(|member| member.list == list);
            let of_list: Vec<Json> = of_list
                .map(|member| of_fields(&member.fields))
                .collect::<Result<_, _>>()?;
            if !of_list.is_empty() {
                put(&mut fields, list, Json::of(&of_list)?);
            }
        }
        of_fields(&fields).map(Some)
    }

    /// The members of a class, those of the parents first. A member that several of them declare occurs
    /// once.
    pub fn resolved_members(&self, class: &ClassName) -> serde_json::Result<Vec<Written>> {
        let mut members: Vec<Written> = Vec::new();
        let above = ancestors(self.classes(), class).into_iter().rev();
        for class in above.chain(self.get_declared(class)) {
            for member in read_written(class) {
                add_member(&mut members, member)?;
            }
        }
        Ok(members)
    }
}

/// The members of a definition.
fn read_written(class: &Class) -> Vec<Written> {
    let fields = entries(&class.definition).unwrap_or_default();
    let mut members = Vec::new();
    for list in LISTS {
        let of_list = get(&fields, list).and_then(items).unwrap_or_default();
        for fields in of_list.iter().filter_map(entries).map(normalize_spelling) {
            let name = get(&fields, "name").or_else(|| get(&fields, "predicate"));
            if let Some(name) = name.and_then(Json::as_string) {
                members.push(Written {
                    name,
                    fields,
                    list,
                    declared_by: class.id.clone(),
                });
            }
        }
    }
    members
}

/// The fields with one spelling each.
fn normalize_spelling(fields: Fields) -> Fields {
    let mut all = Fields::new();
    for (name, value) in fields {
        let (other, usual) = SPELLING;
        let name = if name == other {
            usual.to_owned()
        } else {
            name
        };
        if get(&all, &name).is_none() {
            all.push((name, value));
        }
    }
    all
}

/// Adds a member after those of the parents.
fn add_member(members: &mut Vec<Written>, own: Written) -> Result<(), serde_json::Error> {
    let Some(above) = members.iter_mut().find(|above| above.name == own.name) else {
        members.push(own);
        return Ok(());
    };
    let fields = if above.list == own.list && is_same_type(&above.fields, &own.fields) {
        inherit(&above.fields, own.fields)?
    } else {
        own.fields
    };
    (above.list, above.declared_by) = (own.list, own.declared_by);
    above.fields = fields;
    Ok(())
}

fn is_same_type(above: &Fields, own: &Fields) -> bool {
    let kind = |fields: &Fields| get(fields, "type").and_then(Json::as_string);
    let (above, own) = (kind(above), kind(own));
    let plain = |kind: &Option<String>| kind.as_ref().map(|it| it.replace("xsd:", ""));
    plain(&above) == plain(&own)
}

fn inherit(above: &Fields, mut own: Fields) -> Result<Fields, serde_json::Error> {
    for (key, value) in above {
        let key = key.as_str();
        let said = get(&own, key);
        if FLAGS.contains(&key) {
            if value.as_str() == "true" {
                put(&mut own, key, value.clone());
            }
        } else if let (Some(said), "constraints") = (said, key) {
            let mut both = entries(said).unwrap_or_default();
            for (rule, bound) in entries(value).unwrap_or_default() {
                if get(&both, &rule).is_none() {
                    both.push((rule, bound));
                }
            }
            let both = of_fields(&both)?;
            put(&mut own, key, both);
        } else if said.is_none() && INHERITED.contains(&key) {
            put(&mut own, key, value.clone());
        }
    }
    Ok(own)
}

fn get<'a>(fields: &'a Fields, key: &str) -> Option<&'a Json> {
    let mut fields = fields.iter();
    fields.find_map(|(name, value)| (name == key).then_some(value))
}

fn put(fields: &mut Fields, key: &str, value: Json) {
    match fields.iter_mut().find(|(name, _)| name == key) {
        Some((_, known)) => *known = value,
        None => fields.push((key.to_owned(), value)),
    }
}

fn of_fields(fields: &Fields) -> Result<Json, serde_json::Error> {
    object(fields.iter().map(|(key, value)| (key.as_str(), value)))
}
