//! Parameters with a choice of words.

use serde_json::{Value, json};
use spice_core::error::ErrorCode;

use super::{given::Given, parameter::Kind};
use crate::http::{
    Surface,
    failure::{self, Failure},
};

/// True or false; false if absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag;

impl Kind for Flag {
    type Value<'a> = bool;

    fn read(&self, name: &str, given: &Given) -> Result<bool, Failure> {
        match given.query(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => {
                let message = format!("{name} must be true or false, not {other:?}");
                Err(given.shape(name, "type", message))
            }
        }
    }

    fn schema(&self) -> Value {
        json!({"type": "boolean", "default": false})
    }

    fn refusal(&self, surface: Surface) -> Option<ErrorCode> {
        Some(failure::shape_code(surface))
    }
}

/// One of several words, each with its value; the first if absent. The code refuses another word; by
/// default it is the code of a wrong shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<T: 'static>(
    pub(super) &'static [(&'static str, T)],
    pub(super) Option<ErrorCode>,
);

impl<T: Copy + Default + Sync> Kind for Choice<T> {
    type Value<'a> = T;

    fn read(&self, name: &str, given: &Given) -> Result<T, Failure> {
        let Some(text) = given.query(name) else {
            return Ok(self.0.first().map_or_else(T::default, |first| first.1));
        };
        if let Some((_, value)) = self.0.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let words = failure::alternatives(&self.listed());
        let message = format!("{name} must be {words}, not {text:?}");
        Err(match self.1 {
            Some(code) => Failure::new(code, message).with("field", name),
            None => given.shape(name, "enum", message),
        })
    }

    fn schema(&self) -> Value {
        let words = self.listed();
        json!({"type": "string", "enum": words, "default": words.first()})
    }

    fn refusal(&self, surface: Surface) -> Option<ErrorCode> {
        Some(self.1.unwrap_or_else(|| failure::shape_code(surface)))
    }
}

impl<T> Choice<T> {
    fn listed(&self) -> Vec<&'static str> {
        self.0.iter().map(|(word, _)| *word).collect()
    }
}
