//! A command's status in words: the way that it has come.

use spice_core::{decide::Receipt, port::registry::DeadLetter, time::Timestamp};

use super::{CommandStatus, State, Step};

pub(super) fn under_way(receipt: &Receipt, state: State) -> CommandStatus {
    let mut history = vec![accepted(receipt)];
    if state == State::Processing {
        history.push(step(state, None, "one of graph and documents has it"));
    }
    CommandStatus {
        state,
        parked: Vec::new(),
        error: None,
        retry_count: 0,
        completed_at: None,
        history,
    }
}

pub(super) fn retrying(receipt: &Receipt, letters: &[&DeadLetter]) -> CommandStatus {
    let mut parked: Vec<String> = letters
        .iter()
        .map(|letter| letter.handler.clone())
        .collect();
    parked.sort();
    parked.dedup();
    let attempts = letters.iter().map(|letter| letter.attempts).max();
    let since = letters.iter().map(|letter| letter.last_at).max();
    let message = format!("parked by {}", parked.join(", "));
    CommandStatus {
        state: State::Retrying,
        error: letters.first().map(|letter| letter.error.clone()),
        retry_count: attempts.unwrap_or_default().saturating_sub(1),
        completed_at: None,
        history: vec![accepted(receipt), step(State::Retrying, since, &message)],
        parked,
    }
}

pub(super) fn completed(receipt: &Receipt, at: Option<Timestamp>) -> CommandStatus {
    let done = step(State::Completed, at, "graph and documents have it");
    CommandStatus {
        state: State::Completed,
        parked: Vec::new(),
        error: None,
        retry_count: 0,
        completed_at: at,
        history: vec![accepted(receipt), done],
    }
}

pub(super) fn failed(receipt: &Receipt, handler: &str, at: Option<Timestamp>) -> CommandStatus {
    let message = format!("discarded from {handler}");
    CommandStatus {
        state: State::Failed,
        parked: Vec::new(),
        retry_count: 0,
        completed_at: at,
        history: vec![accepted(receipt), step(State::Failed, at, &message)],
        error: Some(message),
    }
}

fn accepted(receipt: &Receipt) -> Step {
    step(
        State::Pending,
        Some(receipt.occurred_at),
        "accepted: it is in the log",
    )
}

fn step(state: State, at: Option<Timestamp>, message: &str) -> Step {
    Step {
        state,
        at,
        message: message.to_owned(),
    }
}
