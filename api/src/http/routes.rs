//! The calls of the services (contract §3): one table for each subject, one row for each call, which
//! says where each service has it. The router and the document are both built from the rows.
#![allow(clippy::too_many_lines, reason = "a table has a row for each call")]

mod branches;
mod commands;
mod databases;
mod dead_letters;
mod declare;
mod graph;
mod instances;
mod mount;
mod ontology;
mod ontology_tools;
mod probes;
mod replays;
mod tasks;
mod versions;

use std::sync::Arc;

use axum::Router;

use crate::http::{Api, Surface, operation::Subject};

/// The router of a service.
pub fn router(api: Arc<Api>, surface: Surface) -> Router {
    mount::router(api, surface, &list_subjects(surface))
}

/// All calls of a service.
pub(crate) fn list_subjects(surface: Surface) -> Vec<Subject> {
    let mut subjects = vec![
        databases::list_calls(),
        declare::list_calls(),
        branches::list_calls(),
        versions::list_calls(),
        ontology::list_calls(),
        ontology_tools::list_calls(),
        instances::list_calls(),
        commands::list_calls(),
        graph::list_calls(),
        dead_letters::list_calls(),
        replays::list_calls(),
        tasks::list_calls(),
        probes::list_calls(),
    ];
    for subject in &mut subjects {
        subject.operations.retain_mut(|it| it.choose(surface));
    }
    subjects.retain(|subject| !subject.operations.is_empty());
    subjects
}
