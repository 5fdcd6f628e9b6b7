//! How a service is.

use axum::http::Method;
use spice_core::error::ErrorCode;

use crate::http::{
    answer::ApiResponse,
    openapi,
    operation::{Subject, reads},
    probes,
    shapes::{
        Values,
        service::{Health, Liveness},
    },
};

/// At every service.
pub(super) fn subject() -> Subject {
    Subject {
        name: "Service",
        description: "How the service is, and what it offers.",
        operations: vec![
            reads(
                Method::GET,
                "/health",
                "getHealth",
                "Asks every store; tells what is damaged.",
                probes::health,
            )
            .also_at(&["/api/v1/health"])
            .answers::<ApiResponse<'static, Health>>(200, "Every store answers.")
            .fails(&[ErrorCode::Unavailable]),
            reads(
                Method::GET,
                "/livez",
                "getLiveness",
                "Answers as long as the process does.",
                probes::live,
            )
            .answers::<ApiResponse<'static, Liveness>>(200, "It is alive."),
            reads(
                Method::GET,
                "/readyz",
                "getReadiness",
                "Asks every store.",
                probes::ready,
            )
            .answers::<ApiResponse<'static, Health>>(200, "Every store answers.")
            .fails(&[ErrorCode::Unavailable]),
            reads(
                Method::GET,
                "/metrics",
                "getMetrics",
                "Counters, for Prometheus.",
                probes::metrics,
            )
            .answers_as::<String>(
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                "The counters.",
            ),
            reads(
                Method::GET,
                "/openapi.json",
                "getOpenApi",
                "Gives this document.",
                openapi::document,
            )
            .answers::<Values>(200, "OpenAPI 3.1."),
            reads(
                Method::GET,
                "/docs",
                "getDocs",
                "Shows this document to people.",
                openapi::docs,
            )
            .answers_as::<String>(200, "text/html; charset=utf-8", "A page."),
        ],
    }
}
