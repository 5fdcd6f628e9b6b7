//! Tools for those who design an ontology: what a change would do, how classes hang together, their
//! labels. All of them answer from the branch's classes.

mod lint;
mod mappings;
mod network;
mod paths;
mod relationships;
mod shapes;

pub(crate) use self::{
    lint::{LintAnswer, lint},
    mappings::{ImportBody, delete_mappings, download_mappings, export_mappings, import_mappings},
    network::analyze,
    paths::{paths, paths_from, reachable_from},
    relationships::{check_circular, validate},
    shapes::LintBody,
};
