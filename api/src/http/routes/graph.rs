//! Graph queries (contract §9).

use axum::http::Method;
use serde_json::json;
use spice_core::error::ErrorCode;

use super::examples;
use crate::{
    http::{
        answer::ApiResponse,
        graph::{self, GraphAnswer},
        operation::{Operation, Subject, reads},
        parameters::known,
        probes::{self, Health},
    },
    read::graph::{GraphRequest, SchemaPaths, SimpleRequest},
};

/// At the gateway.
pub(super) fn gateway() -> Subject {
    Subject {
        name: "Graph queries",
        description: "Queries that follow relationships between instances.",
        operations: vec![health(), query(), simple(), multi_hop(), paths()],
    }
}

fn health() -> Operation {
    reads(
        Method::GET,
        "/api/v1/graph-query/health",
        "graphHealth",
        "Returns whether graph queries can be answered.",
        probes::health,
    )
    .answers::<ApiResponse<'static, Health<'_>>>(200, "They can.")
    .fails(&[ErrorCode::Unavailable])
}

fn query() -> Operation {
    hops("/api/v1/graph-query/{db}", "queryGraph").also_at(&["/api/v1/graph-query/health"])
}

fn multi_hop() -> Operation {
    hops("/api/v1/graph-query/{db}/multi-hop", "queryGraphMultiHop")
}

fn hops(path: &'static str, id: &'static str) -> Operation {
    reads(
        Method::POST,
        path,
        id,
        "Starts at the instances of a class, follows hops, and joins the documents.",
        graph::query,
    )
    .takes(known::READ)
    .body::<GraphRequest>()
    .example(json!({
        "start_class": "Product",
        "hops": [{"predicate": "owned_by", "target_class": "Customer"}],
        "filters": {"price": {"gte": 100}},
    }))
    .speaks()
    .answers::<GraphAnswer<'_>>(200, "Nodes, edges, and whether their data is current.")
}

fn simple() -> Operation {
    reads(
        Method::POST,
        "/api/v1/graph-query/{db}/simple",
        "queryGraphSimple",
        "Finds instances of one class.",
        graph::simple,
    )
    .takes(known::READ)
    .body::<SimpleRequest>()
    .example(json!({"class_name": "Product", "filters": {"name": "Chair"}, "limit": 10}))
    .speaks()
    .answers::<GraphAnswer<'_>>(200, "Nodes, and whether their data is current.")
    .shows(examples::graph_answer())
}

fn paths() -> Operation {
    reads(
        Method::GET,
        "/api/v1/graph-query/{db}/paths",
        "findPaths",
        "Finds the paths from one class to another in the schema.",
        graph::paths,
    )
    .takes(known::READ)
    .takes(&[
        &known::SOURCE_CLASS,
        &known::TARGET_CLASS,
        &known::MAX_DEPTH,
    ])
    .answers::<SchemaPaths<'_>>(200, "The paths.")
}
