//! Parameters of the query: which of them a call takes, and those that are numbers, flags or
//! words of a list.

use spice_core::{error::ErrorCode, id::Sequence};

use crate::http::{call::Call, failure::Failure};

/// The parameters that a call takes. One that is mistyped must not be passed over: a write would
/// go to another branch than the one that was meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameters {
    /// What an unknown one is refused as.
    pub(crate) refusal: ErrorCode,
    /// Their names.
    pub(crate) known: &'static [&'static str],
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            refusal: ErrorCode::InvalidRequest,
            known: &[],
        }
    }
}

impl Parameters {
    /// Refuses what the call does not take, and what is given twice.
    pub(crate) fn check(self, given: &[(String, String)]) -> Result<(), Failure> {
        for (index, (name, _)) in given.iter().enumerate() {
            let message = if !self.known.contains(&name.as_str()) {
                let takes = match self.known {
                    [] => "none".to_owned(),
                    known => known.join(", "),
                };
                format!("this call has no parameter {name:?}; it takes {takes}")
            } else if given.iter().take(index).any(|(other, _)| other == name) {
                format!("{name} is given twice")
            } else {
                continue;
            };
            return Err(Failure::new(self.refusal, message)
                .with("field", name.as_str())
                .with("known", self.known));
        }
        Ok(())
    }
}

impl Call {
    /// A whole number, if given.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(text) = self.parameter(name) else {
            return Ok(None);
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(number) if digits && i64::try_from(number).is_ok() => Ok(Some(number)),
            _ => Err(self.shape(
                name,
                "type",
                format!("{name} must be a whole number from 0 up, not {text:?}"),
            )),
        }
    }

    /// A whole number within bounds, or a default.
    pub(crate) fn bounded(
        &self,
        name: &str,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<usize, Failure> {
        let number = self.number(name)?.unwrap_or(default);
        if !bounds.contains(&number) {
            return Err(self.shape(
                name,
                "range",
                format!(
                    "{name} must be from {} to {}, not {number}",
                    bounds.start(),
                    bounds.end()
                ),
            ));
        }
        usize::try_from(number).map_err(|_| {
            self.shape(
                name,
                "range",
                format!("{name} must be smaller than {number}"),
            )
        })
    }

    /// `true` or `false`, false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.parameter(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(self.shape(
                name,
                "type",
                format!("{name} must be true or false, not {other:?}"),
            )),
        }
    }

    /// `?expected_seq=`, which must be there.
    pub(crate) fn expected_sequence(&self) -> Result<Sequence, Failure> {
        match self.number("expected_seq")? {
            Some(number) => Ok(Sequence(number)),
            None => Err(self.shape(
                "expected_seq",
                "required",
                "expected_seq is missing: the sequence that was read must be given",
            )),
        }
    }
}
