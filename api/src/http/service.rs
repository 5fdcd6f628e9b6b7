//! The api of one process, and its services: the state of every handler.

use std::sync::Arc;

use bytes::Bytes;

use spice_telemetry::Source;

use super::{metrics::Metrics, surface::Surface};
use crate::{access::Access, engine::Engine, read::reads::Reads};

/// Settings of the api.
#[derive(Clone)]
pub struct Settings {
    /// `ENABLE_EVENT_SOURCING`: if false, every write waits for the projections.
    pub event_sourcing: bool,
    /// The version in health answers.
    pub version: String,
    /// The callers that are let in.
    pub access: Arc<Access>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            event_sourcing: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            access: Arc::new(Access::anonymous()),
        }
    }
}

/// The api of one process; both routers share it.
pub struct Api {
    pub(crate) engine: Engine,
    pub(crate) reads: Arc<Reads>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    /// What else this process reports.
    pub(crate) sources: Vec<Arc<dyn Source>>,
}

impl Api {
    /// An api over an engine. Its `/metrics` also reports these other parts of the process.
    pub fn new(engine: Engine, settings: Settings, sources: Vec<Arc<dyn Source>>) -> Arc<Self> {
        Arc::new(Self {
            reads: Arc::new(Reads::new(engine.clone())),
            engine,
            settings,
            metrics: Metrics::default(),
            sources,
        })
    }

    /// The number of commands with listeners.
    pub fn followed_commands(&self) -> usize {
        self.reads.followed_commands()
    }
}

/// The state of a router: the api, as one of its services.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) api: Arc<Api>,
    pub(crate) surface: Surface,
    pub(crate) document: Arc<Document>,
}

/// The description of a service: an `OpenAPI` document, and a page for people.
pub(crate) struct Document {
    pub(crate) json: Bytes,
    pub(crate) page: Bytes,
}
