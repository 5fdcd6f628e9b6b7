//! The text of a request from which parameters are parsed, without the body.

use axum::{
    extract::Query,
    http::{HeaderMap, HeaderValue, Uri},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use spice_core::{
    error::{ErrorCode, Violation},
    id::LogPosition,
};

use crate::http::{
    Surface,
    failure::{self, Failure},
};

/// The largest number that clients in every language can read.
pub(super) const LARGEST: u64 = i64::MAX as u64;

/// Path, query and headers of a request.
pub(crate) struct Given {
    pub(crate) surface: Surface,
    pub(crate) headers: HeaderMap,
    uri: Uri,
    query: Vec<(String, String)>,
    template: &'static str,
}

impl Given {
    /// Splits a request. `template` is its path with the placeholders.
    pub(super) fn new(
        surface: Surface,
        uri: Uri,
        headers: HeaderMap,
        template: &'static str,
    ) -> Result<Self, Failure> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let Query(query) = query.map_err(|error| {
            Failure::new(ErrorCode::InvalidRequest, format!("invalid query: {error}"))
        })?;
        Ok(Self {
            surface,
            headers,
            uri,
            query,
            template,
        })
    }

    /// All parameters of the query.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// A parameter of the query, unchanged.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(value)
    }

    /// A parameter of the query, parsed; `what` and `rule` name the right form in the refusal.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        (rule, what, hint): (&str, &str, &str),
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.query(name) else {
            return Ok(None);
        };
        parse(text).map(Some).ok_or_else(|| {
            let message = format!("{name} must be {what}, not {text:?}{hint}");
            Failure::token(name, rule, text, message)
        })
    }

    /// A header, text or not.
    pub(crate) fn header_value(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The part of the path for the placeholder `{name}`, decoded.
    pub(crate) fn segment(&self, name: &str) -> Result<String, Failure> {
        let place = self.place(&format!("{{{name}}}"))?;
        decode(self.segments().nth(place).unwrap_or_default())
    }

    /// The parts of the path for the placeholder `{*name}`, not decoded.
    pub(crate) fn rest(&self, name: &str) -> Result<Vec<&str>, Failure> {
        let place = self.place(&format!("{{*{name}}}"))?;
        let fixed: Vec<&str> = parts(self.template).skip(place + 1).collect();
        let mut rest: Vec<&str> = self.segments().skip(place).collect();
        let end = rest.len().saturating_sub(fixed.len());
        if rest.split_off(end) != fixed {
            return Err(no_such_path());
        }
        Ok(rest)
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        parts(self.uri.path())
    }

    fn place(&self, placeholder: &str) -> Result<usize, Failure> {
        let place = parts(self.template).position(|part| part == placeholder);
        place.ok_or_else(|| {
            let message = format!("the path {} has no {placeholder}", self.template);
            Failure::new(ErrorCode::Internal, message)
        })
    }

    /// Refuses a body or a parameter of the wrong shape, with the parameter's value.
    pub(crate) fn shape(&self, field: &str, rule: &str, message: impl Into<String>) -> Failure {
        let value = self.query(field).map_or(Value::Null, |text| {
            text.parse::<u64>()
                .map_or_else(|_| text.into(), Value::from)
        });
        self.shape_of(field, rule, value, message)
    }

    /// [`Given::shape`] with a value that is not from a parameter.
    pub(crate) fn shape_of(
        &self,
        field: &str,
        rule: &str,
        value: Value,
        message: impl Into<String>,
    ) -> Failure {
        let violation = Violation::new(field, rule, failure::cut(value), message);
        Failure::shape(self.surface, &violation)
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

/// Decodes a part of a path.
pub(super) fn decode(raw: &str) -> Result<String, Failure> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Failure::new(ErrorCode::InvalidName, "the path is not UTF-8"))
}

pub(super) fn no_such_path() -> Failure {
    Failure::not_found("unknown path")
}

/// Parses a whole number: digits only.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|_| is_number)?;
    (number <= LARGEST).then_some(number)
}

/// Parses a position.
pub(crate) fn position(text: &str) -> Option<LogPosition> {
    whole(text).map(LogPosition)
}
