//! Why spans cannot be exported, and errors as text for the log.

use std::error::Error;

/// Spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is invalid.
    #[error("{setting} is {value:?}; {rule}")]
    Setting {
        /// The variable.
        setting: &'static str,
        /// Its value, without a password.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The exporter does not start.
    #[error("cannot export spans")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An error and its sources in one line.
pub fn describe_error(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
