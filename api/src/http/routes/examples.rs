//! Example answers for the document; a test sends the example bodies and compares.

use serde_json::{Value, json};

/// The answer to the creation of a database, after waiting.
pub(super) fn database_created() -> Value {
    json!({
        "status": "created",
        "message": "database creation accepted",
        "data": {
            "command_id": "01a20918-9a1f-74e7-9b53-ec8f66853ea7",
            "database_name": "demo",
            "status": "completed",
            "mode": "event_sourcing",
            "sequence": 1,
            "position": 2,
        },
    })
}

/// The answer to the creation of an instance, after waiting.
pub(super) fn instance_created() -> Value {
    json!({
        "command_id": "01a20918-9a87-74f3-bdc3-d12d1a7891ba",
        "status": "COMPLETED",
        "result": {
            "message": "instance creation accepted",
            "instance_id": "chair-1",
            "class_id": "Product",
            "db_name": "demo",
            "branch": "main",
            "sequence": 1,
            "position": 8,
        },
        "retry_count": 0,
    })
}

/// A list of instances.
pub(super) fn instance_page() -> Value {
    json!({
        "class_id": "Product",
        "total": 1,
        "limit": 100,
        "offset": 0,
        "search": null,
        "instances": [instance()],
    })
}

/// A graph query's answer.
pub(super) fn graph_answer() -> Value {
    json!({
        "nodes": [{
            "id": "Product/chair-1",
            "type": "Product",
            "es_doc_id": "Product/chair-1",
            "db_name": "demo",
            "es_ref": {"index": "demo_instances", "id": "Product/chair-1"},
            "data_status": "FULL",
            "display": {"primary_key": "chair-1", "name": "Chair", "summary": "Chair"},
            "data": instance(),
            "index_status": {
                "last_indexed_at": "2026-01-02T00:00:00.000000Z",
                "index_age_seconds": 0.07,
                "event_sequence": 1,
                "graph_last_updated_at": "2026-01-02T00:00:00.000000Z",
                "projection_lag_seconds": 0.0,
            },
        }],
        "edges": [],
        "query": {"start_class": "Product", "filters": {"name": "Chair"}, "limit": 10},
        "count": 1,
        "warnings": [],
        "page": {"limit": 10, "offset": 0},
        "index_summary": {
            "documents_found": 1,
            "documents_partial": 0,
            "documents_missing": 0,
            "tombstoned": 0,
            "max_projection_lag_seconds": 0.0,
        },
        "position": 8,
    })
}

fn instance() -> Value {
    json!({
        "instance_id": "chair-1",
        "class_id": "Product",
        "class_label": "Product",
        "data": {"product_id": "chair-1", "name": "Chair", "price": 120.5},
        "event_id": "d94ee9fb-00ae-5faf-98b0-8d9c610395cf",
        "event_sequence": 1,
        "event_timestamp": "2026-01-02T00:00:00.000000Z",
        "version": 1,
        "db_name": "demo",
        "branch": "main",
        "position": 8,
        "created_at": "2026-01-02T00:00:00.000000Z",
        "updated_at": "2026-01-02T00:00:00.000000Z",
    })
}
