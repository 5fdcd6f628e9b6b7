//! Schemas that the derive cannot express.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The types of properties, without `xsd:`. A test of the command line compares them with those of
/// the core.
pub const PROPERTY_TYPES: [&str; 28] = [
    "string",
    "text",
    "integer",
    "decimal",
    "number",
    "float",
    "double",
    "boolean",
    "date",
    "dateTime",
    "anyURI",
    "url",
    "email",
    "phone",
    "money",
    "enum",
    "uuid",
    "ip",
    "json",
    "object",
    "array",
    "coordinate",
    "geopoint",
    "address",
    "image",
    "file",
    "link",
    "datetime",
];

/// How many instances a link connects; `n:n` means `n:m`.
const CARDINALITIES: [&str; 5] = ["1:1", "1:n", "n:1", "n:m", "n:n"];
/// Whether a link may refer to a missing instance.
const INTEGRITIES: [&str; 2] = ["strict", "none"];

/// Any value: a string, a map of languages, a number, a list.
pub(crate) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// An object with any keys.
pub(crate) fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Lets the field of this type describe itself: its description has the default.
pub(crate) fn describe_by_field(schema: &mut Schema) {
    schema.remove("description");
}

/// A cardinality of a link.
pub(crate) fn cardinality(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": CARDINALITIES})
}

/// An integrity of a link.
pub(crate) fn integrity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": INTEGRITIES})
}

/// A type of a property, with or without `xsd:`.
pub(crate) fn property_type(_: &mut SchemaGenerator) -> Schema {
    let prefixed = PROPERTY_TYPES.map(|name| format!("xsd:{name}"));
    let plain = PROPERTY_TYPES.map(str::to_owned);
    let names: Vec<String> = plain.into_iter().chain(prefixed).collect();
    json_schema!({"type": "string", "enum": names})
}
