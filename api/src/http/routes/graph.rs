//! Graph queries (contract §9).

use serde_json::json;
use spice_core::error::ErrorCode;

use crate::{
    http::{
        answer::ApiResponse,
        gate::{Rule, VIEWER},
        graph::{self, GraphAnswer},
        operation::{Operation, Subject, ask, get},
        parameters::known::{MAX_DEPTH, READ, SOURCE_CLASS, TARGET_CLASS},
        probes::{self, Health},
    },
    read::graph::{GraphRequest, SchemaPaths, SimpleRequest},
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations = vec![
        get(Rule::Open, "graphHealth", probes::health)
            .at_gateway("/api/v1/graph-query/health")
            .does("Returns whether graph queries can be answered.")
            .answers::<ApiResponse<'static, Health<'_>>>(200, "They can.")
            .fails(&[ErrorCode::Unavailable]),
        follow_hops("queryGraph").at_gateway("/api/v1/graph-query/{db}"),
        ask(VIEWER, "queryGraphSimple", graph::simple)
            .at_gateway("/api/v1/graph-query/{db}/simple")
            .does("Finds instances of one class.")
            .takes(READ)
            .body::<SimpleRequest>(
                json!({"class_name": "Product", "filters": {"name": "Chair"}, "limit": 10}),
            )
            .speaks()
            .answers::<GraphAnswer<'_>>(200, "Nodes, and whether their data is current.")
            .shows(include_str!("examples/graph_answer.json")),
        follow_hops("queryGraphMultiHop").at_gateway("/api/v1/graph-query/{db}/multi-hop"),
        get(VIEWER, "findPaths", graph::paths)
            .at_gateway("/api/v1/graph-query/{db}/paths")
            .does("Finds the paths from one class to another in the schema.")
            .takes(READ)
            .takes(&[&SOURCE_CLASS, &TARGET_CLASS, &MAX_DEPTH])
            .answers::<SchemaPaths<'_>>(200, "The paths."),
    ];
    Subject {
        name: "Graph queries",
        description: "Queries that follow relationships between instances.",
        operations,
    }
}

fn follow_hops(id: &'static str) -> Operation {
    ask(VIEWER, id, graph::query)
        .does("Starts at the instances of a class, follows hops, and joins the documents.")
        .takes(READ)
        .body::<GraphRequest>(json!({
            "start_class": "Product",
            "hops": [{"predicate": "owned_by", "target_class": "Customer"}],
            "filters": {"price": {"gte": 100}},
        }))
        .speaks()
        .answers::<GraphAnswer<'_>>(200, "Nodes, edges, and whether their data is current.")
}
