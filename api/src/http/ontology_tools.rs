//! Tools for designing an ontology: the effects of a change, the connections between classes, their
//! labels. All of them read the branch's classes.

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
