//! The ontology of a branch: classes, their properties and relationships, and their rules.

mod class;
mod constraints;
mod contradiction;
mod definition;
mod found;
mod inherit;
mod instance;
mod labels;
pub(crate) mod limits;
mod lint;
pub(crate) mod near;
pub mod network;
mod property;
mod references;
mod relationship;
mod resolved;
mod rule;
mod schema;
mod shape;
mod text;

pub use self::{
    class::Class,
    definition::DEFINITION,
    instance::Candidate,
    labels::{LabelKeys, Labels},
    lint::{ChangeLint, ClassFinding, Finding, Severity, check_structure},
    property::Property,
    relationship::{Cardinality, Relationship},
    resolved::Written,
    rule::Rule,
    schema::Schema,
    text::Text,
};
pub use crate::value::PropertyType;
