//! A replay: the request to rebuild projections of a log, and how far it is. Anyone may record a
//! request or a wish of a person here; the process that works on the log carries it out, step by
//! step, and every step is a state of its own. So another process continues where one has stopped.

mod request;

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::request::{Approval, BranchScope, Part, ReplayRequest, Scope, Strategy};
use crate::{
    error::{ErrorCode, Refusal, StoreError},
    handler::Projection,
    id::{BranchGeneration, LogPosition, Sequence, StreamId},
    time::Timestamp,
};

/// How many differences a replay lists.
pub const FINDINGS: usize = 20;

/// The id of a replay: what the task calls answer as `task_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplayId(pub Uuid);

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ReplayId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// The step that a replay is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ReplayState {
    /// Requested; nothing was done yet.
    Pending,
    /// The workers fill the shadows, or bring the live sinks up to date.
    Filling,
    /// The sinks are compared with the log.
    Comparing,
    /// A person must approve what reads will see.
    AwaitingApproval,
    /// The shadows become live, or the live sinks are rewritten. There is no way back.
    Swapping,
    /// The shadows are dropped; the replay has failed or was cancelled.
    Dropping,
    /// Reads see the rebuilt projections.
    Complete,
    /// Reads see what they saw before.
    Failed,
    /// A person has cancelled it; reads see what they saw before.
    Cancelled,
}

impl ReplayState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Filling,
        Self::Comparing,
        Self::AwaitingApproval,
        Self::Swapping,
        Self::Dropping,
        Self::Complete,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Filling => "filling",
            Self::Comparing => "comparing",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Swapping => "swapping",
            Self::Dropping => "dropping",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it never changes again.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Cancelled)
    }

    /// Whether reads may see something else, or nothing is left to be done but to clean up.
    pub const fn is_decided(self) -> bool {
        self.is_finished() || matches!(self, Self::Swapping | Self::Dropping)
    }
}

impl fmt::Display for ReplayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a replay has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ReplayFault {
    /// The projection differs from the log.
    ProjectionDiffers,
    /// The shadow refuses events that the live sink has.
    EventsRefused,
    /// Somebody has dropped the shadow.
    ShadowDropped,
    /// The log is not the one that the stores have seen, or is damaged.
    LogRefused,
    /// The content of a store is damaged.
    StoreDamaged,
    /// A store refuses a request.
    StoreRefused,
}

impl ReplayFault {
    /// Its stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectionDiffers => "projection_differs",
            Self::EventsRefused => "events_refused",
            Self::ShadowDropped => "shadow_dropped",
            Self::LogRefused => "log_refused",
            Self::StoreDamaged => "store_damaged",
            Self::StoreRefused => "store_refused",
        }
    }

    /// What a failure of a store means; none if the same call may succeed later.
    pub fn of(error: &StoreError) -> Option<Self> {
        match error {
            StoreError::Unavailable { .. } => None,
            StoreError::Fenced { .. } => Some(Self::ShadowDropped),
            StoreError::LogRefused(_) => Some(Self::LogRefused),
            StoreError::Damaged { .. } => Some(Self::StoreDamaged),
            StoreError::Rejected { .. } | StoreError::UnknownCursor { .. } => {
                Some(Self::StoreRefused)
            }
        }
    }
}

/// The failure of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayFailure {
    /// Its code.
    pub code: ReplayFault,
    /// A message for people.
    pub message: String,
}

/// One projection of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The projection.
    pub projection: Projection,
    /// The generation of the sink that is filled or rewritten, once it is known.
    pub sink: Option<String>,
    /// The position that the sink must reach: the end of the log when the replay started.
    pub until: Option<LogPosition>,
    /// How far the sink was when the replay ended.
    pub reached: LogPosition,
    /// How many entities differ from the log, once they are compared.
    pub differences: Option<u64>,
    /// How many entities were rewritten in place.
    pub rewritten: u64,
    /// Whether reads see the rebuilt projection.
    pub is_live: bool,
}

impl Target {
    fn new(projection: Projection) -> Self {
        Self {
            projection,
            sink: None,
            until: None,
            reached: LogPosition::ZERO,
            differences: None,
            rewritten: 0,
            is_live: false,
        }
    }
}

/// How an entity differs from the log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum DifferenceKind {
    /// The log has it, the projection does not.
    Missing,
    /// The projection has it, the log does not.
    Unexpected,
    /// Both have it, but they differ.
    Differs,
}

/// An entity that differs from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The projection.
    pub projection: Projection,
    /// The branch.
    pub branch: BranchGeneration,
    /// The class, or `Class/id`.
    pub entity: String,
    /// How it differs.
    pub kind: DifferenceKind,
    /// The sequence in the log.
    pub expected_sequence: Option<Sequence>,
    /// The sequence in the projection.
    pub found_sequence: Option<Sequence>,
}

/// A replay: the request, the wishes of people, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its id.
    pub id: ReplayId,
    /// The log.
    #[serde(with = "stream_text")]
    pub stream: StreamId,
    /// The request.
    pub request: ReplayRequest,
    /// Who requested it.
    pub requested_by: Option<String>,
    /// When.
    pub requested_at: Timestamp,
    /// Counts the changes of this record.
    pub revision: u64,
    /// The step that it is at.
    pub state: ReplayState,
    /// Whether it waits until somebody resumes it.
    pub is_suspended: bool,
    /// When a person approved it.
    pub approved_at: Option<Timestamp>,
    /// Its projections.
    pub targets: Vec<Target>,
    /// The first differences that were found.
    pub findings: Vec<Finding>,
    /// Whether the projections equal the log, once they were compared the last time.
    pub digests_match: Option<bool>,
    /// When the first step was done.
    pub started_at: Option<Timestamp>,
    /// When the sinks had reached the end of the log.
    pub filled_at: Option<Timestamp>,
    /// When it finished.
    pub ended_at: Option<Timestamp>,
    /// Why it has failed, or is about to.
    pub failure: Option<ReplayFailure>,
}

impl Replay {
    /// A new replay.
    pub fn new(
        id: ReplayId,
        stream: StreamId,
        request: ReplayRequest,
        requested_by: Option<String>,
        requested_at: Timestamp,
    ) -> Self {
        let targets = request.targets.iter().copied().map(Target::new).collect();
        Self {
            id,
            stream,
            request,
            requested_by,
            requested_at,
            revision: 0,
            state: ReplayState::Pending,
            is_suspended: false,
            approved_at: None,
            targets,
            findings: Vec::new(),
            digests_match: None,
            started_at: None,
            filled_at: None,
            ended_at: None,
            failure: None,
        }
    }

    /// Whether an unfinished replay changes a projection that this one changes, too.
    pub fn meets(&self, other: &Self) -> bool {
        let targets = &self.request.targets;
        self.stream == other.stream && other.request.targets.iter().any(|it| targets.contains(it))
    }

    /// Whether the workers must not fill the shadow of a projection.
    pub fn holds_back(&self, projection: Projection) -> bool {
        let is_target = self.request.targets.contains(&projection);
        self.is_suspended && !self.state.is_decided() && is_target
    }

    /// How many entities differ from the log; none before they are compared.
    pub fn count_differences(&self) -> Option<u64> {
        let counts = self.targets.iter().map(|target| target.differences);
        counts.sum()
    }

    /// Lets the swap begin. Returns whether that is new.
    pub fn approve(&mut self, now: Timestamp) -> Result<bool, Refusal> {
        if self.approved_at.is_some() {
            return Ok(false);
        }
        if self.state != ReplayState::AwaitingApproval {
            return Err(self.refuse("does not wait for an approval"));
        }
        self.approved_at = Some(now);
        Ok(true)
    }

    /// Ends it before the swap. Returns whether that is new.
    pub fn cancel(&mut self) -> Result<bool, Refusal> {
        match self.state {
            ReplayState::Cancelled => Ok(false),
            ReplayState::Dropping if self.failure.is_none() => Ok(false),
            state if state.is_decided() => Err(self.refuse("can no longer be cancelled")),
            _ => {
                self.state = ReplayState::Dropping;
                Ok(true)
            }
        }
    }

    /// Pauses it, or lets it go on. Returns whether that is new.
    pub fn suspend(&mut self, is_suspended: bool) -> Result<bool, Refusal> {
        if self.is_suspended == is_suspended {
            return Ok(false);
        }
        if is_suspended && self.state.is_decided() {
            return Err(self.refuse("can no longer be suspended"));
        }
        self.is_suspended = is_suspended;
        Ok(true)
    }

    /// Lets it fail: its shadows are dropped, and reads see what they saw before.
    pub fn fail(&mut self, code: ReplayFault, message: impl Into<String>) {
        let message = message.into();
        self.failure = Some(ReplayFailure { code, message });
        self.state = ReplayState::Dropping;
    }

    fn refuse(&self, what: &str) -> Refusal {
        let message = format!("replay {} is {} and {what}", self.id, self.state);
        Refusal::new(ErrorCode::FailedPrecondition, message)
            .with("task_id", self.id.to_string())
            .with("state", self.state.as_str())
    }
}

/// A log as its name.
mod stream_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::id::StreamId;

    pub(super) fn serialize<S: Serializer>(
        it: &StreamId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(it)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(it: D) -> Result<StreamId, D::Error> {
        String::deserialize(it)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
