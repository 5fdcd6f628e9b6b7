//! How a failure ends the program: a sentence on standard error, and an exit code by its class.

use std::{fmt, io::Write, process::ExitCode};

use spice_core::error::{Refusal, StoreError};

/// A failure that the api told of.
#[derive(Debug)]
pub(crate) struct ApiFailure {
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl fmt::Display for ApiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (HTTP {})", self.message, self.status)
    }
}

impl std::error::Error for ApiFailure {}

/// Tells of a failure and what to do next.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let mut text = String::new();
    for cause in causes {
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    // There is nobody left to tell when standard error is closed.
    drop(writeln!(std::io::stderr(), "error: {text}"));
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return refusal.code.exit_code();
        }
        if let Some(store) = cause.downcast_ref::<StoreError>() {
            return store.code().exit_code();
        }
        if let Some(api) = cause.downcast_ref::<ApiFailure>() {
            return match api.status {
                400 | 413 | 415 | 422 => 2,
                404 => 3,
                409 => 4,
                401 | 403 => 5,
                429 | 503 | 504 => 6,
                _ => 1,
            };
        }
        if cause
            .downcast_ref::<reqwest::Error>()
            .is_some_and(reqwest::Error::is_connect)
        {
            return 6;
        }
    }
    1
}
