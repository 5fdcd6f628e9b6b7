//! Databases, their branches, and control events in their logs.

use super::{
    branches::rewind,
    draft::{Draft, Fact},
    stop::Stop,
};
use crate::{
    command::Action,
    envelope::{EventType, Kind},
    error::{ErrorCode, Refusal},
    event::{
        BranchAt, BranchCreated, BranchDeleted, DatabaseCreated, DatabaseMark, DatabaseUpdated,
        EventDiscarded,
    },
    id::{AggregateId, LogPosition, Sequence},
    json::Json,
    model::BranchState,
    name::BranchName,
};

pub(super) fn create(
    draft: &mut Draft,
    description: &str,
    options: Option<&Json>,
) -> Result<(), Stop> {
    let name = draft.command.database.clone();
    let aggregate = AggregateId::Database(name.clone());
    if let Some(database) = draft.state.database() {
        let refusal = if database.live {
            Refusal::new(
                ErrorCode::AlreadyExists,
                format!("database {name} already exists"),
            )
        } else {
            Refusal::new(
                ErrorCode::Unavailable,
                format!("the log of {name} has just been sealed"),
            )
        };
        return Err(refusal
            .with("aggregate_id", aggregate.to_string())
            .with("actual_seq", database.sequence.0)
            .into());
    }
    let sequence = Sequence(1);
    mark(draft, EventType::DatabaseOpened, Kind::Control, None)?;
    draft.command(aggregate.clone(), Some(sequence), None)?;
    let event = DatabaseCreated {
        db_name: name,
        description: description.to_owned(),
        options: options.cloned(),
    };
    let fact = Fact::domain(EventType::DatabaseCreated, aggregate, sequence);
    draft.push(fact, &event, None)
}

pub(super) fn update(draft: &mut Draft, description: &str, expected: Sequence) -> Result<(), Stop> {
    let known = draft.live_database()?;
    let aggregate = AggregateId::Database(draft.command.database.clone());
    if known.sequence != expected {
        return Err(Refusal::conflict(&aggregate, expected, known.sequence).into());
    }
    let sequence = known.sequence.next();
    draft.command(aggregate.clone(), Some(sequence), None)?;
    let event = DatabaseUpdated {
        db_name: draft.command.database.clone(),
        description: description.to_owned(),
        options: known.options.clone(),
        created_at: known.created_at,
    };
    let fact = Fact::domain(EventType::DatabaseUpdated, aggregate, sequence);
    draft.push(fact, &event, None)
}

pub(super) fn delete(draft: &mut Draft, expected: Sequence) -> Result<(), Stop> {
    let actual = draft.live_database()?.sequence;
    let aggregate = AggregateId::Database(draft.command.database.clone());
    if actual != expected {
        return Err(Refusal::conflict(&aggregate, expected, actual).into());
    }
    let sequence = Some(actual.next());
    draft.command(aggregate, sequence, None)?;
    mark(draft, EventType::DatabaseDeleted, Kind::Domain, sequence)?;
    mark(draft, EventType::DatabaseSealed, Kind::Control, None)
}

pub(super) fn create_branch(
    draft: &mut Draft,
    name: &BranchName,
    from: &BranchName,
    from_position: Option<LogPosition>,
) -> Result<(), Stop> {
    let parent = draft.branch(from)?;
    let before = draft.state.branch(name);
    let aggregate = AggregateId::Branch(draft.command.database.clone(), name.clone());
    if let Some(branch) = before
        && branch.live
    {
        let refusal = Refusal::new(
            ErrorCode::AlreadyExists,
            format!("branch {name} already exists"),
        );
        return Err(refusal
            .with("aggregate_id", aggregate.to_string())
            .with("actual_seq", branch.sequence.0)
            .into());
    }
    let last = draft.last_position();
    let position = from_position.unwrap_or(last);
    if position > last {
        let message = format!("from_position {position} is after the log's last position {last}");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message)
            .with("field", "from_position")
            .with("value", position.0)
            .with("rule", format!("at most {last}"))
            .into());
    }
    let parent = rewind(draft, parent, position)?;
    let sequence = before.map_or(Sequence(1), |branch| branch.sequence.next());
    draft.command(aggregate.clone(), Some(sequence), None)?;
    let event = BranchCreated {
        db_name: draft.command.database.clone(),
        branch: name.clone(),
        from: BranchAt {
            name: parent.name,
            generation: parent.generation,
        },
        from_position: position,
        base: parent.lineage.at(position),
        contains: parent.contains,
    };
    let fact = Fact::domain(EventType::BranchCreated, aggregate, sequence);
    draft.push(fact, &event, None)
}

pub(super) fn delete_branch(draft: &mut Draft, name: &BranchName, force: bool) -> Result<(), Stop> {
    let branch = draft.branch(name)?;
    if name.is_main() || (name.is_protected() && !force) {
        let message = if name.is_main() {
            "branch main cannot be deleted".to_owned()
        } else {
            format!("branch {name} is protected; pass force=true to delete it")
        };
        return Err(Refusal::new(ErrorCode::Forbidden, message)
            .with("branch", name.as_str())
            .into());
    }
    let aggregate = AggregateId::Branch(draft.command.database.clone(), name.clone());
    draft.command(aggregate, Some(branch.sequence.next()), Some(branch))?;
    push_branch_deleted(draft, branch)
}

/// Adds the event of a deleted branch.
pub(super) fn push_branch_deleted(draft: &mut Draft, branch: &BranchState) -> Result<(), Stop> {
    let database = draft.command.database.clone();
    let aggregate = AggregateId::Branch(database.clone(), branch.name.clone());
    let event = BranchDeleted {
        db_name: database,
        branch: branch.name.clone(),
        branch_generation: branch.generation,
    };
    let fact = Fact::domain(EventType::BranchDeleted, aggregate, branch.sequence.next());
    draft.push(fact, &event, Some(branch))
}

pub(super) fn discard(draft: &mut Draft) -> Result<(), Stop> {
    draft.live_database()?;
    let Action::DiscardEvent {
        handler,
        event_id,
        event_position,
        aggregate_id,
        reason,
    } = &draft.command.action
    else {
        return Ok(());
    };
    let event = EventDiscarded {
        db_name: draft.command.database.clone(),
        handler: handler.clone(),
        event_id: *event_id,
        event_position: *event_position,
        aggregate_id: aggregate_id.clone(),
        reason: reason.clone(),
    };
    let aggregate = AggregateId::Database(draft.command.database.clone());
    draft.command(aggregate.clone(), None, None)?;
    let fact = Fact {
        event_type: EventType::EventDiscarded,
        kind: Kind::Control,
        aggregate,
        sequence: None,
    };
    draft.push(fact, &event, None)
}

/// Adds an event without data about the database.
fn mark(
    draft: &mut Draft,
    event_type: EventType,
    kind: Kind,
    sequence: Option<Sequence>,
) -> Result<(), Stop> {
    let database = draft.command.database.clone();
    let event = DatabaseMark {
        db_name: database.clone(),
    };
    let fact = Fact {
        event_type,
        kind,
        aggregate: AggregateId::Database(database),
        sequence,
    };
    draft.push(fact, &event, None)
}
