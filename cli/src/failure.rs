//! Reports a failure: a message on standard error, a hint what to do, and an exit code by its
//! class.

use std::process::ExitCode;

use console::style;
use spice_client::{Class, Error};
use spice_core::error::{Refusal, StoreError, exit_code_of_status};
use spice_node::stores::OpenError;

use crate::output;

/// A hint what to do next; attached to an error as context.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Hint(pub(crate) String);

/// An invalid command line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Creates a usage error.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Converts an error of an import to its cause, which determines the exit code and the hint.
pub(crate) fn of_import(error: spice_import::Error) -> anyhow::Error {
    match error {
        spice_import::Error::Refused(refusal) => refusal.into(),
        spice_import::Error::Api(error) => error.into(),
        other => other.into(),
    }
}

/// The problems behind an error, one per line; attached to an error as context.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub(crate) struct Listed(pub(crate) Vec<String>);

/// Prints a failure and a hint.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let hint = error.downcast_ref::<Hint>();
    let listed = error.downcast_ref::<Listed>();
    let aside = [
        hint.map(ToString::to_string),
        listed.map(ToString::to_string),
    ];
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if aside.iter().flatten().any(|aside| *aside == cause) || text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    let word = style("error:").red().bold().for_stderr();
    output::note(format!("{word} {}", output::clean(&text)));
    for problem in listed.into_iter().flat_map(|listed| &listed.0) {
        output::note(format!("  {}", output::clean(problem)));
    }
    if let Some(hint) = hint {
        let word = style("hint:").cyan().bold().for_stderr();
        output::note(format!("{word} {hint}"));
    }
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return refusal.code.exit_code();
        }
        if let Some(open) = cause.downcast_ref::<OpenError>() {
            return open.code().exit_code();
        }
        if let Some(store) = cause.downcast_ref::<StoreError>() {
            return store.code().exit_code();
        }
        if let Some(error) = cause.downcast_ref::<Error>() {
            return of_call(error);
        }
        if cause.is::<Usage>() {
            return 2;
        }
    }
    1
}

fn of_call(error: &Error) -> u8 {
    match error {
        Error::Refused(refusal) => exit_code_of_status(refusal.status),
        Error::Unreadable { .. } => 1,
        other if other.class() == Class::Transient => 6,
        _ => 2,
    }
}

/// The names that differ from the sought one only by case or by a typo, as a question.
pub(crate) fn suggest<'a>(
    sought: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Option<String> {
    let near = names.into_iter().filter(|name| is_near(sought, name));
    let near: Vec<&str> = near.map(String::as_str).collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(", ")))
}

/// Whether two names differ by case or by a typo.
fn is_near(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (plain(one), plain(other));
    !one.is_empty()
        && (strsim::damerau_levenshtein(&one, &other) <= 2
            || (one.len() > 2 && other.starts_with(&one)))
}
