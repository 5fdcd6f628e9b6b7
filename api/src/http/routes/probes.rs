//! Health checks and self-description.

use axum::http::Method;
use serde_json::{Map, Value};
use spice_core::error::ErrorCode;

use crate::http::{
    answer::ApiResponse,
    openapi,
    operation::{Operation, Subject, reads},
    probes::{self, Health, Liveness},
};

/// At every service.
pub(super) fn subject() -> Subject {
    Subject {
        name: "Service",
        description: "The state of the service, and its own description.",
        operations: vec![
            health(),
            liveness(),
            readiness(),
            metrics(),
            document(),
            page(),
        ],
    }
}

fn health() -> Operation {
    reads(
        Method::GET,
        "/health",
        "getHealth",
        "Checks every store, and lists damaged logs.",
        probes::health,
    )
    .also_at(&["/api/v1/health"])
    .answers::<ApiResponse<'static, Health<'_>>>(200, "Every store answers.")
    .fails(&[ErrorCode::Unavailable])
}

fn liveness() -> Operation {
    reads(
        Method::GET,
        "/livez",
        "getLiveness",
        "Answers while the process is running.",
        probes::live,
    )
    .answers::<ApiResponse<'static, Liveness>>(200, "The process is running.")
}

fn readiness() -> Operation {
    reads(
        Method::GET,
        "/readyz",
        "getReadiness",
        "Checks every store.",
        probes::ready,
    )
    .answers::<ApiResponse<'static, Health<'_>>>(200, "Every store answers.")
    .fails(&[ErrorCode::Unavailable])
}

fn metrics() -> Operation {
    reads(
        Method::GET,
        "/metrics",
        "getMetrics",
        "Metrics for Prometheus.",
        probes::metrics,
    )
    .answers_as::<String>(
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        "The counters.",
    )
}

fn document() -> Operation {
    reads(
        Method::GET,
        "/openapi.json",
        "getOpenApi",
        "Returns this document.",
        openapi::document,
    )
    .answers::<Map<String, Value>>(200, "OpenAPI 3.1.")
}

fn page() -> Operation {
    reads(
        Method::GET,
        "/docs",
        "getDocs",
        "Shows this document as a page.",
        openapi::docs,
    )
    .answers_as::<String>(200, "text/html; charset=utf-8", "A page.")
}
