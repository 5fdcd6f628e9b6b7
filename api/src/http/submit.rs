//! Submits commands: answers after the PUT, or after the projections if the client prefers to wait.

use std::time::Duration;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use spice_core::{
    command::{Action, Command},
    decide::{Receipt, Tallies},
    error::ErrorCode,
    idempotency::IdempotencyKey,
    json::Json,
    name::DatabaseName,
};
use tokio::time::Instant;

use crate::{
    http::{
        answer::{self, Answer, CommandResult},
        call::Call,
        failure::Failure,
        parameters::headers::{LONGEST_WAIT, PREFER},
    },
    read::status::State,
};

/// The default wait with `ENABLE_EVENT_SOURCING=false`.
const USUAL_WAIT: u64 = 30;

/// An accepted command, and its status after the wait.
pub(crate) struct Submitted {
    pub(crate) receipt: Receipt,
    /// Whether this is the first answer again.
    pub(crate) is_replay: bool,
    pub(crate) state: State,
    /// When the preferred wait ended, if it was applied.
    pub(crate) deadline: Option<Instant>,
    /// `Preference-Applied`, if the client preferred to wait.
    applied: Option<HeaderValue>,
}

impl Call {
    /// Submits a command, and waits if preferred.
    pub(crate) async fn submit(
        &self,
        database: DatabaseName,
        action: Action,
        client: Option<Json>,
    ) -> Result<Submitted, Failure> {
        let command = self.command(database, action, client);
        self.submit_counted(command, Tallies::default()).await
    }

    /// [`Call::submit`] with the instances that were counted for the decision.
    pub(crate) async fn submit_counted(
        &self,
        command: Command,
        tallies: Tallies,
    ) -> Result<Submitted, Failure> {
        self.send(command, self.key()?, tallies).await
    }

    /// [`Call::submit`] for one of several commands of a request: an `Idempotency-Key` gives each
    /// its own id.
    pub(crate) async fn submit_part(
        &self,
        database: DatabaseName,
        action: Action,
        part: &str,
    ) -> Result<Submitted, Failure> {
        let command = self.command(database, action, None);
        let key = self.key()?.map(|key| key.part(part));
        self.send(command, key, Tallies::default()).await
    }

    /// The first answer of [`Call::submit_part`] to this request; none without an
    /// `Idempotency-Key`.
    pub(crate) async fn receipt_of_part(
        &self,
        database: &DatabaseName,
        part: &str,
    ) -> Result<Option<Receipt>, Failure> {
        let key = self.key()?.map(|key| key.part(part));
        self.receipt_of(database, key).await
    }

    /// The first answer of [`Call::submit`] to this request; none without an `Idempotency-Key`.
    pub(crate) async fn receipt_before(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<Receipt>, Failure> {
        self.receipt_of(database, self.key()?).await
    }

    async fn receipt_of(
        &self,
        database: &DatabaseName,
        key: Option<IdempotencyKey>,
    ) -> Result<Option<Receipt>, Failure> {
        let Some(key) = key else {
            return Ok(None);
        };
        let writer = &self.api.engine.writer;
        Ok(writer.receipt_of_key(database, &key).await?)
    }

    async fn send(
        &self,
        command: Command,
        key: Option<IdempotencyKey>,
        tallies: Tallies,
    ) -> Result<Submitted, Failure> {
        let asked = self.get(&PREFER)?;
        let usual = (!self.api.settings.event_sourcing).then_some(USUAL_WAIT);
        let writer = &self.api.engine.writer;
        let outcome = writer.submit_counted(command, key, tallies).await;
        match &outcome {
            Ok(_) => self.api.metrics.accepted(),
            Err(refusal) => self.api.metrics.refused(refusal.code.as_str()),
        }
        let accepted = outcome.map_err(|refusal| Failure::of_refusal(self.surface, refusal))?;
        let mut submitted = Submitted {
            receipt: accepted.receipt,
            is_replay: accepted.is_replay,
            state: State::Pending,
            deadline: None,
            applied: None,
        };
        let Some(seconds) = asked.or(usual) else {
            return Ok(submitted);
        };
        let limit = Duration::from_secs(seconds.min(LONGEST_WAIT));
        let deadline = Instant::now() + limit;
        match self.api.reads.wait_final(&submitted.receipt, limit).await {
            Ok(state) => {
                submitted.state = state;
                submitted.deadline = Some(deadline);
                submitted.applied = asked.and_then(preference_applied);
            }
            // The command is committed even if projection progress is unknown.
            Err(error) => {
                let command_id = submitted.receipt.command_id;
                tracing::warn!(%command_id, %error, "accepted, but its projection was not awaited");
            }
        }
        Ok(submitted)
    }
}

/// The text of `Preference-Applied`; with the length if the wait was shortened.
fn preference_applied(asked: u64) -> Option<HeaderValue> {
    if asked > LONGEST_WAIT {
        return HeaderValue::from_str(&format!("wait={LONGEST_WAIT}")).ok();
    }
    Some(HeaderValue::from_static("wait"))
}

impl Submitted {
    pub(crate) fn is_completed(&self) -> bool {
        self.state == State::Completed
    }

    /// The status of the answer: 202, or that of the finished command.
    pub(crate) fn code(&self, finished: StatusCode) -> StatusCode {
        if self.is_completed() {
            finished
        } else {
            StatusCode::ACCEPTED
        }
    }

    /// Sets the headers for an applied preference and for a repeated answer.
    pub(crate) fn finish(&self, mut response: Response) -> Response {
        if self.is_replay {
            mark_replay(&mut response);
        }
        if let Some(applied) = &self.applied {
            let name = HeaderName::from_static("preference-applied");
            response.headers_mut().insert(name, applied.clone());
        }
        response
    }

    /// The answer as `CommandResult`, with a message at the start of its `result`.
    pub(crate) fn command_result(&self, finished: StatusCode, message: &str) -> Answer {
        let result = with_message(message, &self.receipt.result)?;
        let shape = CommandResult {
            command_id: self.receipt.command_id,
            status: self.state.as_str(),
            result: Some(&result),
            error: None,
            completed_at: None,
            retry_count: 0,
            parked: None,
            history: None,
        };
        Ok(self.finish(answer::json(self.code(finished), &shape)?))
    }
}

/// Sets the header of a repeated answer.
pub(crate) fn mark_replay(response: &mut Response) {
    response.headers_mut().insert(
        HeaderName::from_static("idempotent-replayed"),
        HeaderValue::from_static("true"),
    );
}

/// `{"message": …, <the fields of result>}`, without an intermediate tree.
fn with_message(message: &str, result: &Json) -> Result<Json, Failure> {
    let fields = result.as_str().strip_prefix('{').unwrap_or("}");
    let message = serde_json::to_string(message)?;
    let comma = if fields.starts_with('}') { "" } else { "," };
    Json::parse(&format!("{{\"message\":{message}{comma}{fields}")).map_err(|error| {
        Failure::new(
            ErrorCode::Internal,
            format!("a receipt is not an object: {error}"),
        )
    })
}
