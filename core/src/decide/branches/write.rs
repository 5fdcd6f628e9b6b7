//! The envelopes of a merge, a rebase or a rollback.

use serde::Serialize;

use super::{
    base::find_contained,
    case::{Case, Outcome},
    work::{Kind, Work},
};
use crate::{
    command::Action,
    decide::{
        draft::{Draft, Fact},
        stop::Stop,
    },
    envelope::EventType,
    event::{
        BranchAt, BranchMerged, BranchRebased, ClassEvent, InstanceEvent, MergedBranch, Superseded,
        UniqueChange,
    },
    id::{AggregateId, BranchGeneration, Sequence},
    lineage::Lineage,
    model::BranchState,
    time::Timestamp,
};

/// The command as the log keeps it: what the client sent, plus the results that no event contains.
#[derive(Serialize)]
struct LoggedCommand<'a> {
    #[serde(flatten)]
    action: &'a Action,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stay_deleted: Vec<String>,
}

/// Writes the command, the event of the branch, and the changes on it, classes first.
pub(super) fn write(draft: &mut Draft, mut work: Work) -> Result<(), Stop> {
    let database = draft.command.database.clone();
    let aggregate = AggregateId::Branch(database, work.branch.name.clone());
    let data = LoggedCommand {
        action: &draft.command.action,
        stay_deleted: work.stay_deleted.iter().map(ToString::to_string).collect(),
    };
    draft.command_with(aggregate.clone(), None, Some(work.branch), &data)?;
    let branch = match work.kind {
        Kind::Merge { source } => write_merged(draft, &work, source, aggregate)?,
        Kind::Rebase => write_rebased(draft, &work, aggregate)?,
        Kind::Rollback => work.branch.clone(),
    };
    for (place, case) in work.cases.iter().enumerate() {
        if !is_written(&work, case) {
            continue;
        }
        let change = Change {
            case,
            sequence: sequence(&work, case),
            created_at: created_at(draft, case),
            unique: work.unique.remove(&place).unwrap_or_default(),
            superseded: find_superseded(draft, &work, case),
        };
        push(draft, &branch, change)?;
    }
    Ok(())
}

/// Whether a case gets an event. After a rebase the branch must not show an older sequence than
/// before, or the same sequence with another state; such cases are written again.
fn is_written(work: &Work, case: &Case) -> bool {
    let (before, after) = (case.source.sequence(), case.target.sequence());
    let would_be_taken_for_another =
        || before > after || (before == after && !case.source.is_same(&case.target));
    case.outcome != Outcome::Keep
        || (matches!(work.kind, Kind::Rebase) && would_be_taken_for_another())
}

fn sequence(work: &Work, case: &Case) -> Sequence {
    match work.kind {
        Kind::Rebase => case.source.sequence().max(case.target.sequence()).next(),
        Kind::Merge { .. } | Kind::Rollback => case.target.sequence().next(),
    }
}

fn created_at(draft: &Draft, case: &Case) -> Timestamp {
    let version = case.target.version().or_else(|| case.source.version());
    version.map_or(draft.moment.occurred_at, |version| version.state.created_at)
}

/// The version that live branches still show. A rebased branch has no children yet.
fn find_superseded(draft: &Draft, work: &Work, case: &Case) -> Option<Superseded> {
    if matches!(work.kind, Kind::Rebase) {
        return None;
    }
    case.target
        .version()?
        .find_superseded(draft.state, work.branch)
}

/// Writes `BRANCH_MERGED`; returns the branch for the following events.
fn write_merged(
    draft: &mut Draft,
    work: &Work,
    source: &BranchState,
    aggregate: AggregateId,
) -> Result<BranchState, Stop> {
    let branch = work.branch;
    let last = draft.last_position();
    let taken = source.lineage.at(last);
    let snapshots = (branch.contains.iter())
        .chain([&taken])
        .chain(&source.contains);
    let state = BranchState {
        sequence: branch.sequence.next(),
        contains: find_contained(&branch.lineage, snapshots),
        ..branch.clone()
    };
    let event = BranchMerged {
        db_name: draft.command.database.clone(),
        branch: branch.name.clone(),
        source: at(source),
        source_position: last,
        target_position: last,
        base: work.base.clone(),
        state: MergedBranch {
            generation: state.generation,
            from: state.from.clone(),
            from_position: state.from_position,
            lineage: state.lineage.clone(),
            contains: state.contains.clone(),
            created_at: state.created_at,
        },
    };
    let fact = Fact::domain(EventType::BranchMerged, aggregate, state.sequence);
    draft.push(fact, &event, Some(&state))?;
    Ok(state)
}

/// Writes `BRANCH_REBASED`; returns the branch for the following events.
fn write_rebased(
    draft: &mut Draft,
    work: &Work,
    aggregate: AggregateId,
) -> Result<BranchState, Stop> {
    let (branch, ground) = (work.branch, work.ground);
    let last = draft.last_position();
    let generation = BranchGeneration(draft.next_position());
    let base = ground.lineage.at(last);
    let lineage = Lineage::above(branch.name.clone(), generation, &base);
    let before = branch.lineage.at(last);
    let snapshots = (ground.contains.iter())
        .chain(&branch.contains)
        .chain([&before]);
    let state = BranchState {
        generation,
        sequence: branch.sequence.next(),
        from: Some(at(ground)),
        from_position: last,
        contains: find_contained(&lineage, snapshots),
        lineage,
        ..branch.clone()
    };
    let event = BranchRebased {
        db_name: draft.command.database.clone(),
        branch: branch.name.clone(),
        previous: branch.generation,
        from: at(ground),
        from_position: last,
        base,
        created_at: branch.created_at,
        contains: state.contains.clone(),
    };
    let fact = Fact::domain(EventType::BranchRebased, aggregate, state.sequence);
    draft.push(fact, &event, Some(&state))?;
    Ok(state)
}

fn at(branch: &BranchState) -> BranchAt {
    BranchAt {
        name: branch.name.clone(),
        generation: branch.generation,
    }
}

/// A change of one aggregate to write.
struct Change<'w, 'a> {
    case: &'w Case<'a>,
    sequence: Sequence,
    created_at: Timestamp,
    unique: UniqueChange,
    superseded: Option<Superseded>,
}

fn push(draft: &mut Draft, branch: &BranchState, change: Change) -> Result<(), Stop> {
    let case = change.case;
    let after = case.after_data()?;
    let turn = match (case.target.is_absent(), &after) {
        (_, None) => Turn::Deleted,
        (true, Some(_)) => Turn::Created,
        (false, Some(_)) => Turn::Updated,
    };
    let db_name = draft.command.database.clone();
    let name = branch.name.clone();
    let fact = |event_type| Fact::domain(event_type, case.aggregate.clone(), change.sequence);
    match &case.aggregate {
        AggregateId::OntologyClass(_, _, class) => {
            let event = ClassEvent {
                db_name,
                branch: name,
                class_id: class.clone(),
                class: after.map(std::borrow::Cow::into_owned),
                created_at: change.created_at,
                superseded: change.superseded,
            };
            draft.push(fact(turn.of_class()), &event, Some(branch))
        }
        AggregateId::Instance(_, _, class, id) => {
            let event = InstanceEvent {
                db_name,
                branch: name,
                class_id: class.clone(),
                instance_id: id.clone(),
                created_at: change.created_at,
                data: after.map(|data| data.read()).transpose()?,
                unique: change.unique,
                superseded: change.superseded,
            };
            draft.push(fact(turn.of_instance()), &event, Some(branch))
        }
        _ => Ok(()),
    }
}

/// The kind of change of an aggregate.
#[derive(Clone, Copy)]
enum Turn {
    Created,
    Updated,
    Deleted,
}

impl Turn {
    fn of_class(self) -> EventType {
        match self {
            Self::Created => EventType::OntologyClassCreated,
            Self::Updated => EventType::OntologyClassUpdated,
            Self::Deleted => EventType::OntologyClassDeleted,
        }
    }

    fn of_instance(self) -> EventType {
        match self {
            Self::Created => EventType::InstanceCreated,
            Self::Updated => EventType::InstanceUpdated,
            Self::Deleted => EventType::InstanceDeleted,
        }
    }
}
