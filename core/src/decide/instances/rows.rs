//! Decides the rows of a bulk or of a transaction, and lists refused rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde_json::Value;

use super::{
    change::{Change, Numbered},
    leave_out::choose_omitted,
    references::{Dangling, find_dangling},
    scope::{Collision, Pending, Scope},
};
use crate::{
    decide::{
        draft::Draft,
        stop::{Needs, Stop},
    },
    error::{ErrorCode, Refusal},
    model::{BranchState, ModelKey},
};

/// The maximum number of rows that are decided again over all rounds because a left-out row had
/// excluded them; also the maximum number of rounds.
const AGAIN: usize = 100_000;
const ROUNDS: usize = 8;

/// The rows of a bulk or a transaction during the decision.
#[derive(Default)]
pub(in crate::decide) struct Rows {
    pub(super) changes: Vec<Numbered>,
    /// Ordered by row.
    pub(in crate::decide) errors: Vec<Row>,
    needs: Needs,
    /// Refusals that other rows caused.
    collisions: Vec<Collision>,
}

/// One refused row.
pub(in crate::decide) struct Row {
    pub(in crate::decide) number: usize,
    pub(in crate::decide) refusal: Refusal,
}

impl Row {
    /// The refusal as it is sent, with the row number in the field `number`.
    pub(super) fn to_json(&self, number: &str) -> Value {
        let mut row = self.refusal.to_detail();
        if let Value::Object(fields) = &mut row {
            fields.insert(number.into(), self.number.into());
            fields.insert("message".into(), self.refusal.message.clone().into());
        }
        row
    }
}

impl Rows {
    /// Decides rows in order, then checks their strict references. Rows that collided with a
    /// left-out row are decided again without it.
    pub(in crate::decide) fn decide(
        draft: &Draft,
        scope: &Scope,
        numbers: Range<usize>,
        decide: impl Fn(&mut Pending, usize) -> Result<Change, Stop>,
    ) -> Result<Self, Stop> {
        let mut left_out: BTreeMap<usize, Refusal> = BTreeMap::new();
        let most = ROUNDS.max(AGAIN / numbers.len().max(1));
        let mut round = 0;
        loop {
            round += 1;
            let mut rows = Self::default();
            let mut pending = Pending::default();
            for number in numbers.clone().filter(|it| !left_out.contains_key(it)) {
                let decided = decide(&mut pending, number);
                rows.collisions.extend(pending.collision.take());
                rows.take(number, decided)?;
            }
            std::mem::take(&mut rows.needs).settle()?;
            let dangling = find_dangling(draft, scope, &rows.changes)?;
            let is_last = round >= most;
            let unfit = choose_omitted(&dangling, &rows.collisions).filter(|_| !is_last);
            let refused = |(number, it): (&usize, &Dangling)| (*number, it.refusal());
            let Some(unfit) = unfit else {
                left_out.extend(dangling.iter().map(refused));
                rows.leave_out(left_out);
                return Ok(rows);
            };
            let unfit = dangling.iter().filter(|(number, _)| unfit.contains(number));
            left_out.extend(unfit.map(refused));
        }
    }

    /// The instances that are deleted.
    pub(in crate::decide) fn list_deleted(&self) -> BTreeSet<ModelKey> {
        let changes = self.changes.iter().map(|numbered| &numbered.change);
        let deleted = changes.filter(|change| change.deletes());
        deleted.map(Change::key).collect()
    }

    /// Adds the events.
    pub(in crate::decide) fn push(
        self,
        draft: &mut Draft,
        branch: &BranchState,
    ) -> Result<(), Stop> {
        let mut changes = self.changes.into_iter();
        changes.try_for_each(|numbered| numbered.change.push(draft, branch))
    }

    fn leave_out(&mut self, left_out: BTreeMap<usize, Refusal>) {
        self.changes
            .retain(|numbered| !left_out.contains_key(&numbered.number));
        let rows = left_out.into_iter();
        self.errors
            .extend(rows.map(|(number, refusal)| Row { number, refusal }));
        self.errors.sort_by_key(|row| row.number);
    }

    fn take(&mut self, number: usize, decided: Result<Change, Stop>) -> Result<(), Stop> {
        match self.needs.take(decided) {
            Ok(change) => {
                let numbered = change.map(|change| Numbered { number, change });
                self.changes.extend(numbered);
            }
            Err(Stop::Refused(refusal)) if refusal.code != ErrorCode::Internal => {
                self.errors.push(Row { number, refusal });
            }
            Err(stop) => return Err(stop),
        }
        Ok(())
    }
}

pub(super) fn refuse_rows(errors: &[Row], total: usize) -> Refusal {
    let mut refusal = errors.first().map_or_else(
        || Refusal::new(ErrorCode::ValidationFailed, ""),
        |row| Refusal::new(row.refusal.code, row.refusal.message.clone()),
    );
    let first = errors.first().map_or(0, |row| row.number);
    refusal.message = format!(
        "{} of {total} rows are refused; the first is row {first}: {}",
        errors.len(),
        refusal.message
    );
    let rows: Vec<Value> = errors.iter().map(|row| row.to_json("row")).collect();
    refusal.with("errors", rows)
}

/// 422 if any command breaks the ontology, otherwise the first one's code. Lists each refused
/// command by its index. A command that names a missing thing is 422 too, because the path of the
/// transaction exists.
pub(in crate::decide) fn refuse_commands(errors: &[Row]) -> Refusal {
    let code = errors
        .iter()
        .map(|row| row.refusal.code)
        .find(|code| *code == ErrorCode::ValidationFailed)
        .or_else(|| errors.first().map(|row| row.refusal.code))
        .unwrap_or(ErrorCode::InvalidRequest);
    let code = match code {
        ErrorCode::NotFound => ErrorCode::ValidationFailed,
        code => code,
    };
    let commands: Vec<Value> = errors.iter().map(|row| row.to_json("index")).collect();
    let first = errors.first().map_or_else(String::new, |row| {
        format!("command {}: {}", row.number, row.refusal.message)
    });
    Refusal::new(code, format!("the transaction is refused; {first}")).with("commands", commands)
}
