//! Parameters of the query that are numbers, flags or words of a list.

use spice_core::id::Sequence;

use crate::http::{call::Call, failure::Failure};

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
                format!("{text:?} is not a whole number from 0 up"),
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
                    "{number} is not from {} to {}",
                    bounds.start(),
                    bounds.end()
                ),
            ));
        }
        usize::try_from(number)
            .map_err(|_| self.shape(name, "range", format!("{number} is too large")))
    }

    /// `true` or `false`, false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.parameter(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => Err(self.shape(name, "type", format!("{other:?} is not true or false"))),
        }
    }

    /// `?expected_seq=`, which must be there.
    pub(crate) fn expected_sequence(&self) -> Result<Sequence, Failure> {
        match self.number("expected_seq")? {
            Some(number) => Ok(Sequence(number)),
            None => Err(self.shape(
                "expected_seq",
                "required",
                "the sequence that was read must be given",
            )),
        }
    }
}
