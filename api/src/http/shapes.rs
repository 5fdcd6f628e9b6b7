//! What answers look like, for the document. They are written where they are made, mostly from
//! borrowed parts; a test holds the two together. Here too: schemas of the small things that bodies
//! and answers are made of, for `#[schemars(with = "…")]`.
#![allow(dead_code, reason = "these types are described, never made")]

pub(crate) mod graph;
pub(crate) mod instances;
pub(crate) mod traces;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $($schema:tt)+) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }
    };
}

shape! {
    /// A UUID.
    Identifier, {"type": "string", "format": "uuid"}
}

shape! {
    /// A time: RFC 3339, in UTC.
    Moment, {"type": "string", "format": "date-time"}
}

shape! {
    /// Values by key.
    Values, {"type": "object"}
}

shape! {
    /// Numbers by key.
    Counts, {"type": "object", "additionalProperties": {"type": "integer"}}
}

shape! {
    /// Any JSON.
    Anything, true
}
