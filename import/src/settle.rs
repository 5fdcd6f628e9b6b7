//! The result of each row of a batch, from the answer of the api.

use std::collections::HashMap;

use serde_json::Value;
use spice_client::RowError;
use spice_core::error::ErrorCode;

use crate::{
    batch::{Batch, Fate},
    reason::Reason,
    shape::Shape,
    waiting::may_wait,
};

/// The maximum number of ids with a remembered line. This only improves messages. It is what a hash
/// map of 2^20 places of 16 bytes holds before it doubles (18 MB).
const REMEMBERED: usize = (1 << 20) / 8 * 7;

/// The result of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    /// It already exists with the same values.
    Unchanged,
    Rejected(Vec<Reason>),
    /// It may be accepted after the rest of the file.
    Waiting(Vec<Reason>),
}

/// The line where each id occurred first, up to the maximum number of ids.
pub(crate) type Seen = HashMap<u64, u64>;

/// The result of each row. `errors` belong to the rows that were sent; the first of them is 1.
pub(crate) fn settle(
    shape: &dyn Shape,
    batch: &Batch,
    errors: &[RowError],
    seen: &mut Seen,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.rows.len());
    let mut errors = errors.iter().peekable();
    let mut sent = 0;
    for row in &batch.rows {
        let outcome = match &row.fate {
            Fate::Rejected(reasons) => Outcome::Rejected(reasons.clone()),
            Fate::SameAs(first) => match &outcomes[*first] {
                Outcome::Created | Outcome::Unchanged => Outcome::Unchanged,
                refused => refused.clone(),
            },
            Fate::Sent(mark) => {
                sent += 1;
                let outcome = match errors.next_if(|error| error.row == sent) {
                    None => Outcome::Created,
                    Some(error) if is_identical(error) => Outcome::Unchanged,
                    Some(error) if may_wait(error) => Outcome::Waiting(reasons(shape, error, None)),
                    Some(error) => {
                        Outcome::Rejected(reasons(shape, error, seen.get(mark).copied()))
                    }
                };
                let exists = matches!(outcome, Outcome::Created | Outcome::Unchanged);
                if exists && seen.len() < REMEMBERED {
                    seen.entry(*mark).or_insert(row.raw.line);
                }
                outcome
            }
        };
        outcomes.push(outcome);
    }
    outcomes
}

/// Whether the row already exists with the same values.
fn is_identical(error: &RowError) -> bool {
    error.error == ErrorCode::AlreadyExists.as_str()
        && error.detail.get("identical") == Some(&Value::Bool(true))
}

/// Why the api refused a row; `first` is the line where its id occurred first.
fn reasons(shape: &dyn Shape, error: &RowError, first: Option<u64>) -> Vec<Reason> {
    let fields = error.detail.get("errors").and_then(Value::as_array);
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        return fields.iter().map(|field| shape.reason(field)).collect();
    }
    let exists = error.error == ErrorCode::AlreadyExists.as_str();
    let sentence = match first {
        Some(line) if exists => {
            format!("{}, with other values, from line {line}", error.message)
        }
        _ if exists => format!("{}, with other values", error.message),
        _ => error.message.clone(),
    };
    vec![Reason::of_row(&error.error, sentence)]
}
