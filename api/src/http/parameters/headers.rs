//! The headers that calls read.

use axum::http::HeaderValue;
use serde_json::{Value, json};

use super::{
    given::Given,
    parameter::{Kind, Parameter, Place, parameters},
};
use crate::http::{failure::Failure, prefer};

/// The longest wait in `Prefer`, in seconds.
pub(crate) const LONGEST_WAIT: u64 = 60;

parameters! {
    PREFER: Wait, "Prefer",
        "`wait=N` waits up to N seconds (at most 60) for the projections. Unknown preferences \
         are ignored; `Preference-Applied` shows what was applied.", "wait=10";
    IDEMPOTENCY_KEY: Key = Key { least: 1, most: 255 }, "Idempotency-Key",
        "The same key with the same request returns the first answer; with another request, 409.";
    ACCEPT_LANGUAGE: Text, "Accept-Language",
        "The languages of labels, in order of preference.", "ko, en;q=0.5";
    LAST_EVENT_ID: EventId, "Last-Event-ID",
        "The `id` of the last received event; the stream continues after it.";
}

/// The seconds of `wait`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait;

impl Kind for Wait {
    const PLACE: Place = Place::Header;
    type Value<'a> = Option<u64>;

    fn read(&self, name: &str, given: &Given) -> Result<Option<u64>, Failure> {
        Ok(given.header(name).and_then(prefer::wait))
    }
}

/// Visible ASCII characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    least: usize,
    most: usize,
}

impl Kind for Key {
    const PLACE: Place = Place::Header;
    type Value<'a> = Option<&'a str>;

    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<Option<&'a str>, Failure> {
        let Some(value) = given.header_value(name) else {
            return Ok(None);
        };
        let key = value.to_str().unwrap_or_default();
        let Self { least, most } = *self;
        if (least..=most).contains(&key.len()) {
            return Ok(Some(key));
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        let message = format!("{name} must have {least} to {most} visible ASCII characters");
        Err(Failure::token(
            &name.to_ascii_lowercase(),
            "key",
            &value,
            message,
        ))
    }

    fn schema(&self) -> Value {
        let Self { least, most } = self;
        json!({"type": "string", "pattern": "^[!-~]+$", "minLength": least, "maxLength": most})
    }
}

/// Any text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text;

impl Kind for Text {
    const PLACE: Place = Place::Header;
    type Value<'a> = Option<&'a str>;

    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<Option<&'a str>, Failure> {
        Ok(given.header(name))
    }
}

/// The id of an event; the stream parses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventId;

impl Kind for EventId {
    const PLACE: Place = Place::Header;
    type Value<'a> = Option<&'a HeaderValue>;

    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<Option<&'a HeaderValue>, Failure> {
        Ok(given.header_value(name))
    }
}
