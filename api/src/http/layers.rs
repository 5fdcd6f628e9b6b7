//! The layers of every request: an id, a check of its head, metrics, and protection of clients from
//! panics.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use spice_core::error::ErrorCode;
use tokio::time::Instant;
use uuid::Uuid;

use crate::http::{Service, call::RequestUuid, failure::Failure, head};

const REQUEST_ID: &str = "x-request-id";

/// The methods that metrics name.
static METHODS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
];

/// The outermost layer.
pub(crate) async fn observe(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let (id, uuid) = request_id(&request);
    request.extensions_mut().insert(RequestUuid(uuid));
    let answered = async {
        match head::check(&mut request) {
            Ok(()) => next.run(request).await,
            Err(refused) => *refused,
        }
    };
    let answered = AssertUnwindSafe(answered).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(request_id = ?id, "a handler panicked");
        Failure::new(ErrorCode::Internal, "internal error").into_response()
    });
    response.headers_mut().insert(REQUEST_ID, id);
    let path = route.as_ref().map_or("unknown", MatchedPath::as_str);
    service.api.metrics.request(
        service.surface,
        method_label(&method),
        path,
        response.status().as_u16(),
        started.elapsed(),
    );
    response
}

/// The client's id of the request if it is valid, otherwise a generated one.
fn request_id(request: &Request) -> (HeaderValue, Uuid) {
    let given = request.headers().get(REQUEST_ID).filter(|value| {
        (1..=128).contains(&value.len())
            && value
                .as_bytes()
                .iter()
                .all(|byte| (0x21..0x7f).contains(byte))
    });
    if let Some(value) = given {
        let uuid = Uuid::try_parse_ascii(value.as_bytes()).unwrap_or_else(|_| Uuid::now_v7());
        return (value.clone(), uuid);
    }
    let uuid = Uuid::now_v7();
    let mut buffer = Uuid::encode_buffer();
    let text = uuid.hyphenated().encode_lower(&mut buffer);
    let value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unnamed"));
    (value, uuid)
}

/// Unknown methods must not fill the metrics.
fn method_label(method: &Method) -> &'static str {
    let known = METHODS.iter().find(|known| *known == method);
    known.map_or("OTHER", Method::as_str)
}

/// The path is unknown. `OPTIONS *` concerns the whole service.
pub(crate) async fn unknown_path(request: Request) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return StatusCode::NO_CONTENT.into_response();
    }
    Failure::not_found(format!("unknown path {}", request.uri().path())).into_response()
}

/// The path is known, but not with this method. axum adds `Allow`, which also answers `OPTIONS`.
pub(crate) async fn wrong_method(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Failure::new(
        ErrorCode::InvalidRequest,
        format!("the path does not support the method {}", request.method()),
    )
    .into_response_with(StatusCode::METHOD_NOT_ALLOWED)
}
