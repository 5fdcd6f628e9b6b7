//! Parameters of the query: which of them a call takes, and those that are numbers, flags or
//! words of a list.

pub(crate) mod known;

use std::sync::Arc;

use spice_core::{
    error::ErrorCode,
    id::{LogPosition, Sequence},
};

use crate::http::{call::Call, failure::Failure};

/// A parameter of the query, described.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is for, in Markdown.
    pub(crate) description: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// Whether the call is refused without it.
    pub(crate) required: bool,
    /// A value that could be given.
    pub(crate) example: Option<&'static str>,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any text, or one of a pattern and a length.
    Text(Option<(&'static str, usize, usize)>),
    /// A whole number: the least, the most, and the one that stands for none.
    Whole(u64, u64, Option<u64>),
    /// True or false; false when absent.
    Flag,
    /// One of a few words, the first when absent.
    Choice(&'static [&'static str]),
    /// A UUID.
    Identifier,
    /// A position.
    Position,
    /// A position or a time.
    Moment,
    /// A position or a command id.
    Mark,
    /// A JSON object.
    Object,
}

impl Parameter {
    /// Any text.
    pub(crate) const fn text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind: Kind::Text(None),
            required: false,
            example: None,
        }
    }

    /// A whole number.
    pub(crate) const fn whole(name: &'static str, description: &'static str) -> Self {
        let kind = Kind::Whole(0, i64::MAX as u64, None);
        Self {
            kind,
            ..Self::text(name, description)
        }
    }

    /// True or false.
    pub(crate) const fn flag(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: Kind::Flag,
            ..Self::text(name, description)
        }
    }

    /// One of a few words, the first when absent.
    pub(crate) const fn choice(
        name: &'static str,
        description: &'static str,
        choices: &'static [&'static str],
    ) -> Self {
        Self {
            kind: Kind::Choice(choices),
            ..Self::text(name, description)
        }
    }

    /// A UUID.
    pub(crate) const fn identifier(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: Kind::Identifier,
            ..Self::text(name, description)
        }
    }

    /// A position.
    pub(crate) const fn position(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: Kind::Position,
            ..Self::text(name, description)
        }
    }

    /// A position or a time.
    pub(crate) const fn moment(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: Kind::Moment,
            ..Self::text(name, description)
        }
    }

    /// A position or a command id.
    pub(crate) const fn mark(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: Kind::Mark,
            ..Self::text(name, description)
        }
    }

    /// A JSON object.
    pub(crate) const fn object(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: Kind::Object,
            ..Self::text(name, description)
        }
    }

    /// A text of a pattern, and of a length.
    pub(crate) const fn matching(self, pattern: &'static str, least: usize, most: usize) -> Self {
        Self {
            kind: Kind::Text(Some((pattern, least, most))),
            ..self
        }
    }

    /// A number within bounds.
    pub(crate) const fn within(self, least: u64, most: u64) -> Self {
        Self {
            kind: Kind::Whole(least, most, None),
            ..self
        }
    }

    /// The number that stands for none.
    pub(crate) const fn or(self, default: u64) -> Self {
        let kind = match self.kind {
            Kind::Whole(least, most, _) => Kind::Whole(least, most, Some(default)),
            other => other,
        };
        Self { kind, ..self }
    }

    /// The call is refused without it.
    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// A value that could be given.
    pub(crate) const fn like(self, example: &'static str) -> Self {
        Self {
            example: Some(example),
            ..self
        }
    }
}

/// The parameters that a call takes. One that is mistyped must not be passed over: a write would
/// go to another branch than the one that was meant.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// What an unknown one is refused as.
    pub(crate) refusal: ErrorCode,
    /// Those that are known.
    pub(crate) known: Arc<[Parameter]>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            refusal: ErrorCode::InvalidRequest,
            known: Arc::default(),
        }
    }
}

impl Parameters {
    /// Refuses what the call does not take, and what is given twice.
    pub(crate) fn check(&self, given: &[(String, String)]) -> Result<(), Failure> {
        for (index, (name, _)) in given.iter().enumerate() {
            let message = if !self.known.iter().any(|known| known.name == name) {
                let takes = match self.names()[..] {
                    [] => "none".to_owned(),
                    ref known => known.join(", "),
                };
                format!("this call has no parameter {name:?}; it takes {takes}")
            } else if given.iter().take(index).any(|(other, _)| other == name) {
                format!("{name} is given twice")
            } else {
                continue;
            };
            return Err(Failure::new(self.refusal, message)
                .with("field", name.as_str())
                .with("known", self.names()));
        }
        Ok(())
    }

    fn names(&self) -> Vec<&'static str> {
        self.known.iter().map(|known| known.name).collect()
    }
}

/// A whole number as it must be written: digits and nothing else.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|_| is_number)?;
    i64::try_from(number).is_ok().then_some(number)
}

/// A position as it must be written.
pub(crate) fn position(text: &str) -> Option<LogPosition> {
    whole(text).map(LogPosition)
}

impl Call {
    /// A whole number, if given.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(text) = self.parameter(name) else {
            return Ok(None);
        };
        whole(text).map(Some).ok_or_else(|| {
            let message = format!("{name} must be a whole number from 0 up, not {text:?}");
            self.shape(name, "type", message)
        })
    }

    /// A position of the log, if given.
    pub(crate) fn position(&self, name: &str) -> Result<Option<LogPosition>, Failure> {
        let Some(text) = self.parameter(name) else {
            return Ok(None);
        };
        position(text).map(Some).ok_or_else(|| {
            let message = format!(
                "{name} must be a position of the log, a whole number from 0 up, not {text:?}"
            );
            Failure::token(name, "position", text, message)
        })
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
