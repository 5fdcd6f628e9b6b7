//! Databases.

use serde_json::json;
use spice_core::{
    access::Role,
    error::ErrorCode::{
        AlreadyExists, Deleted, InvalidName, OptimisticConcurrencyConflict, Unavailable,
    },
};

use crate::http::{
    answer::ApiResponse,
    bodies::{DatabaseBody, DatabaseChangeBody},
    databases::{self, DatabaseDescription, DatabaseList, DatabaseSubject, Existence, Written},
    gate::{ADMIN, Rule, VIEWER},
    operation::{Subject, delete, get, post, put},
    parameters::{
        headers::LAST_EVENT_ID,
        known::{EVENTS_BRANCH, EVENTS_FROM, EXPECTED_SEQ, UNBRANCHED},
    },
    push,
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations =
        vec![
        get(Rule::Anywhere(Role::Viewer), "listDatabases", databases::list)
            .at_gateway("/api/v1/databases")
            .at_oms("/api/v1/databases/list")
            .does("Lists the databases.")
            .answers::<ApiResponse<'static, DatabaseList>>(200, "The databases.")
            .fails(&[Unavailable]),
        post(Rule::Anywhere(Role::Admin), "createDatabase", databases::create)
            .at_gateway("/api/v1/databases")
            .at_oms("/api/v1/databases/create")
            .does("Creates a database.")
            .body::<DatabaseBody>(
                json!({"name": "demo", "description": "Furniture and who bought it"}),
            )
            .commands::<ApiResponse<'static, Written<DatabaseSubject>>>(201)
            .shows(include_str!("examples/database_created.json"))
            .fails(&[InvalidName, AlreadyExists, Deleted]),
        get(VIEWER, "databaseExists", databases::exists)
            .at_oms("/api/v1/databases/exists/{db}")
            .does("Returns whether a database exists.")
            .answers::<Existence>(200, "Whether the database exists."),
        get(VIEWER, "getDatabase", databases::get)
            .at("/api/v1/databases/{db}")
            .does("Describes a database: its content, and the progress of its projections.")
            .takes(UNBRANCHED)
            .answers::<ApiResponse<'static, DatabaseDescription<'_>>>(200, "The database."),
        put(ADMIN, "updateDatabase", databases::update)
            .at_gateway("/api/v1/databases/{db}")
            .does("Changes the description of a database.")
            .takes(&[&EXPECTED_SEQ])
            .body::<DatabaseChangeBody>(json!({"description": "Furniture, and who bought it"}))
            .commands::<ApiResponse<'static, Written<DatabaseSubject>>>(200)
            .fails(&[OptimisticConcurrencyConflict]),
        delete(ADMIN, "deleteDatabase", databases::delete)
            .at("/api/v1/databases/{db}")
            .does("Deletes a database. Its name can be reused; its log stays.")
            .takes(&[&EXPECTED_SEQ])
            .commands::<ApiResponse<'static, Written<DatabaseSubject>>>(200)
            .fails(&[OptimisticConcurrencyConflict]),
        get(VIEWER, "watchDatabase", push::database_events)
            .at("/api/v1/databases/{db}/events")
            .does("Streams the domain events of a database as server-sent events.")
            .notes(
                "Each domain event of the log is one event: its type is `event`, its envelope is \
                 `data`, its position is `id`. A client that reconnects with `Last-Event-ID` \
                 continues after that event, with no event missing or repeated. An unknown id, or \
                 a position after the end of the log, is answered 400. The stream ends with the \
                 database and with the service.",
            )
            .takes(&[&EVENTS_BRANCH, &EVENTS_FROM, &LAST_EVENT_ID])
            .answers_as::<String>(200, "text/event-stream", "The events, as they happen."),
    ];
    Subject {
        name: "Databases",
        description: "A database is a knowledge graph with its own log.",
        operations,
    }
}
