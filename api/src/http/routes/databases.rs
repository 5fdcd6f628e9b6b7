//! Databases.

use axum::http::Method;
use serde_json::json;
use spice_core::error::ErrorCode;

use super::examples;
use crate::http::{
    answer::ApiResponse,
    bodies::DatabaseBody,
    databases::{self, DatabaseDescription, DatabaseList, DatabaseSubject, Existence, Written},
    operation::{Operation, Subject, reads, writes},
    parameters::{headers, known},
    push,
};

/// At the gateway.
pub(super) fn gateway() -> Subject {
    subject(vec![
        list("/api/v1/databases"),
        create("/api/v1/databases"),
        get(),
        delete(),
        events(),
    ])
}

/// At oms. A database may be called `create` or `list`.
pub(super) fn oms() -> Subject {
    let create_and_list = ["/api/v1/databases/create", "/api/v1/databases/list"];
    subject(vec![
        list("/api/v1/databases/list"),
        create("/api/v1/databases/create"),
        reads(
            Method::GET,
            "/api/v1/databases/exists/{db}",
            "databaseExists",
            "Returns whether a database exists.",
            databases::exists,
        )
        .answers::<Existence>(200, "Whether the database exists."),
        get().also_at(&create_and_list[..1]),
        delete().also_at(&create_and_list),
        events(),
    ])
}

fn subject(operations: Vec<Operation>) -> Subject {
    Subject {
        name: "Databases",
        description: "A database is a knowledge graph with its own log.",
        operations,
    }
}

fn list(path: &'static str) -> Operation {
    reads(
        Method::GET,
        path,
        "listDatabases",
        "Lists the databases.",
        databases::list,
    )
    .answers::<ApiResponse<'static, DatabaseList>>(200, "The databases.")
    .fails(&[ErrorCode::Unavailable])
}

fn create(path: &'static str) -> Operation {
    writes(
        Method::POST,
        path,
        "createDatabase",
        "Creates a database.",
        databases::create,
    )
    .body::<DatabaseBody>()
    .example(json!({"name": "demo", "description": "Furniture and who bought it"}))
    .commands::<ApiResponse<'static, Written<DatabaseSubject>>>(201)
    .shows(examples::database_created())
    .fails(&[
        ErrorCode::InvalidName,
        ErrorCode::AlreadyExists,
        ErrorCode::Deleted,
    ])
}

fn get() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}",
        "getDatabase",
        "Describes a database: its content, and the progress of its projections.",
        databases::get,
    )
    .takes(known::UNBRANCHED)
    .answers::<ApiResponse<'static, DatabaseDescription<'_>>>(200, "The database.")
}

fn delete() -> Operation {
    writes(
        Method::DELETE,
        "/api/v1/databases/{db}",
        "deleteDatabase",
        "Deletes a database. Its name can be reused; its log stays.",
        databases::delete,
    )
    .takes(&[&known::EXPECTED_SEQ])
    .commands::<ApiResponse<'static, Written<DatabaseSubject>>>(200)
    .fails(&[ErrorCode::OptimisticConcurrencyConflict])
}

fn events() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/events",
        "watchDatabase",
        "Streams the domain events of a database as server-sent events.",
        push::database_events,
    )
    .takes(&[
        &known::EVENTS_BRANCH,
        &known::EVENTS_FROM,
        &headers::LAST_EVENT_ID,
    ])
    .notes(
        "Each domain event of the log is one event: its type is `event`, its envelope is `data`, \
         its position is `id`. A client that reconnects with `Last-Event-ID` continues after \
         that event, with no event missing or repeated. An unknown id, or a position after the \
         end of the log, is answered 400. The stream ends with the database and with the service.",
    )
    .answers_as::<String>(200, "text/event-stream", "The events, as they happen.")
    .fails(&[ErrorCode::NotFound])
}
