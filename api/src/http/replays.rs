//! Replays of a database: request, list, show, approve, cancel, suspend, resume. The processes that
//! work on the log carry them out.

pub(crate) mod shown;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Serialize, de::IgnoredAny};
use spice_core::{
    error::{ErrorCode, Refusal},
    name::DatabaseName,
    port::{
        hints::Topic,
        replays::{Start, change},
    },
    replay::{BranchScope, Replay, ReplayId, ReplayRequest},
};
use uuid::Uuid;

use self::shown::ShownReplay;
use crate::{
    http::{
        answer::{self, Answer},
        bodies::replay::ReplayBody,
        call::Call,
        failure::Failure,
        parameters::path,
        submit::mark_replay,
    },
    writer::Snapshot,
};

/// The part of an `Idempotency-Key` that is the id of a replay, so that it is no command's.
const KEY_PART: &str = "replay";

/// `{count, replays}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReplayList {
    count: usize,
    replays: Vec<ShownReplay>,
}

/// A recorded request for a replay.
pub(crate) struct Requested {
    pub(crate) replay: Replay,
    /// Whether an earlier copy of the request has recorded it.
    pub(crate) is_repeated: bool,
}

pub(crate) async fn start(mut call: Call) -> Answer {
    let database = call.database()?;
    let body: ReplayBody = call.json().await?;
    let is_suspended = body.suspend;
    let (request, branch) = body.into_request();
    let requested = request_replay(&call, &database, is_suspended, |snapshot, earlier| {
        let mut request = request.clone();
        request.scope.branch = match &branch {
            Some(name) => Some(match earlier.and_then(|it| it.scope.branch.as_ref()) {
                Some(earlier) if earlier.name == *name => earlier.clone(),
                _ => BranchScope {
                    generation: snapshot.branch(name)?.generation,
                    name: name.clone(),
                },
            }),
            None => None,
        };
        Ok(request)
    })
    .await?;
    let shown = ShownReplay::of(&call, &requested.replay).await?;
    let message = "the replay is requested";
    let mut response = answer::api(StatusCode::ACCEPTED, "accepted", message, shown)?;
    if requested.is_repeated {
        mark_replay(&mut response);
    }
    Ok(response)
}

/// Records a request, unless the `Idempotency-Key` has recorded it before. `make` makes the request
/// for the database as it is; it also gets the request that the key has recorded.
pub(crate) async fn request_replay(
    call: &Call,
    database: &DatabaseName,
    is_suspended: bool,
    make: impl Fn(&Snapshot, Option<&ReplayRequest>) -> Result<ReplayRequest, Refusal>,
) -> Result<Requested, Failure> {
    let engine = &call.api.engine;
    let key = call.key()?.map(|key| key.part(KEY_PART));
    let snapshot = engine.writer.snapshot(database).await?;
    let id = key
        .as_ref()
        .map(|key| ReplayId(key.command_in(&snapshot.stream).0));
    let earlier = match id {
        Some(id) => call.api.reads.replay(id).await?,
        None => None,
    };
    let request = make(&snapshot, earlier.as_ref().map(|earlier| &earlier.request))?;
    if let Some(violation) = request.check().first() {
        return Err(Failure::shape(call.surface, violation));
    }
    let stream = snapshot.stream.clone();
    let by = call.caller.actor().map(str::to_owned);
    let id = id.unwrap_or_else(|| ReplayId(Uuid::now_v7()));
    let mut replay = Replay::new(id, stream.clone(), request, by, engine.clock.now());
    replay.is_suspended = is_suspended;
    match engine.work.start_replay(&replay).await? {
        Start::Started => {
            engine.writer.hints().give(&Topic::Request(stream));
            Ok(Requested {
                replay,
                is_repeated: false,
            })
        }
        Start::Exists(earlier) if earlier.request == replay.request => Ok(Requested {
            replay: *earlier,
            is_repeated: true,
        }),
        Start::Exists(earlier) => {
            let message = "the Idempotency-Key was used before for another replay";
            let failure = Failure::new(ErrorCode::EventIdReused, message);
            Err(failure.with("task_id", earlier.id.to_string()))
        }
        Start::Running(other) => {
            let message = format!(
                "replay {} of {database} is {} and changes the same projection; wait for it or \
                 cancel it",
                other.id, other.state
            );
            let failure = Failure::new(ErrorCode::AlreadyExists, message);
            let failure = failure.with("task_id", other.id.to_string());
            Err(failure.with("state", other.state.as_str()))
        }
    }
}

pub(crate) async fn list(call: Call) -> Answer {
    let database = call.database()?;
    let stream = call.api.reads.stream(&database).await?;
    let replays = call.api.reads.replays(Some(&stream)).await?;
    let mut list = ReplayList {
        count: replays.len(),
        replays: Vec::with_capacity(replays.len()),
    };
    for replay in &replays {
        list.replays.push(ShownReplay::of(&call, replay).await?);
    }
    answer::success("the replays", list)
}

pub(crate) async fn get(call: Call) -> Answer {
    let replay = find(&call).await?;
    let shown = ShownReplay::of(&call, &replay).await?;
    answer::success("the replay", shown)
}

pub(crate) async fn result(call: Call) -> Answer {
    let replay = find(&call).await?;
    require_finished(&replay)?;
    let shown = ShownReplay::of(&call, &replay).await?;
    answer::success("the result of the replay", shown)
}

pub(crate) async fn approve(call: Call) -> Answer {
    let now = call.api.engine.clock.now();
    wish(call, "the replay is approved", move |it| it.approve(now)).await
}

pub(crate) async fn cancel(call: Call) -> Answer {
    wish(call, "the replay is cancelled", Replay::cancel).await
}

pub(crate) async fn suspend(call: Call) -> Answer {
    wish(call, "the replay is suspended", |it| it.suspend(true)).await
}

pub(crate) async fn resume(call: Call) -> Answer {
    wish(call, "the replay goes on", |it| it.suspend(false)).await
}

/// Applies what a person wishes, whatever the replay does meanwhile.
async fn wish(
    mut call: Call,
    message: &'static str,
    wish: impl Fn(&mut Replay) -> Result<bool, Refusal>,
) -> Answer {
    call.optional_json::<IgnoredAny>().await?;
    let found = find(&call).await?;
    let changed = change(&*call.api.engine.work, found.id, wish).await?;
    let replay = changed.ok_or_else(|| no_replay(found.id))?;
    let topic = Topic::Request(replay.stream.clone());
    call.api.engine.writer.hints().give(&topic);
    let shown = ShownReplay::of(&call, &replay).await?;
    answer::api(StatusCode::ACCEPTED, "accepted", message, shown)
}

/// The replay in the path, of the log of the live database.
async fn find(call: &Call) -> Result<Replay, Failure> {
    let database = call.database()?;
    let id = call.get(&path::TASK)?;
    let stream = call.api.reads.stream(&database).await?;
    let found = call.api.reads.replay(id).await?;
    let found = found.filter(|replay| replay.stream == stream);
    found.ok_or_else(|| no_replay(id))
}

pub(crate) fn no_replay(id: ReplayId) -> Failure {
    Failure::not_found(format!("there is no replay {id}")).with("task_id", id.to_string())
}

/// Refuses to show a result before the end.
pub(crate) fn require_finished(replay: &Replay) -> Result<(), Failure> {
    if replay.state.is_finished() {
        return Ok(());
    }
    let message = format!(
        "replay {} has no result yet; it is {}",
        replay.id, replay.state
    );
    let failure = Failure::new(ErrorCode::FailedPrecondition, message);
    let failure = failure.with("task_id", replay.id.to_string());
    Err(failure.with("state", replay.state.as_str()))
}
