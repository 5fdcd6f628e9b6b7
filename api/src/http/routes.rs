//! The calls of the services (contract §3). Each is described where it is registered, in the
//! module of its subject. The router and the document are both built from the descriptions.

mod branches;
mod commands;
mod databases;
mod dead_letters;
mod examples;
mod graph;
mod instances;
mod mount;
mod ontology;
mod ontology_tools;
mod probes;
mod versions;

use std::sync::Arc;

use axum::Router;

use crate::http::{Api, Surface, operation::Subject};

/// The gateway: the API for clients.
pub fn gateway_router(api: Arc<Api>) -> Router {
    router(api, Surface::Gateway)
}

/// oms: the older, lower-level service over the same engine.
pub fn oms_router(api: Arc<Api>) -> Router {
    router(api, Surface::Oms)
}

/// funnel: schema inference; so far only health checks.
pub fn funnel_router(api: Arc<Api>) -> Router {
    router(api, Surface::Funnel)
}

/// metrics: only metrics and health checks, for a listener of their own.
pub fn metrics_router(api: Arc<Api>) -> Router {
    router(api, Surface::Metrics)
}

fn router(api: Arc<Api>, surface: Surface) -> Router {
    mount::router(api, surface, &subjects(surface))
}

/// All calls of a service.
pub(crate) fn subjects(surface: Surface) -> Vec<Subject> {
    match surface {
        Surface::Gateway => vec![
            databases::gateway(),
            branches::gateway(),
            versions::gateway(),
            ontology::gateway(),
            ontology_tools::gateway(),
            instances::gateway(),
            commands::subject(),
            graph::gateway(),
            dead_letters::subject(),
            probes::subject(),
        ],
        Surface::Oms => vec![
            databases::oms(),
            branches::oms(),
            versions::oms(),
            ontology::oms(),
            ontology_tools::oms(),
            instances::oms(),
            commands::subject(),
            dead_letters::subject(),
            probes::subject(),
        ],
        Surface::Funnel | Surface::Metrics => vec![probes::subject()],
    }
}
