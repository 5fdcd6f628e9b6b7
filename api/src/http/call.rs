//! A request as handlers see it: path, parameters, headers and body, each parsed on demand, and
//! refused in the right shape.

mod body;

use std::sync::{Arc, Mutex};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::request::Parts,
};
use serde_json::Value;
use spice_core::{
    access::Caller,
    command::{Action, Command, Origin},
    error::ErrorCode,
    id::CommandId,
    idempotency::IdempotencyKey,
    json::Json,
    name::{BranchName, DatabaseName},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    access::Admission,
    http::{
        Api, Service, Surface,
        failure::Failure,
        parameters::{Accepted, Given, Kind, Parameter, headers, known, path},
        serve::Ending,
    },
};

/// The id of the request, set by the outermost layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestUuid(pub(crate) Uuid);

/// What ends a streaming answer before its own end.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    /// The shutdown of the service.
    pub(crate) shutdown: CancellationToken,
    /// The withdrawal of the caller's token.
    pub(crate) withdrawal: CancellationToken,
}

impl Cut {
    /// Waits for it.
    pub(crate) async fn wait(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.withdrawal.cancelled() => {}
        }
    }
}

/// One request.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) surface: Surface,
    pub(crate) given: Given,
    /// Who calls; the rule of the call has let them through.
    pub(crate) caller: Caller,
    conversation: Option<Uuid>,
    /// What ends a streaming answer early.
    pub(crate) cut: Cut,
    /// Locked only so that it can be shared between threads; it is taken through `&mut`.
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
        let passed = extensions
            .get::<Accepted>()
            .zip(extensions.get::<Admission>());
        let (accepted, admission) = passed.ok_or_else(|| {
            let message = "the request did not come through the gate of its call";
            Failure::new(ErrorCode::Internal, message)
        })?;
        let given = accepted.read(service.surface, uri, headers)?;
        Ok(Self {
            api: Arc::clone(&service.api),
            surface: service.surface,
            given,
            caller: admission.caller.clone(),
            conversation: extensions.get::<RequestUuid>().map(|id| id.0),
            cut: Cut {
                shutdown: extensions
                    .get::<Ending>()
                    .map_or_else(CancellationToken::new, |ending| ending.0.clone()),
                withdrawal: admission.withdrawn.clone(),
            },
            body: Mutex::new(body),
        })
    }
}

impl Call {
    /// Refuses a field of the body, or a parameter, with its value.
    pub(crate) fn refuse(
        &self,
        field: &str,
        rule: &str,
        value: impl Into<Value>,
        message: impl Into<String>,
    ) -> Failure {
        self.given.shape_of(field, rule, value.into(), message)
    }

    /// A parameter, by its typed constant.
    pub(crate) fn get<K: Kind>(&self, parameter: &Parameter<K>) -> Result<K::Value<'_>, Failure> {
        parameter.read(&self.given)
    }

    /// A parameter of the query, unchanged.
    pub(crate) fn written<K: Kind>(&self, parameter: &Parameter<K>) -> Option<&str> {
        self.given.query(parameter.name)
    }

    /// A parameter with two names, of which one may be given.
    pub(crate) fn either<'a, K: Kind<Value<'a> = Option<T>>, T>(
        &'a self,
        parameter: &Parameter<K>,
        other: &Parameter<K>,
    ) -> Result<Option<T>, Failure> {
        let Some(_) = self.written(other) else {
            return self.get(parameter);
        };
        if self.written(parameter).is_some() {
            let (name, other) = (parameter.name, other.name);
            let message = format!("{other} is another name of {name}; give only one of them");
            return Err(Failure::invalid_query(other, message));
        }
        self.get(other)
    }

    /// The database in the path.
    pub(crate) fn database(&self) -> Result<DatabaseName, Failure> {
        self.get(&path::DATABASE)
    }

    /// `?branch=`, by default `main`.
    pub(crate) fn branch(&self) -> Result<BranchName, Failure> {
        let branch = self.get(&known::BRANCH)?;
        Ok(branch.unwrap_or_else(BranchName::main))
    }

    /// `Accept-Language`.
    pub(crate) fn language(&self) -> Option<&str> {
        self.given.header(headers::ACCEPT_LANGUAGE.name)
    }

    /// A command of this request. If the request has an `Idempotency-Key` ([`Call::key`]), the
    /// writer gives the command the id of that key.
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
                actor: self.caller.actor().map(str::to_owned),
                service: self.surface.as_str().to_owned(),
                correlation_id: self.conversation.unwrap_or(id.0),
                traceparent: self.traceparent(),
                client,
            },
        }
    }

    /// The `Idempotency-Key`, if there is one.
    pub(crate) fn key(&self) -> Result<Option<IdempotencyKey>, Failure> {
        let key = self.get(&headers::IDEMPOTENCY_KEY)?;
        Ok(key.map(|key| IdempotencyKey::new(self.caller.key_scope(), key)))
    }

    /// `traceparent`, if it is valid.
    fn traceparent(&self) -> Option<String> {
        let mut values = self.given.headers.get_all("traceparent").iter();
        let text = values.next()?.to_str().ok()?;
        // Two values name no single parent: the W3C lets the trace start anew.
        let is_only = values.next().is_none();
        (is_only && is_traceparent(text)).then(|| text.to_owned())
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, including later versions. Anything else is ignored, as the W3C's
/// Trace Context requires.
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
