//! YAML with positions, and with the digits of its numbers: parsed into trees, and written.
//!
//! Accepts JSON in the notation of YAML 1.2. If YAML readers interpret a text differently (`no`,
//! `010`, `1_000`), it is reported as a problem and never guessed.

mod read;
mod scalar;
mod write;

pub use read::read;
pub use write::write;

use crate::exact::{Exact, Fields, Number};

/// A place in a file; line and column count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A problem of a document, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place.
    pub at: Mark,
    /// What is wrong and what to do.
    pub sentence: String,
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The content; none if the document cannot be read to its end.
    pub root: Option<Node>,
    /// All problems of the document.
    pub problems: Vec<Problem>,
}

/// A value, with the place where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value starts.
    pub at: Mark,
    /// The value.
    pub tree: Tree,
}

/// The value of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Empty, `~`, `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// `yes`, `no`, `on`, `off`, `y`, `n` without quotes: a boolean in YAML 1.1 (including
    /// `kubectl`), a text in YAML 1.2.
    Switch {
        /// As it was written.
        text: String,
        /// Its meaning as a boolean.
        on: bool,
    },
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object; every key occurs once.
    Object(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key starts.
    pub at: Mark,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The value of a key; none if the node is not an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Tree::Object(entries) = &self.tree else {
            return None;
        };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    /// The place of a field, by its path below this node: `spec.properties[2].name`. For a missing
    /// field, the place of the deepest existing part of its path. `snake_case` and `camelCase` of
    /// one key are the same.
    pub fn place(&self, path: &str) -> Mark {
        let folded = |key: &str| key.replace('_', "").to_lowercase();
        let (mut node, mut at) = (self, self.at);
        for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
            let next = match &node.tree {
                Tree::List(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
                Tree::Object(entries) => {
                    let same = |entry: &&Entry| folded(&entry.key) == folded(part);
                    entries.iter().find(same).map(|entry| {
                        at = entry.at;
                        &entry.value
                    })
                }
                _ => None,
            };
            let Some(next) = next else { break };
            if matches!(node.tree, Tree::List(_)) {
                at = next.at;
            }
            node = next;
        }
        at
    }

    /// The content of a text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        self.tree == Tree::Null
    }

    /// The value without its positions.
    pub fn to_exact(&self) -> Exact {
        match &self.tree {
            Tree::Null => Exact::Null,
            Tree::Bool(flag) | Tree::Switch { on: flag, .. } => Exact::Bool(*flag),
            Tree::Number(number) => Exact::Number(number.clone()),
            Tree::Text(text) => Exact::Text(text.clone()),
            Tree::List(items) => Exact::List(items.iter().map(Self::to_exact).collect()),
            Tree::Object(entries) => {
                let fields = entries.iter();
                let fields: Fields = fields
                    .map(|entry| (entry.key.clone(), entry.value.to_exact()))
                    .collect();
                Exact::Object(fields)
            }
        }
    }
}

#[cfg(test)]
mod tests;
