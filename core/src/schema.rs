//! JSON schemas of the types of this crate, so that types that use them describe themselves.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    envelope::EventType,
    id::{BranchGeneration, CommandId, EventId, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName, InstanceId, PropertyName},
    replay::ReplayId,
    time::Timestamp,
};

macro_rules! schemas {
    ($($word:ident => $schema:tt,)+) => {
        $(
            impl JsonSchema for $word {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($word).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )+
    };
}

schemas! {
    BranchGeneration => {"type": "integer", "minimum": 0},
    BranchName => {"type": "string"},
    ClassName => {"type": "string"},
    CommandId => {"type": "string", "format": "uuid"},
    DatabaseName => {"type": "string"},
    EventId => {"type": "string", "format": "uuid"},
    EventType => {"type": "string"},
    InstanceId => {"type": "string"},
    Json => true,
    LogPosition => {"type": "integer", "minimum": 0},
    PropertyName => {"type": "string"},
    ReplayId => {"type": "string", "format": "uuid"},
    Sequence => {"type": "integer", "minimum": 0},
    Timestamp => {"type": "string", "format": "date-time"},
}
