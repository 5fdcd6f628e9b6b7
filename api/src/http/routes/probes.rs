//! Health checks and self-description.

use serde_json::{Map, Value};
use spice_core::{access::Role, error::ErrorCode};

use crate::http::{
    answer::ApiResponse,
    gate::Rule,
    openapi,
    operation::{Subject, get},
    probes::{self, Health, Liveness},
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        get(Rule::Open, "getHealth", probes::health)
            .everywhere("/health")
            .also_at("/api/v1/health", "/api/v1/health")
            .does("Checks every store, and lists damaged logs.")
            .answers::<ApiResponse<'static, Health<'_>>>(200, "Every store answers.")
            .fails(&[ErrorCode::Unavailable]),
        get(Rule::Open, "getLiveness", probes::live)
            .everywhere("/livez")
            .does("Answers while the process is running.")
            .answers::<ApiResponse<'static, Liveness>>(200, "The process is running."),
        get(Rule::Open, "getReadiness", probes::ready)
            .everywhere("/readyz")
            .does("Checks every store.")
            .answers::<ApiResponse<'static, Health<'_>>>(200, "Every store answers.")
            .fails(&[ErrorCode::Unavailable]),
        get(Rule::Every(Role::Viewer), "getMetrics", probes::metrics)
            .everywhere("/metrics")
            .does("Metrics for Prometheus.")
            .answers_as::<String>(200, spice_telemetry::CONTENT_TYPE, "The counters."),
        get(Rule::Open, "getOpenApi", openapi::document)
            .everywhere("/openapi.json")
            .does("Returns this document.")
            .answers::<Map<String, Value>>(200, "OpenAPI 3.1."),
        get(Rule::Open, "getDocs", openapi::docs)
            .everywhere("/docs")
            .does("Shows this document as a page.")
            .answers_as::<String>(200, "text/html; charset=utf-8", "A page."),
    ];
    Subject {
        name: "Service",
        description: "The state of the service, and its own description.",
        operations,
    }
}
