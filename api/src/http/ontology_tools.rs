//! Tools for those who design an ontology: what a change would do, how classes are connected, their
//! labels. All of them answer from the branch's classes.

mod lint;
mod mappings;
mod network;
mod paths;
mod relationships;

pub(crate) use self::{
    lint::{LintAnswer, lint},
    mappings::{
        ImportBody, LabelsSet, Mappings, delete_mappings, download_mappings, export_mappings,
        import_mappings,
    },
    network::{NetworkAnswer, analyze},
    paths::{PathsAnswer, paths, paths_from, reachable_from},
    relationships::{CyclesFound, Validation, check_circular, validate},
};
