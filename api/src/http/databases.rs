//! Databases: list, create, describe, delete.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    command::Action,
    error::ErrorCode,
    id::{CommandId, LogPosition, Sequence},
    json::Json,
    model::DatabaseState,
    name::{BranchName, ClassName, DatabaseName},
    owner::{OwnerView, Thing},
    time::Timestamp,
};

use crate::{
    http::{
        answer::{self, Answer},
        bodies::{DatabaseBody, DatabaseChangeBody},
        call::Call,
        failure::Failure,
        parameters::known,
        submit::Submitted,
    },
    read::{reading::Reading, wait::Needs},
    writer::Snapshot,
};

/// `{count, databases}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct DatabaseList {
    count: usize,
    databases: Vec<ListedDatabase>,
}

/// A database in a list.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum ListedDatabase {
    Whole(DatabaseSummary),
    /// Its log is damaged.
    Damaged {
        name: DatabaseName,
        #[schemars(extend("enum" = ["damaged"]))]
        status: &'static str,
        error: String,
    },
}

/// A database in brief.
#[derive(Serialize, JsonSchema)]
struct DatabaseSummary {
    name: DatabaseName,
    label: DatabaseName,
    comment: String,
    created: Timestamp,
    path: String,
    sequence: Sequence,
    /// The time of the last envelope of its log.
    position: LogPosition,
}

/// A database: its summary and its details.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DatabaseDescription<'a> {
    #[serde(flatten)]
    summary: &'a DatabaseSummary,
    #[serde(flatten)]
    contents: &'a DatabaseContents<'a>,
    #[serde(flatten)]
    state: &'a DatabaseProgress,
    /// The details again, in the earlier system's place.
    data: DatabaseDetails<'a>,
}

/// The content of a database, and the progress of its projections.
#[derive(Serialize, JsonSchema)]
struct DatabaseDetails<'a> {
    #[serde(flatten)]
    contents: &'a DatabaseContents<'a>,
    sequence: Sequence,
    position: LogPosition,
    #[serde(flatten)]
    state: &'a DatabaseProgress,
}

/// The kind of a database.
#[derive(Serialize, JsonSchema)]
struct DatabaseContents<'a> {
    exists: bool,
    description: &'a str,
    #[schemars(required)]
    options: Option<&'a Json>,
    /// Who declared the database.
    owner: Option<OwnerView>,
    branches: Vec<&'a BranchName>,
}

/// The counts of a database, and the progress of its projections.
#[derive(Serialize, JsonSchema)]
struct DatabaseProgress {
    generation: u32,
    created_at: Timestamp,
    counts: DatabaseCounts,
    lag: DatabaseLag,
}

/// The counts on `main`.
#[derive(Serialize, JsonSchema)]
struct DatabaseCounts {
    classes: usize,
    instances: u64,
    #[schemars(with = "BTreeMap<String, u64>")]
    by_class: IndexMap<ClassName, u64>,
}

/// The number of envelopes that a projection has not applied yet.
#[derive(Serialize, JsonSchema)]
struct DatabaseLag {
    graph: u64,
    documents: u64,
}

/// A command on a database or a class that is in the log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Written")]
pub(crate) struct Written<T> {
    command_id: CommandId,
    #[serde(flatten)]
    subject: T,
    /// `completed` if the projections have it: the client waited for that.
    #[schemars(extend("enum" = ["processing", "completed"]))]
    status: &'static str,
    #[schemars(extend("enum" = ["event_sourcing"]))]
    mode: &'static str,
    /// Missing for a command on many aggregates.
    sequence: Option<Sequence>,
    position: LogPosition,
}

/// The subject of a command on a database.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Database")]
pub(crate) struct DatabaseSubject {
    database_name: DatabaseName,
}

/// `{exists}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct Existence {
    exists: bool,
}

pub(crate) async fn list(call: Call) -> Answer {
    let engine = &call.api.engine;
    let (databases, damaged) = engine.writer.databases().await?;
    let live = databases.into_iter().map(|it| {
        let summary = summarise(&it.stream.database, it.end, &it.database);
        (it.stream.database, ListedDatabase::Whole(summary))
    });
    let damaged = damaged.into_iter().map(|(name, refusal)| {
        let damaged = ListedDatabase::Damaged {
            name: name.clone(),
            status: "damaged",
            error: refusal.message,
        };
        (name, damaged)
    });
    let seen = live
        .chain(damaged)
        .filter(|(name, _)| call.caller.sees(name));
    let listed: BTreeMap<_, _> = seen.collect();
    let list = DatabaseList {
        count: listed.len(),
        databases: listed.into_values().collect(),
    };
    answer::success("the databases", list)
}

pub(crate) async fn create(mut call: Call) -> Answer {
    let body: DatabaseBody = call.json().await?;
    let database: DatabaseName = body.name.parse()?;
    call.require_sight(&database)?;
    let action = Action::CreateDatabase {
        description: body.description.unwrap_or_default(),
        options: body.options,
    };
    let submitted = call.submit(database, action, None).await?;
    let message = "database creation accepted";
    answer_database(&submitted, message, StatusCode::CREATED)
}

pub(crate) async fn update(mut call: Call) -> Answer {
    let database = call.database()?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let body: DatabaseChangeBody = call.json().await?;
    let action = Action::UpdateDatabase {
        description: body.description,
        expected_seq,
    };
    let submitted = call.submit(database, action, None).await?;
    answer_database(&submitted, "database update accepted", StatusCode::OK)
}

pub(crate) async fn delete(call: Call) -> Answer {
    let database = call.database()?;
    let expected_seq = call.get(&known::EXPECTED_SEQ)?;
    let action = Action::DeleteDatabase { expected_seq };
    let submitted = call.submit(database, action, None).await?;
    answer_database(&submitted, "database deletion accepted", StatusCode::OK)
}

fn answer_database(submitted: &Submitted, message: &str, finished: StatusCode) -> Answer {
    let database_name = submitted.receipt.stream.database.clone();
    let subject = DatabaseSubject { database_name };
    answer_write(submitted, message, subject, finished)
}

/// Answers a command on a database or a class.
pub(crate) fn answer_write<T: Serialize>(
    submitted: &Submitted,
    message: &str,
    subject: T,
    finished: StatusCode,
) -> Answer {
    let receipt = &submitted.receipt;
    let (progress, status) = match (submitted.is_completed(), finished) {
        (false, _) => ("processing", "accepted"),
        (true, StatusCode::CREATED) => ("completed", "created"),
        (true, _) => ("completed", "success"),
    };
    let data = Written {
        command_id: receipt.command_id,
        subject,
        status: progress,
        mode: "event_sourcing",
        sequence: receipt.sequence,
        position: receipt.last,
    };
    let answer = answer::api(submitted.code(finished), status, message, data)?;
    Ok(submitted.finish(answer))
}

pub(crate) async fn exists(call: Call) -> Answer {
    let database = call.database()?;
    let exists = match call.api.engine.writer.snapshot(&database).await {
        Ok(_) => true,
        Err(refusal) if refusal.code == ErrorCode::NotFound => false,
        Err(refusal) => return Err(refusal.into()),
    };
    answer::ok(&Existence { exists })
}

pub(crate) async fn get(call: Call) -> Answer {
    let reading = call.reading_main(Needs::BOTH).await?;
    let snapshot = reading.database().await?;
    let name = &snapshot.stream.database;
    let summary = summarise(name, snapshot.end, &snapshot.database);
    let contents = DatabaseContents {
        exists: true,
        description: &snapshot.database.description,
        options: snapshot.database.options.as_ref(),
        owner: find_owner(&snapshot),
        branches: snapshot.branches.keys().collect(),
    };
    let state = measure(&reading, &snapshot).await?;
    let data = DatabaseDescription {
        summary: &summary,
        contents: &contents,
        state: &state,
        data: DatabaseDetails {
            contents: &contents,
            sequence: summary.sequence,
            position: summary.position,
            state: &state,
        },
    };
    answer::success("the database", data)
}

fn find_owner(snapshot: &Snapshot) -> Option<OwnerView> {
    let created_at = snapshot.database.created_at;
    let claims = &snapshot.claims;
    claims.find_holder(&Thing::Database, created_at, None)
}

async fn measure(reading: &Reading, snapshot: &Snapshot) -> Result<DatabaseProgress, Failure> {
    let sinks = reading.sinks().await?;
    let schema = reading.schema().await?;
    let counts = reading.counts(&schema).await?;
    let lag = |position: LogPosition| snapshot.end.0.saturating_sub(position.0);
    Ok(DatabaseProgress {
        generation: snapshot.stream.generation,
        created_at: snapshot.database.created_at,
        counts: DatabaseCounts {
            classes: schema.iter().count(),
            instances: counts.iter().map(|(_, count)| count).sum(),
            by_class: counts.into_iter().collect(),
        },
        lag: DatabaseLag {
            graph: lag(sinks.graph),
            documents: lag(sinks.documents),
        },
    })
}

fn summarise(name: &DatabaseName, end: LogPosition, database: &DatabaseState) -> DatabaseSummary {
    DatabaseSummary {
        name: name.clone(),
        label: name.clone(),
        comment: database.description.clone(),
        created: database.created_at,
        path: format!("admin/{name}"),
        sequence: database.sequence,
        position: LogPosition(end.0.saturating_sub(1)),
    }
}
