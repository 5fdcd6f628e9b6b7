//! Patterns of `like`: `%` stands for any text, `_` for any one character, a backslash makes the
//! next character literal, and everything else stands for itself.

use std::{fmt, str::FromStr};

use crate::unicode::nfc;

/// A compiled pattern. Case-sensitive; the two Unicode forms of a character are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Any,
}

/// Why a text is not a valid pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// The last character is a single backslash.
    #[error("ends with a single backslash; write \\\\ for a backslash")]
    EndsInEscape,
    /// A backslash is before a character without a special meaning.
    #[error("has a backslash before {0:?}; write \\%, \\_ or \\\\ for a literal %, _ or \\")]
    Escapes(char),
}

impl Pattern {
    /// Whether a whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_composed(&nfc(text))
    }

    /// The common start of every matching text.
    pub fn literal_prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    fn matches_composed(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text);
        // The part after the last `%`, and the text that it was tried on.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            if matches!(self.parts.get(at), Some(Part::Any)) {
                at += 1;
                match self.parts.get(at..) {
                    None | Some([]) => return true,
                    Some([Part::Text(last)]) => return rest.ends_with(last.as_str()),
                    Some(_) => retry = Some((at, rest)),
                }
            }
            if at == self.parts.len() && rest.is_empty() {
                return true;
            }
            if let Some(after) = self.parts.get(at).and_then(|part| part.strip(rest)) {
                (at, rest) = (at + 1, after);
                continue;
            }
            let Some((behind, tried)) = retry else {
                return false;
            };
            let Some(next) = self.parts.get(behind).and_then(|part| part.find(tried)) else {
                return false;
            };
            (at, rest, retry) = (behind, next, Some((behind, next)));
        }
    }
}

impl Part {
    /// The rest of a text that starts with the part.
    fn strip<'text>(&self, text: &'text str) -> Option<&'text str> {
        match self {
            Self::Text(wanted) => text.strip_prefix(wanted.as_str()),
            Self::One => skip_one(text),
            Self::Any => None,
        }
    }

    /// The text from the next possible start of the part, after the first character.
    fn find<'text>(&self, text: &'text str) -> Option<&'text str> {
        let rest = skip_one(text)?;
        match self {
            Self::Text(wanted) => rest.find(wanted.as_str()).map(|at| &rest[at..]),
            Self::One | Self::Any => Some(rest),
        }
    }
}

fn skip_one(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(written: &str) -> Result<Self, InvalidPattern> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let composed = nfc(written);
        let mut characters = composed.chars();
        while let Some(character) = characters.next() {
            let special = match character {
                '%' => Part::Any,
                '_' => Part::One,
                '\\' => {
                    literal.push(escaped(characters.next())?);
                    continue;
                }
                other => {
                    literal.push(other);
                    continue;
                }
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            // In a run of both wildcards their order makes no difference, and a final `%` is found
            // immediately.
            match parts.last() {
                Some(Part::Any) if special == Part::Any => {}
                Some(Part::Any) => parts.insert(parts.len() - 1, special),
                _ => parts.push(special),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self {
            written: written.to_owned(),
            parts,
        })
    }
}

fn escaped(character: Option<char>) -> Result<char, InvalidPattern> {
    match character {
        None => Err(InvalidPattern::EndsInEscape),
        Some(character @ ('%' | '_' | '\\')) => Ok(character),
        Some(other) => Err(InvalidPattern::Escapes(other)),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
