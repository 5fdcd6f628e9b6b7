//! Why a cell is not a value of its column.

/// Why a text is not a value: the rule, and a text that continues after the column's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The broken rule.
    pub rule: &'static str,
    /// The expected form.
    pub expected: String,
}

impl Broken {
    pub(super) fn new(rule: &'static str, expected: impl Into<String>) -> Self {
        Self {
            rule,
            expected: expected.into(),
        }
    }

    pub(super) fn of_type(expected: &str) -> Self {
        Self::new("type", format!("must be {expected}"))
    }
}
