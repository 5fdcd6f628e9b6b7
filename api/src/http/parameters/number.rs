//! Parameters that are numbers: sizes, positions, sequences.

use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    id::{LogPosition, Sequence},
};

use super::{
    given::{Given, LARGEST, position, whole},
    parameter::Kind,
};
use crate::{
    http::{
        Surface,
        failure::{self, Failure},
    },
    read::graph,
};

/// A whole number within bounds, with a default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole {
    pub(crate) least: u64,
    pub(crate) most: u64,
    pub(crate) default: u64,
    /// What to do instead of asking for more.
    hint: &'static str,
}

impl Whole {
    /// Bounds and default.
    pub(super) const fn new(least: u64, most: u64, default: u64) -> Self {
        Self {
            least,
            most,
            default,
            hint: "",
        }
    }

    /// A number from 0 up; 0 when absent.
    pub(super) const fn any() -> Self {
        Self::new(0, LARGEST, 0)
    }

    /// Sets the hint.
    pub(super) const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    /// The number, or the default; an error message if it is out of bounds.
    pub(crate) fn bounded(&self, name: &str, number: Option<u64>) -> Result<usize, String> {
        let number = number.unwrap_or(self.default);
        let Self { least, most, .. } = self;
        let size = usize::try_from(number).ok();
        size.filter(|_| (*least..=*most).contains(&number))
            .ok_or_else(|| format!("{name} must be from {least} to {most}, not {number}"))
    }
}

impl Kind for Whole {
    type Value<'a> = usize;

    fn read(&self, name: &str, given: &Given) -> Result<usize, Failure> {
        let number = number(name, given)?;
        self.bounded(name, number)
            .map_err(|message| given.shape(name, "range", message + self.hint))
    }

    fn schema(&self) -> Value {
        let mut schema = bounds(self.least, self.most);
        schema["default"] = self.default.into();
        schema
    }

    fn refusal(&self, surface: Surface) -> Option<ErrorCode> {
        Some(failure::shape_code(surface))
    }
}

/// The maximum number of hops in a path; the query itself checks the bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    pub(super) default: u64,
}

impl Kind for Depth {
    type Value<'a> = u64;

    fn read(&self, name: &str, given: &Given) -> Result<u64, Failure> {
        Ok(number(name, given)?.unwrap_or(self.default))
    }

    fn schema(&self) -> Value {
        Whole::new(1, graph::DEPTH, self.default).schema()
    }

    fn refusal(&self, surface: Surface) -> Option<ErrorCode> {
        Some(failure::shape_code(surface))
    }
}

/// The sequence that the client has read; required.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpectedSequence;

impl Kind for ExpectedSequence {
    const IS_REQUIRED: bool = true;
    type Value<'a> = Sequence;

    fn read(&self, name: &str, given: &Given) -> Result<Sequence, Failure> {
        number(name, given)?.map(Sequence).ok_or_else(|| {
            let message = format!("{name} is missing; give the sequence that you have read");
            given.shape(name, "required", message)
        })
    }

    fn schema(&self) -> Value {
        bounds(0, LARGEST)
    }

    fn refusal(&self, surface: Surface) -> Option<ErrorCode> {
        Some(failure::shape_code(surface))
    }
}

/// A position of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position;

impl Kind for Position {
    type Value<'a> = Option<LogPosition>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<LogPosition>, Failure> {
        let what = "a position of the log (a whole number from 0 up)";
        given.parse(name, ("position", what, ""), position)
    }

    fn schema(&self) -> Value {
        bounds(0, LARGEST)
    }
}

/// The schema of a number within bounds.
pub(super) fn bounds(least: u64, most: u64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

fn number(name: &str, given: &Given) -> Result<Option<u64>, Failure> {
    let Some(text) = given.query(name) else {
        return Ok(None);
    };
    whole(text).map(Some).ok_or_else(|| {
        let message = format!("{name} must be a whole number from 0 up, not {text:?}");
        given.shape(name, "type", message)
    })
}
