//! What is parked: listing, looking at, trying again, giving up.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use spice_core::{
    command::Action, id::LogPosition, json::Json, name::DatabaseName, port::registry::DeadLetter,
};

use crate::http::{
    answer::{self, Answer},
    bodies::DiscardBody,
    call::Call,
    failure::Failure,
};

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    letter: Value,
    envelope: Option<Json>,
}

pub(crate) async fn list(call: Call) -> Answer {
    let letters = match call.parameter("database") {
        None => call.api.engine.work.dead_letters(None).await?,
        Some(name) => {
            let database: DatabaseName = name.parse()?;
            let snapshot = call.api.engine.writer.snapshot(&database).await?;
            call.api
                .engine
                .work
                .dead_letters(Some(&snapshot.stream))
                .await?
        }
    };
    let listed: Vec<Value> = letters.iter().map(describe).collect();
    let data = json!({"count": listed.len(), "dead_letters": listed});
    answer::success("the dead letters", data)
}

pub(crate) async fn get(call: Call) -> Answer {
    let letter = find(&call).await?;
    let records = call
        .api
        .engine
        .log
        .read(&letter.stream, letter.position, 1)
        .await?;
    let envelope = records
        .first()
        .filter(|record| record.position == letter.position)
        .map(|record| serde_json::from_slice::<Json>(&record.line))
        .transpose()?;
    answer::success(
        "the dead letter",
        Shown {
            letter: describe(&letter),
            envelope,
        },
    )
}

pub(crate) async fn retry(mut call: Call) -> Answer {
    call.optional_json::<serde::de::IgnoredAny>().await?;
    let letter = find(&call).await?;
    let work = &call.api.engine.work;
    work.request_retry(&letter.handler, &letter.stream, &letter.aggregate_id)
        .await?;
    answer::api(
        StatusCode::ACCEPTED,
        "accepted",
        "the aggregate's parked events are tried again, in order",
        describe(&letter),
    )
}

pub(crate) async fn discard(mut call: Call) -> Answer {
    let body: Option<DiscardBody> = call.optional_json().await?;
    let letter = find(&call).await?;
    let action = Action::DiscardEvent {
        handler: letter.handler,
        event_id: letter.event_id,
        event_position: letter.position,
        aggregate_id: letter.aggregate_id,
        reason: body.map(|body| body.reason).unwrap_or_default(),
    };
    let submitted = call.submit(letter.stream.database, action, None).await?;
    submitted.command_result(StatusCode::OK, "the event is given up for this handler")
}

/// The dead letter that the path names, in the log of the database that lives now.
async fn find(call: &Call) -> Result<DeadLetter, Failure> {
    let database = call.database()?;
    let handler = call.segment(4)?;
    let text = call.segment(5)?;
    let position: u64 = text.parse().map_err(|_| {
        let message = format!("{text:?} is not a position");
        Failure::new(spice_core::error::ErrorCode::InvalidRequest, message)
            .with("field", "position")
    })?;
    let snapshot = call.api.engine.writer.snapshot(&database).await?;
    let letters = call
        .api
        .engine
        .work
        .dead_letters(Some(&snapshot.stream))
        .await?;
    letters
        .into_iter()
        .find(|letter| letter.handler == handler && letter.position == LogPosition(position))
        .ok_or_else(|| {
            Failure::not_found(format!(
                "{handler} has parked nothing at position {position}"
            ))
        })
}

fn describe(letter: &DeadLetter) -> Value {
    json!({
        "handler": letter.handler,
        "database": letter.stream.database,
        "log": letter.stream.to_string(),
        "position": letter.position,
        "event_id": letter.event_id,
        "aggregate_id": letter.aggregate_id,
        "error": letter.error,
        "class": letter.class,
        "attempts": letter.attempts,
        "first_at": letter.first_at,
        "last_at": letter.last_at,
    })
}
