//! The table of base, source and target, for tests of every cell.

use super::{
    case::{Case, Outcome},
    settle::{Verdict, judge},
};
use crate::{
    id::{AggregateId, BranchGeneration, EventId, LogPosition, Sequence},
    json::Json,
    model::{AggregateState, ModelEntry, ModelKey},
    time::Timestamp,
};

/// The result of a cell.
#[derive(Debug, PartialEq)]
pub(in crate::decide) enum Cell {
    Keep,
    Put,
    Delete,
    StaysDeleted,
    DeletesForGood,
    Undecided,
    DeleteAgainstChange,
}

/// Judges a cell: `-` means nothing, `x` a tombstone, anything else a state.
pub(in crate::decide) fn judge_cell(sides: [&str; 3], is_rebase: bool) -> Cell {
    let class = "Product".parse().unwrap();
    let id = "p1".parse().unwrap();
    let key = ModelKey::instance(&class, &id);
    let entries = sides.map(|side| entry(&key, side));
    let [base, source, target] = &entries;
    let sides = [base.as_ref(), source.as_ref(), target.as_ref()];
    let (database, branch) = ("demo".parse().unwrap(), "main".parse().unwrap());
    let aggregate = AggregateId::Instance(database, branch, class, id);
    let case = Case::read(key, aggregate, sides).unwrap();
    match judge(&case, is_rebase) {
        Verdict::Settled(Outcome::Keep) => Cell::Keep,
        Verdict::Settled(Outcome::Delete) => Cell::Delete,
        Verdict::Settled(Outcome::Put(fields)) => {
            let mut settled = case;
            settled.settle(Outcome::Put(fields));
            if settled.outcome == Outcome::Keep {
                Cell::Keep
            } else {
                Cell::Put
            }
        }
        Verdict::StaysDeleted(Outcome::Delete) => Cell::DeletesForGood,
        Verdict::StaysDeleted(_) => Cell::StaysDeleted,
        Verdict::Undecided(..) => Cell::Undecided,
        Verdict::DeleteAgainstChange => Cell::DeleteAgainstChange,
    }
}

fn entry(key: &ModelKey, side: &str) -> Option<ModelEntry> {
    if side == "-" {
        return None;
    }
    let data = (side != "x").then(|| Json::parse(&format!(r#"{{"price":{side}}}"#)).unwrap());
    let state = AggregateState {
        sequence: Sequence(1),
        event_id: EventId(uuid::Uuid::nil()),
        occurred_at: Timestamp::default(),
        created_at: Timestamp::default(),
        data,
    };
    Some(ModelEntry {
        branch: BranchGeneration::MAIN,
        key: key.clone(),
        position: LogPosition::ZERO,
        value: Json::of(&state).unwrap(),
    })
}
