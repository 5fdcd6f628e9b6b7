//! What the operator expects of the api's replays. The model of the tests and the real api both pass
//! it.

use std::time::Duration;

use spice_client::{NewReplay, Replay, ReplayState};

use super::api::{Instruction, ReplayApi, Started};
use crate::{client::ApiError, conformance::Difference};

/// How often a replay is read until it is where it must be.
const LOOKS: usize = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// A database in an api.
struct Place<'a, A> {
    api: &'a A,
    database: &'a str,
}

/// The outcome of a request in a few words.
type Found = Result<String, ApiError>;

fn expect(step: &'static str, found: &Found, expected: &str) -> Result<(), Difference> {
    let found = match found {
        Ok(found) => found.clone(),
        Err(ApiError::Missing { what }) => format!("missing {what}"),
        Err(ApiError::Rejected { reason, .. }) => reason.clone(),
        Err(other) => format!("{other:?}"),
    };
    if found == expected {
        return Ok(());
    }
    let found = format!("{found:?} instead of {expected:?}");
    Err(Difference { step, found })
}

fn manual() -> NewReplay {
    NewReplay {
        approval: Some("Manual".to_owned()),
        ..NewReplay::default()
    }
}

impl<A: ReplayApi> Place<'_, A> {
    /// `replay ID`, or `busy with ID`.
    async fn start(&self, request: &NewReplay, key: &str) -> Found {
        let started = self.api.start(self.database, request, key).await?;
        Ok(match started {
            Started::Replay(replay) => format!("replay {}", replay.task_id),
            Started::Busy(other) => format!("busy with {other}"),
        })
    }

    /// The id of a new replay.
    async fn begin(
        &self,
        step: &'static str,
        request: &NewReplay,
        key: &str,
    ) -> Result<String, Difference> {
        match self.api.start(self.database, request, key).await {
            Ok(Started::Replay(replay)) => Ok(replay.task_id),
            other => {
                let found = format!("{other:?}");
                Err(Difference { step, found })
            }
        }
    }

    async fn instruct(&self, id: &str, instruction: Instruction) -> Found {
        let replay = self.api.instruct(self.database, id, instruction).await?;
        let pause = if replay.suspended {
            "suspended"
        } else {
            "goes on"
        };
        let approved = if replay.approved_at.is_some() {
            ", approved"
        } else {
            ""
        };
        Ok(format!("{pause}{approved}"))
    }

    /// The replay, once it has this state.
    async fn follow(
        &self,
        step: &'static str,
        id: &str,
        state: ReplayState,
    ) -> Result<Replay, Difference> {
        let mut last = None;
        for _ in 0..LOOKS {
            let found = self.api.find(self.database, id).await;
            match found {
                Ok(Some(replay)) if replay.state == state => return Ok(replay),
                other => last = Some(other),
            }
            tokio::time::sleep(PAUSE).await;
        }
        let found = format!("{last:?} instead of {state:?}");
        Err(Difference { step, found })
    }
}

/// Checks an api with this database, which must exist and have no replays.
pub async fn check<A: ReplayApi>(api: &A, database: &str) -> Result<(), Difference> {
    let place = Place { api, database };
    check_absences(&place).await?;
    check_one(&place).await?;
    check_approval(&place).await?;
    check_cancellation(&place).await
}

async fn check_absences<A: ReplayApi>(place: &Place<'_, A>) -> Result<(), Difference> {
    let id = "00000000-0000-4000-8000-000000000000";
    let found = place.api.find(place.database, id).await;
    if !matches!(found, Ok(None)) {
        let found = format!("{found:?}");
        let step = "an unknown replay";
        return Err(Difference { step, found });
    }
    let elsewhere = Place {
        api: place.api,
        database: "nowhere",
    };
    let absent = "missing database nowhere";
    let found = elsewhere.start(&NewReplay::default(), "k0").await;
    expect("a replay of a missing database", &found, absent)?;
    let found = place
        .api
        .find("nowhere", id)
        .await
        .map(|it| format!("{it:?}"));
    expect("a replay in a missing database", &found, absent)?;
    let on_branch = NewReplay {
        strategy: Some("InPlace".to_owned()),
        branch: Some("b".to_owned()),
        ..NewReplay::default()
    };
    let found = place.start(&on_branch, "k0").await;
    expect("a replay of a missing branch", &found, "missing branch b")
}

/// A key is one replay, from the request to long after its end.
async fn check_one<A: ReplayApi>(place: &Place<'_, A>) -> Result<(), Difference> {
    let request = NewReplay::default();
    let paused = NewReplay {
        suspend: Some(true),
        ..NewReplay::default()
    };
    let id = place.begin("a replay", &paused, "k1").await?;
    let same = format!("replay {id}");
    expect("the same key", &place.start(&paused, "k1").await, &same)?;
    expect("not suspended", &place.start(&request, "k1").await, &same)?;
    let found = place.start(&manual(), "k1").await;
    expect("the key of another replay", &found, "event_id_reused")?;
    let found = place.start(&request, "k2").await;
    expect("another replay", &found, &format!("busy with {id}"))?;
    let late = "failed_precondition";
    let found = place.instruct(&id, Instruction::Approve).await;
    expect("an early approval", &found, late)?;
    for step in ["suspended", "suspended again"] {
        let found = place.instruct(&id, Instruction::Suspend).await;
        expect(step, &found, "suspended")?;
    }
    for step in ["resumed", "resumed again"] {
        let found = place.instruct(&id, Instruction::Resume).await;
        expect(step, &found, "goes on")?;
    }
    let replay = place.follow("the end", &id, ReplayState::Complete).await?;
    let is_whole = replay.events_replayed == replay.events_total;
    let is_timed = replay.started_at.is_some() && replay.ended_at.is_some();
    if replay.digests_match != Some(true) || !is_whole || !is_timed {
        let found = format!("{replay:?}");
        let step = "a complete replay";
        return Err(Difference { step, found });
    }
    let found = place.start(&request, "k1").await;
    expect("the same key after the end", &found, &same)?;
    for instruction in [Instruction::Cancel, Instruction::Suspend] {
        let found = place.instruct(&id, instruction).await;
        expect("an instruction after the end", &found, late)?;
    }
    Ok(())
}

async fn check_approval<A: ReplayApi>(place: &Place<'_, A>) -> Result<(), Difference> {
    let id = place.begin("a manual replay", &manual(), "k3").await?;
    let waits = ReplayState::AwaitingApproval;
    let replay = place.follow("the comparison", &id, waits).await?;
    if replay.approved_at.is_some() || replay.digests_match != Some(true) {
        let found = format!("{replay:?}");
        let step = "a compared replay";
        return Err(Difference { step, found });
    }
    let found = place.instruct(&id, Instruction::Approve).await;
    expect("the approval", &found, "goes on, approved")?;
    let found = place.instruct(&id, Instruction::Approve).await;
    expect("the approval again", &found, "goes on, approved")?;
    let step = "the end after the approval";
    place.follow(step, &id, ReplayState::Complete).await?;
    Ok(())
}

async fn check_cancellation<A: ReplayApi>(place: &Place<'_, A>) -> Result<(), Difference> {
    let id = place.begin("a doomed replay", &manual(), "k4").await?;
    let waits = ReplayState::AwaitingApproval;
    place.follow("the second comparison", &id, waits).await?;
    for step in ["the cancellation", "the cancellation again"] {
        let found = place.instruct(&id, Instruction::Cancel).await;
        expect(step, &found, "goes on")?;
    }
    let step = "the cancelled end";
    place.follow(step, &id, ReplayState::Cancelled).await?;
    let found = place.instruct(&id, Instruction::Approve).await;
    expect("an approval too late", &found, "failed_precondition")
}
