//! HTTP: the gateway and oms as two routers over one engine. Owns shapes, names, status codes,
//! headers and waiting; what a command means is the writer's business, what a read finds the
//! stores'.

mod answer;
mod bodies;
mod branches;
mod call;
mod commands;
mod databases;
mod dead_letters;
mod failure;
mod graph;
mod head;
mod history;
mod instances;
mod layers;
mod lists;
mod metrics;
mod ontology;
mod ontology_tools;
mod openapi;
mod operation;
mod parameters;
mod prefer;
mod probes;
mod push;
mod query;
mod reading;
mod render;
mod routes;
mod samples;
mod schema;
mod serve;
mod shapes;
mod submit;
mod token;
mod version;

use std::sync::Arc;

pub use self::{
    routes::{funnel_router, gateway_router, oms_router},
    serve::{Timeouts, serve, serve_with},
};
use crate::{engine::Engine, http::metrics::Metrics, read::reads::Reads};

/// What can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `ENABLE_EVENT_SOURCING`: false means that every write waits for the projections.
    pub event_sourcing: bool,
    /// The version that health answers.
    pub version: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            event_sourcing: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The api of one process; both routers share it.
pub struct Api {
    pub(crate) engine: Engine,
    pub(crate) reads: Arc<Reads>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
}

impl Api {
    /// An api over an engine.
    pub fn new(engine: Engine, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            reads: Arc::new(Reads::new(engine.clone())),
            engine,
            settings,
            metrics: Metrics::default(),
        })
    }

    /// How many commands someone listens to now.
    pub fn followed_commands(&self) -> usize {
        self.reads.followed_commands()
    }
}

/// Which of the two services a request came to. They differ in paths, and in the status of a
/// body of the wrong shape (contract §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Surface {
    Gateway,
    Oms,
    Funnel,
}

impl Surface {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Oms => "oms",
            Self::Funnel => "funnel",
        }
    }
}

/// The state of a router: the api, as one of its services.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) api: Arc<Api>,
    pub(crate) surface: Surface,
    pub(crate) document: Arc<openapi::Document>,
}
