//! One request, as handlers see it: path, parameters, headers and body, each parsed where it is
//! asked for and refused in the right shape.

mod body;

use std::{
    str::FromStr,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    extract::{FromRequest, Query, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use spice_core::{
    command::{Action, Command, Origin},
    error::{ErrorCode, Violation},
    id::CommandId,
    idempotency::IdempotencyKey,
    json::Json,
    name::{BranchName, DatabaseName, InstanceId, InvalidName},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::http::{
    Api, Service, Surface, bodies,
    failure::Failure,
    head::IDEMPOTENCY_KEY,
    parameters::{Parameters, known},
    push::Ending,
};

/// Who asks, until principals exist.
const PRINCIPAL: &str = "anonymous";

/// The id of the request, put there by the outermost layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestUuid(pub(crate) Uuid);

/// One request.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) surface: Surface,
    uri: Uri,
    headers: HeaderMap,
    parameters: Vec<(String, String)>,
    conversation: Option<Uuid>,
    /// The end of the service, for answers that last.
    pub(crate) ending: CancellationToken,
    /// Behind a lock only to be shared between threads: it is taken through `&mut`.
    body: Mutex<Body>,
}

impl FromRequest<Service> for Call {
    type Rejection = Failure;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let Parts {
            uri,
            headers,
            extensions,
            ..
        } = parts;
        let parameters = match uri.query() {
            None => Vec::new(),
            Some(_) => {
                Query::<Vec<(String, String)>>::try_from_uri(&uri)
                    .map_err(|error| {
                        Failure::new(ErrorCode::InvalidRequest, format!("the query: {error}"))
                    })?
                    .0
            }
        };
        match extensions.get::<Parameters>() {
            Some(known) => known.check(&parameters)?,
            None => Parameters::default().check(&parameters)?,
        }
        Ok(Self {
            api: Arc::clone(&service.api),
            surface: service.surface,
            uri,
            headers,
            parameters,
            conversation: extensions.get::<RequestUuid>().map(|id| id.0),
            ending: extensions
                .get::<Ending>()
                .map_or_else(CancellationToken::new, |ending| ending.0.clone()),
            body: Mutex::new(body),
        })
    }
}

impl Call {
    /// A part of the path, counted from 0, decoded. `/api/v1/databases/{db}` has the name at 3.
    pub(crate) fn segment(&self, index: usize) -> Result<String, Failure> {
        decode(self.raw_segments().nth(index).unwrap_or_default())
    }

    /// The parts of the path from `index` on, not decoded.
    pub(crate) fn raw_rest(&self, index: usize) -> Vec<&str> {
        self.raw_segments().skip(index).collect()
    }

    fn raw_segments(&self) -> impl Iterator<Item = &str> {
        self.uri.path().split('/').skip(1)
    }

    /// A name in the path.
    pub(crate) fn name<T>(&self, index: usize) -> Result<T, Failure>
    where
        T: FromStr,
        Failure: From<T::Err>,
    {
        Ok(self.segment(index)?.parse::<T>()?)
    }

    /// The id of an instance in the path; or `?instance_id=` in its place, with a `-` in the path.
    pub(crate) fn instance_id(&self, index: usize) -> Result<InstanceId, Failure> {
        let mut id = self.segment(index)?;
        if let Some(given) = self.parameter(known::INSTANCE_ID.name) {
            if id != "-" && id != given {
                let message = format!(
                    "instance_id is {given:?}, but the path names {id:?}; put - in the path"
                );
                return Err(Failure::new(ErrorCode::InvalidRequest, message)
                    .with("field", known::INSTANCE_ID.name));
            }
            given.clone_into(&mut id);
        }
        let field = |failure: Failure| failure.with("field", "instance_id");
        id.parse()
            .map_err(|invalid: InvalidName| field(invalid.into()))
    }

    /// The database, which every path but oms' `exists` has at the same place.
    pub(crate) fn database(&self) -> Result<DatabaseName, Failure> {
        self.name(3)
    }

    /// `?branch=`, `main` when absent.
    pub(crate) fn branch(&self) -> Result<BranchName, Failure> {
        match self.parameter("branch") {
            None => Ok(BranchName::main()),
            Some(name) => Ok(name.parse()?),
        }
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header, text or not.
    pub(crate) fn header_value(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Accept-Language`.
    pub(crate) fn language(&self) -> Option<&str> {
        self.header(header::ACCEPT_LANGUAGE.as_str())
    }

    /// A body or a parameter of the wrong shape. A parameter's value is told with it.
    pub(crate) fn shape(&self, field: &str, rule: &str, message: impl Into<String>) -> Failure {
        let value = self.parameter(field).map_or(Value::Null, |text| {
            text.parse::<u64>()
                .map_or_else(|_| text.into(), Value::from)
        });
        self.shape_of(field, rule, value, message)
    }

    /// [`Call::shape`] of a value that is no parameter.
    pub(crate) fn shape_of(
        &self,
        field: &str,
        rule: &str,
        value: Value,
        message: impl Into<String>,
    ) -> Failure {
        let violation = Violation {
            field: field.to_owned(),
            rule: rule.to_owned(),
            value: bodies::cut(value),
            message: message.into(),
        };
        Failure::shape(self.surface, &violation)
    }

    /// A command of this request. When the request has an `Idempotency-Key` ([`Call::key`]), the
    /// writer gives the command the id that the key stands for.
    pub(crate) fn command(
        &self,
        database: DatabaseName,
        action: Action,
        client: Option<Json>,
    ) -> Command {
        let id = CommandId(Uuid::now_v7());
        Command {
            id,
            database,
            action,
            origin: Origin {
                actor: None,
                service: self.surface.as_str().to_owned(),
                correlation_id: self.conversation.unwrap_or(id.0),
                traceparent: self.traceparent(),
                client,
            },
        }
    }

    /// The `Idempotency-Key`, when there is one.
    pub(crate) fn key(&self) -> Result<Option<IdempotencyKey>, Failure> {
        let Some(value) = self.headers.get(IDEMPOTENCY_KEY) else {
            return Ok(None);
        };
        let key = value.to_str().unwrap_or_default();
        if key.is_empty() || key.len() > 255 {
            let value = String::from_utf8_lossy(value.as_bytes());
            let message = "Idempotency-Key is 1 to 255 visible ASCII characters";
            return Err(Failure::token("idempotency-key", "key", &value, message));
        }
        Ok(Some(IdempotencyKey::new(PRINCIPAL, key)))
    }

    /// `traceparent`, when it is one.
    fn traceparent(&self) -> Option<String> {
        let mut values = self.headers.get_all("traceparent").iter();
        let text = values.next()?.to_str().ok()?;
        // Two name no one parent: the W3C lets the trace begin anew.
        let is_only = values.next().is_none();
        (is_only && is_traceparent(text)).then(|| text.to_owned())
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, versions to come included. Anything else is ignored, as the
/// W3C's Trace Context demands.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let part = parts.next().filter(|part| part.len() == length)?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        part.bytes().all(is_hex).then_some(part)
    };
    let is_some = |id: &str| id.bytes().any(|byte| byte != b'0');
    let (version, trace, parent, flags) = (hex(2), hex(32), hex(16), hex(2));
    let is_right = version.is_some_and(|version| version != "ff")
        && trace.is_some_and(is_some)
        && parent.is_some_and(is_some)
        && flags.is_some();
    is_right && text.len() <= 255 && (version != Some("00") || parts.next().is_none())
}

/// Decodes one part of a path.
pub(crate) fn decode(raw: &str) -> Result<String, Failure> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Failure::new(ErrorCode::InvalidName, "the path is not UTF-8"))
}
