//! One line of NDJSON: its instance, or why it cannot be read.

use std::collections::HashSet;

use spice_core::{
    json::{Json, entries},
    name::{ClassName, InstanceId},
    ontology::Schema,
};

use crate::{
    column::{LINE, REASON},
    instance::Instance,
    reason::Reason,
};

/// Further fields of an exported instance. The imported instance gets its own.
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
/// Parses a line; with `wanted`, the line must be of that class.
pub(crate) fn read(
    bytes: &[u8],
    schema: &Schema,
    wanted: Option<&ClassName>,
) -> Result<Instance, Reason> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Reason::of_row("encoding", "must be UTF-8"))?;
    let parsed = Json::parse(text)
        .map_err(|error| Reason::of_row("json", format!("is not JSON: {error}")))?;
    let fields = entries(&parsed).ok_or_else(expected)?;
    let (mut class, mut id, mut data) = (None, None, None);
    for (name, value) in &fields {
        let place = match name.as_str() {
            "class_id" => &mut class,
            "instance_id" => &mut id,
            "data" => &mut data,
            known if KNOWN.contains(&known) => continue,
            other => {
                let sentence = format!("has {other:?}; {EXPECTED}");
                return Err(Reason::of_row("unknown_key", sentence));
            }
        };
        if place.replace(value).is_some() {
            return Err(Reason::of_row("duplicate", format!("has {name} twice")));
        }
    }
    let class = class_of(class, schema, wanted)?;
    let id = id.and_then(Json::as_string).ok_or_else(expected)?;
    let id: InstanceId = id
        .parse()
        .map_err(|invalid| Reason::of_row("id", format!("instance_id: {invalid}")))?;
    let data = data.ok_or_else(expected)?;
    check_values(data)?;
    Ok(Instance {
        class,
        data: data.as_str().as_bytes().to_vec(),
        key: id.to_string(),
        id: Some(id),
    })
}

const EXPECTED: &str = "must be an instance as `spice export` writes it: {\"instance_id\": …, \"class_id\": …, \"data\": {…}}";

fn expected() -> Reason {
    Reason::of_row("type", EXPECTED)
}

fn class_of(
    value: Option<&Json>,
    schema: &Schema,
    wanted: Option<&ClassName>,
) -> Result<ClassName, Reason> {
    let Some(value) = value else {
        let sentence = "has no class_id; name the class with --class";
        return wanted
            .cloned()
            .ok_or_else(|| Reason::of_row("class", sentence));
    };
    let name = value.as_string().ok_or_else(expected)?;
    let Some(found) = schema.resolve(&name).map(|class| &class.id) else {
        let sentence = format!("class_id: there is no class {name}");
        return Err(Reason::of_row("class", sentence));
    };
    match wanted {
        Some(wanted) if wanted != found => {
            let sentence = format!(
                "class_id: is {found}, and --class is {wanted}; leave --class out to import every class"
            );
            Err(Reason::of_row("class", sentence))
        }
        _ => Ok(found.clone()),
    }
}

/// Refuses values that are not an object with unique names.
fn check_values(data: &Json) -> Result<(), Reason> {
    let fields = entries(data).ok_or_else(|| Reason::of_row("type", "data: must be an object"))?;
    let mut names = HashSet::with_capacity(fields.len());
    match fields.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => {
            let sentence = format!("data: has {name:?} twice");
            Err(Reason::of_row("duplicate", sentence))
        }
        None => Ok(()),
    }
}
