//! What became of each row of a batch, by what the api answered.

use serde_json::Value;
use spice_client::RowError;
use spice_core::error::ErrorCode;

use super::{
    batch::{Batch, Fate},
    identity::Identity,
    plan::Plan,
    row::Reason,
    waiting::may_wait,
};

/// Ids of which the line is remembered: a bounded help for messages, which nothing rests on.
const REMEMBERED: usize = 1 << 17;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) created: u64,
    pub(super) unchanged: u64,
    /// The rows that were not taken, by their index, in order.
    pub(super) rejects: Vec<(usize, Vec<Reason>)>,
    /// Those that may be taken once the rest of the file is in.
    pub(super) waiting: Vec<(usize, Vec<Reason>)>,
}

/// In which line an id stood first, for as many as fit.
pub(super) struct Lines(Vec<(u64, u64)>);

#[derive(Clone, PartialEq)]
enum Outcome {
    Created,
    Unchanged,
    Rejected(Vec<Reason>),
    Waiting(Vec<Reason>),
}

impl Lines {
    pub(super) fn new() -> Self {
        Self(vec![(0, 0); REMEMBERED])
    }

    fn slot(&mut self, mark: u64) -> &mut (u64, u64) {
        let index = usize::try_from(mark % REMEMBERED as u64).unwrap_or_default();
        &mut self.0[index]
    }

    fn remember(&mut self, mark: u64, line: u64) {
        *self.slot(mark) = (mark, line);
    }

    fn find(&mut self, mark: u64) -> Option<u64> {
        let (known, line) = *self.slot(mark);
        (known == mark && line > 0).then_some(line)
    }
}

/// Tells what became of each row; `errors` are of the rows that were sent, the first is 1.
pub(super) fn settle(
    plan: &Plan,
    batch: &Batch,
    errors: &[RowError],
    lines: &mut Lines,
) -> Settled {
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
                match errors.next_if(|error| error.row == sent) {
                    None => Outcome::Created,
                    Some(error) if is_identical(error) => Outcome::Unchanged,
                    Some(error) if may_wait(error) => Outcome::Waiting(reasons(plan, error, None)),
                    Some(error) => Outcome::Rejected(reasons(plan, error, lines.find(*mark))),
                }
            }
        };
        if let (Fate::Sent(mark), Outcome::Created | Outcome::Unchanged) = (&row.fate, &outcome) {
            lines.remember(*mark, row.record.line);
        }
        outcomes.push(outcome);
    }
    let mut settled = Settled::default();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Outcome::Created => settled.created += 1,
            Outcome::Unchanged => settled.unchanged += 1,
            Outcome::Rejected(reasons) => settled.rejects.push((index, reasons)),
            Outcome::Waiting(reasons) => settled.waiting.push((index, reasons)),
        }
    }
    settled
}

/// Whether the row is in already, as it is.
pub(super) fn is_identical(error: &RowError) -> bool {
    error.error == ErrorCode::AlreadyExists.as_str()
        && error.detail.get("identical") == Some(&Value::Bool(true))
}

/// Why the api refused a row; `first` is the line where its id stood before.
fn reasons(plan: &Plan, error: &RowError, first: Option<u64>) -> Vec<Reason> {
    let fields = error.detail.get("errors").and_then(Value::as_array);
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        return fields.iter().map(|field| of_field(plan, field)).collect();
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

fn of_field(plan: &Plan, field: &Value) -> Reason {
    let text = |key: &str| field[key].as_str().unwrap_or_default();
    let path = text("field");
    let sentence = text("message");
    let sentence = sentence.strip_prefix(path).unwrap_or(sentence).trim_start();
    let sentence = match &field["value"] {
        Value::Null => sentence.to_owned(),
        Value::String(text) if sentence.contains(text.as_str()) => sentence.to_owned(),
        value => format!("{sentence}, not {value}"),
    };
    let advice = match (&plan.identity, text("rule")) {
        (Identity::Given(column), "primary_key") => {
            let name = &plan.columns[*column].name;
            format!("; the id is from the column {name}: leave it out with --skip-column {name}")
        }
        _ => String::new(),
    };
    Reason {
        column: (!path.is_empty()).then(|| plan.column_of(path).to_owned()),
        rule: text("rule").to_owned(),
        sentence: sentence + &advice,
    }
}
