//! One line: the instance that it says, or why it says none.

use spice_core::{
    command::RawData,
    json::{Json, entries},
    name::{ClassName, InstanceId},
    ontology::Schema,
};

use crate::import::plan::{LINE, REASON};

/// What an instance says of itself besides; the log gives it another of each.
const KNOWN: [&str; 12] = [
    "class_label",
    "event_id",
    "event_sequence",
    "event_timestamp",
    "version",
    "db_name",
    "branch",
    "position",
    "created_at",
    "updated_at",
    LINE,
    REASON,
];
/// An instance as it was exported.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) class: ClassName,
    pub(crate) id: InstanceId,
    pub(crate) data: RawData,
}

/// Reads a line; `wanted` is the class that all lines must be of.
pub(super) fn read(
    bytes: &[u8],
    schema: &Schema,
    wanted: Option<&ClassName>,
) -> Result<Instance, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "must be UTF-8 (encoding)".to_owned())?;
    let parsed = Json::parse(text).map_err(|error| format!("is no JSON: {error} (json)"))?;
    let fields = entries(&parsed).ok_or_else(expected)?;
    let (mut class, mut id, mut data) = (None, None, None);
    for (name, value) in &fields {
        let place = match name.as_str() {
            "class_id" => &mut class,
            "instance_id" => &mut id,
            "data" => &mut data,
            known if KNOWN.contains(&known) => continue,
            other => return Err(format!("has {other:?}; {} (unknown_key)", expected())),
        };
        if place.replace(value).is_some() {
            return Err(format!("has {name} twice (duplicate)"));
        }
    }
    let class = class_of(class, schema, wanted)?;
    let id = id.and_then(Json::as_string).ok_or_else(expected)?;
    let id = id
        .parse()
        .map_err(|invalid| format!("instance_id: {invalid} (id)"))?;
    let data = values(data.ok_or_else(expected)?)?;
    Ok(Instance { class, id, data })
}

fn expected() -> String {
    "must be an instance as `spice export` writes it: {\"instance_id\": …, \"class_id\": …, \"data\": {…}} (type)".to_owned()
}

fn class_of(
    value: Option<&Json>,
    schema: &Schema,
    wanted: Option<&ClassName>,
) -> Result<ClassName, String> {
    let Some(value) = value else {
        return wanted
            .cloned()
            .ok_or_else(|| "has no class_id; name the class with --class (class)".to_owned());
    };
    let name = value.as_string().ok_or_else(expected)?;
    let found = schema.resolve(&name).map(|class| &class.id);
    let found = found.ok_or_else(|| format!("class_id: there is no class {name} (class)"))?;
    match wanted {
        Some(wanted) if wanted != found => Err(format!(
            "class_id: is {found}, and --class is {wanted}; leave --class out to import every class (class)"
        )),
        _ => Ok(found.clone()),
    }
}

fn values(data: &Json) -> Result<RawData, String> {
    let fields = entries(data).ok_or_else(|| "data: must be an object (type)".to_owned())?;
    let mut values = RawData::with_capacity(fields.len());
    for (name, value) in fields {
        if values.contains_key(&name) {
            return Err(format!("data: has {name:?} twice (duplicate)"));
        }
        values.insert(name, value);
    }
    Ok(values)
}
