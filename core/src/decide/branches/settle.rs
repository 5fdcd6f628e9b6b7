//! The result for an aggregate that differs, and the decisions where both sides changed it.

use std::{borrow::Cow, collections::HashMap};

use super::{
    case::{Case, Outcome, Side as Has},
    work::{Kind, Work},
};
use crate::{
    command::{Choice, Resolution, Side, Strategy},
    decide::stop::Stop,
    error::{ErrorCode, Refusal},
    json::Json,
    merge::{Conflict, Fields, three_way},
    unicode::nfc,
};

/// The refusal of a resolution that would undo a delete.
const BRINGS_BACK: &str = "would restore what the branch has deleted, and a delete is final";

/// The verdict on an aggregate.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// There is no conflict.
    Settled(Outcome),
    /// One side has it, but the other deleted it before, and a delete is final.
    StaysDeleted(Outcome),
    /// Both sides changed these properties. Until a decision, the target's values stay.
    Undecided(Fields, Vec<String>),
    /// One side deleted what the other changed.
    DeleteAgainstChange,
}

/// Judges every combination of base, source and target.
pub(super) fn judge(case: &Case, is_rebase: bool) -> Verdict {
    let Case {
        base,
        source,
        target,
        ..
    } = case;
    if source.is_absent() {
        return Verdict::Settled(Outcome::Keep);
    }
    if is_rebase && target.is_absent() {
        return Verdict::Settled(take_whole(source));
    }
    if is_rebase && source.is_deleted() && target.is_live() {
        return if target.is_same(base) {
            Verdict::Settled(Outcome::Delete)
        } else if source.is_same(base) {
            Verdict::StaysDeleted(Outcome::Delete)
        } else {
            Verdict::DeleteAgainstChange
        };
    }
    if source.is_same(base) || source.is_same(target) {
        return Verdict::Settled(Outcome::Keep);
    }
    if target.is_deleted() {
        return if base.is_deleted() {
            Verdict::StaysDeleted(Outcome::Keep)
        } else {
            Verdict::DeleteAgainstChange
        };
    }
    match (source.fields(), target.fields()) {
        (None, None) => Verdict::Settled(Outcome::Keep),
        (None, Some(_)) if target.is_same(base) => Verdict::Settled(Outcome::Delete),
        (None, Some(_)) => Verdict::DeleteAgainstChange,
        (Some(source), None) => Verdict::Settled(Outcome::Put(source.clone())),
        (Some(source), Some(target)) => {
            let (merged, undecided) = three_way(base.fields(), source, target);
            if undecided.is_empty() {
                Verdict::Settled(Outcome::Put(merged))
            } else {
                Verdict::Undecided(merged, undecided)
            }
        }
    }
}

fn take_whole(side: &Has) -> Outcome {
    match side.fields() {
        Some(fields) => Outcome::Put(fields.clone()),
        None => Outcome::Delete,
    }
}

/// Settles every case as far as possible.
pub(super) fn settle(
    work: &mut Work,
    strategy: Strategy,
    resolutions: &mut Resolutions,
) -> Result<(), Stop> {
    let is_rebase = matches!(work.kind, Kind::Rebase);
    let side = match strategy {
        Strategy::Fail => None,
        Strategy::Ours => Some(Side::Ours),
        Strategy::Theirs => Some(Side::Theirs),
    };
    for case in &mut work.cases {
        let outcome = match judge(case, is_rebase) {
            Verdict::Settled(outcome) => outcome,
            Verdict::StaysDeleted(outcome) => {
                work.stay_deleted.push(case.aggregate.clone());
                outcome
            }
            Verdict::Undecided(merged, undecided) => {
                let (fields, open) = resolutions.decide(case, merged, undecided, side);
                work.conflicts.extend(open);
                fields
            }
            Verdict::DeleteAgainstChange => {
                match resolutions.decide_delete(case, is_rebase, side)? {
                    None => {
                        work.conflicts.push(delete_against_change(case));
                        Outcome::Keep
                    }
                    Some((outcome, is_final)) => {
                        if is_final {
                            work.stay_deleted.push(case.aggregate.clone());
                        }
                        outcome
                    }
                }
            }
        };
        case.settle(outcome);
    }
    Ok(())
}

fn delete_against_change(case: &Case) -> Conflict {
    let name = case.name();
    let message = if case.source.is_deleted() {
        format!("{name} was deleted on the source and changed on the target")
    } else {
        format!("{name} was changed on the source and deleted on the target")
    };
    case.conflict(None, None, message)
}

/// The place of a resolution: an aggregate as text in normalization form C, and a property.
type Spot<'a> = (Cow<'a, str>, Option<&'a str>);

/// The client's resolutions, and whether each was used.
pub(super) struct Resolutions<'a> {
    given: &'a [Resolution],
    spots: HashMap<Spot<'a>, usize>,
    met: Vec<bool>,
}

impl<'a> Resolutions<'a> {
    pub(super) fn read(given: &'a [Resolution]) -> Result<Self, Refusal> {
        let mut spots = HashMap::with_capacity(given.len());
        for (index, resolution) in given.iter().enumerate() {
            if resolution.property.is_none() && matches!(resolution.choice, Choice::Value(_)) {
                return Err(refuse(index, resolution, "gives a value but no property"));
            }
            let spot = (
                nfc(&resolution.aggregate_id),
                resolution.property.as_deref(),
            );
            if let Some(first) = spots.insert(spot, index) {
                let sentence = format!("repeats resolution {first}");
                return Err(refuse(index, resolution, &sentence));
            }
        }
        Ok(Self {
            given,
            spots,
            met: vec![false; given.len()],
        })
    }

    /// Refuses a resolution that was not used.
    pub(super) fn refuse_idle(&self) -> Result<(), Refusal> {
        match self.met.iter().position(|met| !met) {
            None => Ok(()),
            Some(index) => Err(refuse(
                index,
                &self.given[index],
                "is for something that has no conflict",
            )),
        }
    }

    /// The resolution for a place; marks it as used.
    fn use_resolution(
        &mut self,
        aggregate: &str,
        property: Option<&str>,
    ) -> Option<(usize, &'a Choice)> {
        let index = *self.spots.get(&(Cow::Borrowed(aggregate), property))?;
        self.met[index] = true;
        Some((index, &self.given[index].choice))
    }

    /// The text of an aggregate, if there are resolutions to look up.
    fn text(&self, case: &Case) -> Option<String> {
        (!self.spots.is_empty()).then(|| case.aggregate.to_string())
    }

    /// Decides conflicting changes. Returns what stays open.
    fn decide(
        &mut self,
        case: &Case,
        merged: Fields,
        undecided: Vec<String>,
        strategy: Option<Side>,
    ) -> (Outcome, Vec<Conflict>) {
        let text = self.text(case);
        let whole = text
            .as_deref()
            .and_then(|text| self.use_resolution(text, None));
        let mut fields = match whole {
            Some((_, Choice::Take(side))) => of_side(case, *side).cloned().unwrap_or(merged),
            _ => merged,
        };
        let mut open = Vec::new();
        for property in undecided {
            let own = (text.as_deref()).and_then(|text| self.use_resolution(text, Some(&property)));
            let value = match (own, whole, strategy.as_ref()) {
                (Some((_, Choice::Value(value))), _, _) => Some(value),
                (Some((_, Choice::Take(side))), _, _) | (None, None, Some(side)) => {
                    of_side(case, *side).and_then(|fields| fields.get(&property))
                }
                (None, Some(_), _) => continue,
                (None, None, None) => {
                    let message =
                        format!("{property} of {} was changed on both sides", case.name());
                    open.push(case.conflict(Some(&property), None, message));
                    continue;
                }
            };
            set(&mut fields, &property, value);
        }
        (Outcome::Put(fields), open)
    }

    /// Decides a delete against a change. Returns whether it stays deleted because a delete is
    /// final; none if it stays open.
    fn decide_delete(
        &mut self,
        case: &Case,
        is_rebase: bool,
        strategy: Option<Side>,
    ) -> Result<Option<(Outcome, bool)>, Refusal> {
        let text = self.text(case);
        let own = text
            .as_deref()
            .and_then(|text| self.use_resolution(text, None));
        let side = match own {
            Some((_, Choice::Take(side))) => Some(*side),
            _ => strategy,
        };
        let Some(side) = side else {
            return Ok(None);
        };
        let (keeper, deleted) = if case.source.is_deleted() {
            (Side::Ours, Outcome::Delete)
        } else {
            (Side::Theirs, Outcome::Keep)
        };
        let is_final = is_rebase || case.target.is_deleted();
        if side == keeper
            && is_final
            && let Some((index, _)) = own
        {
            return Err(refuse(index, &self.given[index], BRINGS_BACK));
        }
        Ok(Some(match (side == keeper, is_final) {
            (true, false) => (Outcome::Keep, false),
            (true, true) => (deleted, true),
            (false, _) => {
                let stays = case.target.is_deleted();
                (deleted, stays)
            }
        }))
    }

    /// Applies unused resolutions to conflicts with the ontology. Returns whether there were any.
    pub(super) fn mend(&mut self, work: &mut Work, broken: &[Conflict]) -> Result<bool, Refusal> {
        let mut mended = false;
        if self.met.iter().all(|met| *met) {
            return Ok(false);
        }
        let is_rebase = matches!(work.kind, Kind::Rebase);
        let places: HashMap<String, usize> = (work.cases.iter().enumerate())
            .map(|(place, case)| (case.aggregate.to_string(), place))
            .collect();
        for conflict in broken {
            let text = conflict.aggregate.to_string();
            let Some(case) = places.get(&text).map(|place| &mut work.cases[*place]) else {
                continue;
            };
            for property in [None, conflict.property.as_deref()] {
                let Some(index) = self.spots.get(&(Cow::Borrowed(text.as_str()), property)) else {
                    continue;
                };
                if !self.met[*index] {
                    self.met[*index] = true;
                    mended = true;
                    let resolution = &self.given[*index];
                    let is_of_target = matches!(resolution.choice, Choice::Take(Side::Ours));
                    if is_rebase && case.source.is_deleted() && property.is_none() && is_of_target {
                        return Err(refuse(*index, resolution, BRINGS_BACK));
                    }
                    take(case, property, &resolution.choice);
                }
            }
        }
        Ok(mended)
    }
}

/// Applies a resolution.
fn take(case: &mut Case, property: Option<&str>, choice: &Choice) {
    let outcome = match (property, choice) {
        (None, Choice::Take(Side::Theirs)) if !case.source.is_absent() => take_whole(&case.source),
        (None, _) => Outcome::Keep,
        (Some(property), choice) => {
            let Some(mut fields) = case.after().cloned() else {
                return;
            };
            let value = match choice {
                Choice::Value(value) => Some(value),
                Choice::Take(side) => of_side(case, *side).and_then(|fields| fields.get(property)),
            };
            set(&mut fields, property, value);
            Outcome::Put(fields)
        }
    };
    case.settle(outcome);
}

fn of_side<'c>(case: &'c Case, side: Side) -> Option<&'c Fields> {
    match side {
        Side::Ours => case.target.fields(),
        Side::Theirs => case.source.fields(),
    }
}

/// Sets a field; none and `null` remove it.
fn set(fields: &mut Fields, property: &str, value: Option<&Json>) {
    match value.filter(|value| !value.is_null()) {
        Some(value) => drop(fields.insert(property.to_owned(), value.clone())),
        None => drop(fields.shift_remove(property)),
    }
}

fn refuse(index: usize, resolution: &Resolution, sentence: &str) -> Refusal {
    let spot = match &resolution.property {
        Some(property) => format!("{property} of {}", resolution.aggregate_id),
        None => resolution.aggregate_id.clone(),
    };
    let message = format!("resolution {index} ({spot}) {sentence}");
    let refusal = Refusal::new(ErrorCode::InvalidRequest, message)
        .with("field", format!("resolutions[{index}]"))
        .with("index", index)
        .with("aggregate_id", resolution.aggregate_id.as_str());
    match &resolution.property {
        Some(property) => refusal.with("property", property.as_str()),
        None => refusal,
    }
}
