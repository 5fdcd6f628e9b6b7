//! Names that people give. Each has its own type, and is checked once at its entry (contract §4). A
//! value of such a type is always safe in keys and paths.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::unicode::nfc;

/// The name of the id in filters and orders. No class can declare it, because property names start
/// with a letter.
pub const INSTANCE_ID: &str = "_id";

/// The name of every caller while no principals are declared. No principal can have this name, because
/// it scopes the keys of commands.
pub const ANONYMOUS: &str = "anonymous";

/// Why a name is invalid: the kind of name, the value, and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} name {value:?}: it must have {rule}")]
pub struct InvalidName {
    /// The kind, for example `database`.
    pub kind: &'static str,
    /// The value as given (cut at 120 characters).
    pub value: String,
    /// The rule, in words.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        name_type! { $(#[$doc])* $name, $kind, $rule, as_written, $check }
    };
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $form:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The rule for such names.
            pub const RULE: &'static str = $rule;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let form: fn(&str) -> Cow<'_, str> = $form;
                let check: fn(&str) -> bool = $check;
                let formed = form(text);
                if check(&formed) {
                    Ok(Self(Arc::from(&*formed)))
                } else {
                    Err(InvalidName {
                        kind: $kind,
                        value: text.chars().take(120).collect(),
                        rule: Self::RULE,
                    })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type! {
    /// The name of a database.
    DatabaseName, "database",
    "3 to 50 characters of a-z, 0-9, _ and -, starting with a letter, no _ or - at the end or twice in a row",
    |text| {
        (3..=50).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || is_joiner(c))
            && !text.ends_with(is_joiner)
            && !text.as_bytes().windows(2).any(|pair| pair.iter().all(|&b| is_joiner(b.into())))
    }
}

name_type! {
    /// The id of a class of the ontology.
    ClassName, "class",
    "1 to 100 characters of A-Z, a-z, 0-9, _, : and -, starting with a letter",
    |text| {
        (1..=100).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
    }
}

name_type! {
    /// The name of a branch; may contain `/`, as in git.
    BranchName, "branch",
    "1 to 100 characters of A-Z, a-z, 0-9, _ and -, in parts joined by single /; not refs, objects, info, hooks or HEAD",
    |text| {
        (1..=100).contains(&text.len())
            && text.split('/').all(|part| {
                !part.is_empty()
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || is_joiner(c))
            })
            && !["refs", "objects", "info", "hooks", "HEAD"].contains(&text)
    }
}

name_type! {
    /// The id of an instance within its class, in normalization form C: texts that differ only in
    /// their form are the same id.
    InstanceId, "instance",
    "1 to 255 bytes of UTF-8, no control characters, no blank at either end",
    nfc,
    |text| {
        (1..=255).contains(&text.len())
            && !text.chars().any(char::is_control)
            && !text.starts_with(char::is_whitespace)
            && !text.ends_with(char::is_whitespace)
    }
}

name_type! {
    /// The key of a property or of a relationship (its predicate).
    PropertyName, "property",
    "1 to 200 characters of A-Z, a-z, 0-9 and _, starting with a letter",
    |text| {
        (1..=200).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }
}

name_type! {
    /// The name of a principal: a person, a service or a controller. It is the actor in the log.
    PrincipalName, "principal",
    "1 to 100 characters of A-Z, a-z, 0-9, ., _, @, :, / and -, starting with a letter or a digit; not anonymous",
    |text| {
        (1..=100).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._@:/-".contains(c))
            && text != ANONYMOUS
    }
}

impl PropertyName {
    /// The id of the instance itself, among properties; no text parses to it.
    pub fn instance_id() -> Self {
        Self(Arc::from(INSTANCE_ID))
    }
}

impl BranchName {
    /// The branch that every database has from its creation.
    pub fn main() -> Self {
        Self(Arc::from("main"))
    }

    /// Whether this is [`BranchName::main`], which can never be deleted.
    pub fn is_main(&self) -> bool {
        &*self.0 == "main"
    }

    /// Whether its deletion needs `force` (contract §3).
    pub fn is_protected(&self) -> bool {
        ["main", "master", "production"].contains(&&*self.0)
    }
}

fn as_written(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn is_joiner(c: char) -> bool {
    c == '_' || c == '-'
}
