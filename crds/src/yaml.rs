//! YAML with positions and with the digits of its numbers: read into trees, and written.
//!
//! What is read is JSON in the notation of YAML 1.2. Where readers of YAML disagree about what a
//! text means (`no`, `010`, `1_000`), it is a problem that is named, never a guess.

mod read;
mod scalar;
mod write;

pub use read::read;
pub use write::write;

use crate::exact::{Exact, Fields, Number};

/// A place in a file, both counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Mark,
    /// What, and what to do.
    pub sentence: String,
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it holds; nothing when it cannot be read to its end.
    pub root: Option<Node>,
    /// All that is wrong with it.
    pub problems: Vec<Problem>,
}

/// A value, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Mark,
    /// What it is.
    pub tree: Tree,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Nothing, `~`, `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// `yes`, `no`, `on`, `off`, `y`, `n`, not quoted: a boolean to readers of YAML 1.1 (`kubectl`
    /// among them), a text to those of YAML 1.2.
    Switch {
        /// As it was written.
        text: String,
        /// What it means as a boolean.
        on: bool,
    },
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object: no key is there twice.
    Object(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key begins.
    pub at: Mark,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The value of a key; nothing in what is no object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Tree::Object(entries) = &self.tree else {
            return None;
        };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    /// Where a field stands, by its path below this node: `spec.properties[2].name`. Of a field that
    /// is not there, where the deepest part of its path stands. `snake_case` and `camelCase` of one
    /// key are the same.
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

    /// The text of a text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is nothing.
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
