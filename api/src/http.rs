//! HTTP: gateway and oms as two routers over one engine. Owns answers, names, status codes, headers
//! and waiting. The writer decides commands; the stores answer reads.

mod answer;
mod bodies;
mod branches;
mod call;
mod commands;
mod databases;
mod dead_letters;
mod declare;
mod failure;
mod gate;
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
mod replays;
mod routes;
mod samples;
mod schema;
mod scrape;
mod serve;
mod service;
mod submit;
mod surface;
mod tasks;
mod token;
mod version;

pub(crate) use self::service::Service;
pub use self::{
    routes::router,
    serve::{Timeouts, serve, serve_with},
    service::{Api, Settings},
    surface::Surface,
};
