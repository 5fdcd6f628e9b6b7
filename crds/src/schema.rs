//! Schemas that the derive cannot express: values whose shape only the api knows.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Any value: a string, a map of languages, a number, a list.
pub(crate) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// An object with any keys.
pub(crate) fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
