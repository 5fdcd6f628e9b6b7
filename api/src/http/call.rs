//! One request, as handlers see it: path, parameters, headers and body, each parsed where it is
//! asked for and refused in the right shape.

use std::{
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Query, Request},
    http::{HeaderMap, Uri, header, request::Parts},
};
use bytes::Bytes;
use futures::StreamExt as _;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
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
    parameters::{Parameters, known},
    push::Ending,
};

/// How long a body that is too large is read on.
const DRAINING: Duration = Duration::from_secs(5);
/// The largest body (contract §4).
pub(crate) const BODY_LIMIT: usize = 16 << 20;

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

    /// The body as a value.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let bytes = self.bytes().await?;
        bodies::parse(self.surface, &bytes)
    }

    /// The body as it was written.
    pub(crate) async fn document(&mut self) -> Result<Json, Failure> {
        let bytes = self.bytes().await?;
        bodies::parse_document(self.surface, &bytes)
    }

    /// The body as a value, or nothing when it is empty.
    pub(crate) async fn optional_json<T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<T>, Failure> {
        if self
            .headers
            .get(header::CONTENT_LENGTH)
            .is_none_or(|length| length == "0")
            && !self.headers.contains_key(header::TRANSFER_ENCODING)
        {
            return Ok(None);
        }
        self.json().await.map(Some)
    }

    async fn bytes(&mut self) -> Result<Bytes, Failure> {
        self.check_content_type()?;
        let too_large = || {
            Failure::new(
                ErrorCode::PayloadTooLarge,
                format!("a body has at most {BODY_LIMIT} bytes"),
            )
            .with("limit", BODY_LIMIT)
        };
        let announced = self
            .header(header::CONTENT_LENGTH.as_str())
            .and_then(|length| length.parse::<usize>().ok());
        let own = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let body = std::mem::replace(own, Body::empty());
        if announced.is_some_and(|length| length > BODY_LIMIT) {
            drain(body).await;
            return Err(too_large());
        }
        to_bytes(body, BODY_LIMIT).await.map_err(|error| {
            if is_over_limit(&error) {
                too_large()
            } else {
                Failure::new(
                    ErrorCode::InvalidRequest,
                    format!("the body broke off: {error}"),
                )
            }
        })
    }

    fn check_content_type(&self) -> Result<(), Failure> {
        let given = self
            .header(header::CONTENT_TYPE.as_str())
            .unwrap_or_default();
        let essence = given.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        if essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
        {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::UnsupportedMediaType,
            format!("a body is application/json, not {given:?}"),
        ))
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
        let Some(value) = self.headers.get("idempotency-key") else {
            return Ok(None);
        };
        let key = value.to_str().unwrap_or_default();
        if key.is_empty() || key.len() > 255 {
            return Err(Failure::new(
                ErrorCode::InvalidRequest,
                "Idempotency-Key is 1 to 255 visible ASCII characters",
            ));
        }
        Ok(Some(IdempotencyKey::new(PRINCIPAL, key)))
    }

    /// `traceparent`, when it is one: `00-<32 hex>-<16 hex>-<2 hex>`, versions to come included.
    fn traceparent(&self) -> Option<String> {
        let text = self.header("traceparent")?;
        let mut parts = text.split('-');
        let lengths = [2, 32, 16, 2];
        let well_formed = lengths.iter().all(|length| {
            parts.next().is_some_and(|part| {
                part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        });
        (well_formed && text.len() <= 255).then(|| text.to_owned())
    }
}

/// Reads on and drops what comes, so that a client that is still sending hears the answer; as far
/// as that is cheap.
async fn drain(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut left = 4 * BODY_LIMIT;
    let reading = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Over time: the client has had its chance.
    drop(tokio::time::timeout(DRAINING, reading).await);
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause.to_string() == "length limit exceeded" {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Decodes one part of a path.
pub(crate) fn decode(raw: &str) -> Result<String, Failure> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Failure::new(ErrorCode::InvalidName, "the path is not UTF-8"))
}
