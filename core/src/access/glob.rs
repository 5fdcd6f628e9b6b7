//! The databases of a principal: names, or patterns of names.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::DatabaseName;

/// The longest pattern.
const LONGEST: usize = 100;

/// A name of a database, or a pattern of names: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DatabaseGlob(Box<str>);

/// A text that is neither the name of a database nor a pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid database {0:?}: it must be the name of a database, or a pattern of a-z, 0-9, _, -, * \
     and ?"
)]
pub struct InvalidGlob(String);

impl DatabaseGlob {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches every name.
    pub fn is_every(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether it matches this name.
    pub fn matches(&self, name: &DatabaseName) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_str().as_bytes());
        let (mut at, mut position) = (0, 0);
        // The place after the last `*`, and where the text that it stands for ends.
        let mut star: Option<(usize, usize)> = None;
        while position < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at + 1, position));
                    at += 1;
                }
                Some(&byte) if byte == b'?' || byte == name[position] => {
                    at += 1;
                    position += 1;
                }
                _ => {
                    let Some((after, end)) = star else {
                        return false;
                    };
                    star = Some((after, end + 1));
                    (at, position) = (after, end + 1);
                }
            }
        }
        pattern[at..].iter().all(|&byte| byte == b'*')
    }
}

impl FromStr for DatabaseGlob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, InvalidGlob> {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-*?".contains(c);
        let is_valid = if text.contains(['*', '?']) {
            text.len() <= LONGEST && text.chars().all(is_part)
        } else {
            text.parse::<DatabaseName>().is_ok()
        };
        if is_valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidGlob(text.chars().take(120).collect()))
        }
    }
}

impl fmt::Display for DatabaseGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for DatabaseGlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DatabaseGlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn a_glob_is_a_name_or_a_pattern() {
        for valid in ["shop", "*", "demo-*", "*-test", "a?c", "x*y*z", "-*"] {
            assert!(valid.parse::<DatabaseGlob>().is_ok(), "{valid}");
        }
        let long = "*".repeat(LONGEST + 1);
        for wrong in [
            "", "ab", "Shop", "shop ", "a[bc]*", "a/*", "demo_", "*\n", &long,
        ] {
            assert!(wrong.parse::<DatabaseGlob>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn it_matches_like_the_regular_expression(pattern in "[ab*?-]{1,8}", name in "a[ab]{2,8}") {
            let Ok(glob) = pattern.parse::<DatabaseGlob>() else {
                return Ok(());
            };
            let expression = pattern.replace('*', ".*").replace('?', ".");
            let expected = Regex::new(&format!("^{expression}$")).unwrap().is_match(&name);
            prop_assert_eq!(glob.matches(&name.parse().unwrap()), expected, "{} {}", pattern, name);
        }
    }
}
