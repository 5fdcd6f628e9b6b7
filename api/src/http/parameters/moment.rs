//! Parameters for a state of the database: at a time, or at least as new.

use serde_json::{Value, json};
use spice_core::{error::ErrorCode, id::CommandId};

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
        let what = "a position (a whole number from 0 up) or an RFC 3339 time";
        let blank = given.query(name).filter(|text| text.contains(' '));
        let hint = blank.map_or(
            "",
            |_| "; in a query + means a space, so write the + of an offset as %2B",
        );
        given.parse(name, ("moment", what, hint), |text| {
            let time = || text.parse().ok().map(AsOf::Time);
            position(text).map(AsOf::Position).or_else(time)
        })
    }

    fn schema(&self) -> Value {
        position_or("date-time")
    }

    fn refusal(&self, _surface: Surface) -> Option<ErrorCode> {
        Some(ErrorCode::Timeout)
    }
}

/// A position or a command id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark;

impl Kind for Mark {
    type Value<'a> = Option<AtLeast>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<AtLeast>, Failure> {
        let what = "a position (a whole number from 0 up) or a command id";
        given.parse(name, ("mark", what, ""), |text| {
            let command = || text.parse().ok().map(|id| AtLeast::Command(CommandId(id)));
            position(text).map(AtLeast::Position).or_else(command)
        })
    }

    fn schema(&self) -> Value {
        position_or("uuid")
    }

    fn refusal(&self, _surface: Surface) -> Option<ErrorCode> {
        Some(ErrorCode::Timeout)
    }
}

fn position_or(format: &str) -> Value {
    json!({"anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "format": format},
    ]})
}
