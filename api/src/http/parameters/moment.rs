//! Parameters for a state of the database: at a time, or at least as new.

use serde_json::{Value, json};
use spice_core::{error::ErrorCode, id::CommandId, time::Timestamp};
use uuid::Uuid;

use super::{
    given::{Given, position},
    parameter::Kind,
};
use crate::{
    http::{Surface, failure::Failure},
    read::reading::{AsOf, AtLeast},
};

/// A position or a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment;

impl Kind for Moment {
    type Value<'a> = Option<AsOf>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<AsOf>, Failure> {
        let Some(text) = given.query(name) else {
            return Ok(None);
        };
        if let Some(position) = position(text) {
            return Ok(Some(AsOf::Position(position)));
        }
        text.parse::<Timestamp>()
            .map(|time| Some(AsOf::Time(time)))
            .map_err(|_| {
                let hint = if text.contains(' ') {
                    "; in a query + means a space, so write the + of an offset as %2B"
                } else {
                    ""
                };
                let message = format!(
                    "{name} must be a position (a whole number from 0 up) or an RFC 3339 time, \
                     not {text:?}{hint}"
                );
                Failure::token(name, "moment", text, message)
            })
    }

    fn schema(&self) -> Value {
        position_or("date-time")
    }

    fn refusals(&self, _surface: Surface) -> Vec<ErrorCode> {
        vec![ErrorCode::Timeout, ErrorCode::Unavailable]
    }
}

/// A position or a command id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark;

impl Kind for Mark {
    type Value<'a> = Option<AtLeast>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<AtLeast>, Failure> {
        let Some(text) = given.query(name) else {
            return Ok(None);
        };
        if let Some(position) = position(text) {
            return Ok(Some(AtLeast::Position(position)));
        }
        text.parse::<Uuid>()
            .map(|id| Some(AtLeast::Command(CommandId(id))))
            .map_err(|_| {
                let message = format!(
                    "{name} must be a position (a whole number from 0 up) or a command id, not \
                     {text:?}"
                );
                Failure::token(name, "mark", text, message)
            })
    }

    fn schema(&self) -> Value {
        position_or("uuid")
    }

    fn refusals(&self, _surface: Surface) -> Vec<ErrorCode> {
        vec![ErrorCode::Timeout, ErrorCode::Unavailable]
    }
}

fn position_or(format: &str) -> Value {
    json!({"anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": format},
    ]})
}
