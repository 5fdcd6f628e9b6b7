//! Parameters that are text: free text, names, conditions.

use serde_json::{Value, json};
use spice_core::{
    error::ErrorCode,
    name::{BranchName, DatabaseName},
    query::Conditions,
};

use super::{given::Given, parameter::Kind};
use crate::http::{Surface, failure::Failure};

/// The pattern of a database's name.
pub(crate) const DATABASE_PATTERN: &str = "^[a-z](?:[_-]?[a-z0-9])*$";

/// The pattern of a branch's name.
pub(crate) const BRANCH_PATTERN: &str = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$";

/// Any text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text;

impl Kind for Text {
    type Value<'a> = Option<&'a str>;

    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<Option<&'a str>, Failure> {
        Ok(given.query(name))
    }
}

/// A required text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequiredText;

impl Kind for RequiredText {
    const IS_REQUIRED: bool = true;
    type Value<'a> = &'a str;

    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<&'a str, Failure> {
        given.query(name).ok_or_else(|| missing(name))
    }
}

/// The name of a branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch;

impl Kind for Branch {
    type Value<'a> = Option<BranchName>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<BranchName>, Failure> {
        Ok(given.query(name).map(str::parse).transpose()?)
    }

    fn schema(&self) -> Value {
        schema(BRANCH_PATTERN, 1, 100)
    }
}

/// The name of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Database;

impl Kind for Database {
    type Value<'a> = Option<DatabaseName>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<DatabaseName>, Failure> {
        Ok(given.query(name).map(str::parse).transpose()?)
    }

    fn schema(&self) -> Value {
        schema(DATABASE_PATTERN, 3, 50)
    }

    fn refusal(&self, _surface: Surface) -> Option<ErrorCode> {
        Some(ErrorCode::InvalidName)
    }
}

/// Conditions on properties, as a JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter;

impl Kind for Filter {
    type Value<'a> = Conditions;

    fn read(&self, name: &str, given: &Given) -> Result<Conditions, Failure> {
        let Some(text) = given.query(name) else {
            return Ok(Conditions::default());
        };
        serde_json::from_str(text).map_err(|error| {
            let message = format!("{name} must be a JSON object: {error}");
            Failure::invalid_query(name, message)
        })
    }

    fn schema(&self) -> Value {
        json!({"type": "object"})
    }
}

/// The schema of a text with a pattern and a length.
pub(super) fn schema(pattern: &str, least: usize, most: usize) -> Value {
    json!({"type": "string", "minLength": least, "maxLength": most, "pattern": pattern})
}

/// The refusal of a missing parameter.
pub(crate) fn missing(name: &str) -> Failure {
    Failure::invalid_query(name, format!("{name} is missing"))
}
