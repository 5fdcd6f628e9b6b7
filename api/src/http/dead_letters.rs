//! Dead letters: list, show, retry, discard.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spice_core::{
    command::Action,
    envelope::EventType,
    id::{EventId, LogPosition},
    json::Json,
    name::DatabaseName,
    port::{hints::Topic, registry::DeadLetter},
    time::Timestamp,
};

use crate::http::{
    answer::{self, Answer},
    bodies::DiscardBody,
    call::Call,
    failure::Failure,
    parameters::{known, path},
};

/// `{count, dead_letters}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeadLetterList<'a> {
    count: usize,
    dead_letters: Vec<ShownLetter<'a>>,
}

/// A parked event.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub(crate) struct ShownLetter<'a> {
    handler: &'a str,
    database: &'a DatabaseName,
    log: String,
    position: LogPosition,
    event_id: EventId,
    aggregate_id: &'a str,
    error: &'a str,
    /// `permanent` for the event itself, `behind` for one that waits behind another.
    class: &'a str,
    attempts: u32,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// A parked event with its envelope from the log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeadLetterDescription<'a> {
    #[serde(flatten)]
    letter: ShownLetter<'a>,
    #[schemars(required)]
    envelope: Option<Json>,
}

impl<'a> From<&'a DeadLetter> for ShownLetter<'a> {
    fn from(letter: &'a DeadLetter) -> Self {
        Self {
            handler: &letter.handler,
            database: &letter.stream.database,
            log: letter.stream.to_string(),
            position: letter.position,
            event_id: letter.event_id,
            aggregate_id: &letter.aggregate_id,
            error: &letter.error,
            class: &letter.class,
            attempts: letter.attempts,
            first_at: letter.first_at,
            last_at: letter.last_at,
        }
    }
}

pub(crate) async fn list(call: Call) -> Answer {
    let database = call.get(&known::DATABASE)?;
    if let Some(database) = &database {
        call.require_sight(database)?;
    }
    let mut letters = call.api.reads.dead_letters(database.as_ref()).await?;
    letters.retain(|letter| call.caller.sees(&letter.stream.database));
    let list = DeadLetterList {
        count: letters.len(),
        dead_letters: letters.iter().map(ShownLetter::from).collect(),
    };
    answer::success("the dead letters", list)
}

pub(crate) async fn get(call: Call) -> Answer {
    let letter = find(&call).await?;
    let envelope = call.api.reads.parked_envelope(&letter).await?;
    let letter = (&letter).into();
    let description = DeadLetterDescription { letter, envelope };
    answer::success("the dead letter", description)
}

pub(crate) async fn retry(mut call: Call) -> Answer {
    call.optional_json::<serde::de::IgnoredAny>().await?;
    let letter = find(&call).await?;
    let work = &call.api.engine.work;
    work.request_retry(&letter.handler, &letter.stream, &letter.aggregate_id)
        .await?;
    let topic = Topic::Request(letter.stream.clone());
    call.api.engine.writer.hints().give(&topic);
    answer::api(
        StatusCode::ACCEPTED,
        "accepted",
        "the aggregate's parked events are applied again, in order",
        ShownLetter::from(&letter),
    )
}

pub(crate) async fn discard(mut call: Call) -> Answer {
    let body: Option<DiscardBody> = call.optional_json().await?;
    let database = call.database()?;
    let reason = body.map(|body| body.reason).unwrap_or_default();
    let discarded = find_discarded(&call, &database).await?;
    let (event_id, aggregate_id) = if let Some(event) = discarded {
        (event.event_id, event.aggregate_id)
    } else {
        let letter = find(&call).await?;
        (letter.event_id, letter.aggregate_id)
    };
    let action = Action::DiscardEvent {
        handler: call.get(&path::HANDLER)?,
        event_id,
        event_position: call.get(&path::POSITION)?,
        aggregate_id,
        reason,
    };
    let submitted = call.submit(database, action, None).await?;
    submitted.command_result(StatusCode::OK, "the event is discarded for this handler")
}

/// The discarded event, as the log keeps it.
#[derive(Deserialize)]
struct Discarded {
    handler: String,
    event_id: EventId,
    event_position: LogPosition,
    aggregate_id: String,
}

/// The event that an earlier copy of this request discarded, whose letter is gone since. None if it
/// was another event than the path's; the writer then refuses the key.
async fn find_discarded(
    call: &Call,
    database: &DatabaseName,
) -> Result<Option<Discarded>, Failure> {
    let Some(receipt) = call.receipt_before(database).await? else {
        return Ok(None);
    };
    if receipt.event_type != EventType::DiscardEventRequested {
        return Ok(None);
    }
    let reads = &call.api.reads;
    let event = reads.event(&receipt.stream, receipt.position).await?;
    let event: Discarded = event.data.read()?;
    let (handler, position) = (call.get(&path::HANDLER)?, call.get(&path::POSITION)?);
    let is_same = event.handler == handler && event.event_position == position;
    Ok(is_same.then_some(event))
}

/// The dead letter in the path, in the log of the live database.
async fn find(call: &Call) -> Result<DeadLetter, Failure> {
    let database = call.database()?;
    let handler = call.get(&path::HANDLER)?;
    let position = call.get(&path::POSITION)?;
    let letters = call.api.reads.dead_letters(Some(&database)).await?;
    let mut letters = letters.into_iter();
    let letter = letters.find(|it| it.handler == handler && it.position == position);
    letter.ok_or_else(|| {
        let message = format!("{handler} has no parked event at position {position}");
        Failure::not_found(message)
    })
}
