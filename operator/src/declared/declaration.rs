//! Declarations, their sources, and the problems in them.

use std::{fmt, path::PathBuf};

use spice_crds::{Branch, Database, Exact, Ontology};

use crate::{kind::Kind, ontology::definition};

/// Problems that an error shows; the rest is counted.
pub const SHOWN: usize = 50;

/// A resource of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyResource {
    /// A database.
    Database(Box<Database>),
    /// A set of classes.
    Ontology(Box<Ontology>),
    /// A branch.
    Branch(Box<Branch>),
}

/// A resource, and where it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// File, document and, in a list, item: `demo.yaml, document 2`.
    pub source: String,
    /// The declared resource.
    pub resource: AnyResource,
}

/// The source of declarations.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, or a folder: its `.yaml` and `.yml` files ordered by name, without subfolders.
    Path(PathBuf),
    /// A text in memory, with a name for messages.
    Text {
        /// `standard input`
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// The result of reading.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The declarations, in the order read.
    pub declared: Vec<Declared>,
    /// What was skipped, one sentence for each folder.
    pub skipped: Vec<String>,
}

/// A problem in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// File, document and line.
    pub place: String,
    /// What is wrong and what to do.
    pub problem: String,
}

/// All problems, which are the reason why nothing is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredError {
    /// Each problem, in the order found.
    pub flaws: Vec<Flaw>,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl fmt::Display for DeclaredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flaw) in self.flaws.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            flaw.fmt(f)?;
        }
        if self.flaws.len() > SHOWN {
            write!(f, "\nand {} more", self.flaws.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for DeclaredError {}

/// A rule that a field of a resource breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The field, below the object: `spec.properties[2].constraints.max`.
    pub field: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl AnyResource {
    /// The definitions of the classes, as they are sent to the api.
    pub fn class_definitions(&self) -> Vec<Exact> {
        match self {
            Self::Ontology(ontology) => {
                let classes = ontology.spec.classes.iter();
                classes.map(|class| definition(class).into()).collect()
            }
            Self::Database(_) | Self::Branch(_) => Vec::new(),
        }
    }

    /// Kind, namespace and name.
    pub fn identity(&self) -> (&'static str, String, String) {
        fn of<K: Kind>(resource: &K) -> (&'static str, String, String) {
            let namespace = resource.meta().namespace.clone().unwrap_or_default();
            (K::KIND, namespace, resource.object_name().to_owned())
        }
        match self {
            Self::Database(database) => of(&**database),
            Self::Ontology(ontology) => of(&**ontology),
            Self::Branch(branch) => of(&**branch),
        }
    }
}

/// Checks a resource by rules that its schema does not contain.
pub type Check = dyn Fn(&AnyResource) -> Vec<Breach>;
