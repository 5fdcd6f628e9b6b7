//! Why a row was rejected.

use std::fmt;

use crate::text::reveal;

/// The maximum number of shown characters of a value.
const SHOWN: usize = 80;

/// Why a row was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The column, if there is one.
    pub column: Option<String>,
    /// The broken rule: `type`, `required`, `pattern`, `already_exists`, …
    pub rule: String,
    /// A sentence with the value.
    pub sentence: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "{}: ", reveal(column))?;
        }
        write!(f, "{} ({})", self.sentence, self.rule)
    }
}

impl Reason {
    pub(crate) fn of_row(rule: &str, sentence: impl Into<String>) -> Self {
        Self {
            column: None,
            rule: rule.to_owned(),
            sentence: sentence.into(),
        }
    }

    pub(crate) fn of_column(column: &str, rule: &str, sentence: impl Into<String>) -> Self {
        Self {
            column: Some(column.to_owned()),
            ..Self::of_row(rule, sentence)
        }
    }

    pub(crate) fn of_cell(column: &str, rule: &str, sentence: &str, value: &str) -> Self {
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self::of_column(column, rule, format!("{sentence}, not {shown:?}"))
    }
}

/// The reasons of one row, as one text.
pub(crate) fn join(reasons: &[Reason]) -> String {
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}
