//! Test data for the earlier system's surface: things with labels in two languages.

use serde_json::json;

use super::Server;

/// A database `demo` with four things.
pub(crate) async fn filled() -> Server {
    let server = Server::start().await;
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    let class = json!({
        "id": "Item",
        "label": {"en": "Thing", "ko": "물건"},
        "properties": [
            {"name": "item_id", "type": "string", "primaryKey": true},
            {"name": "name", "type": "string", "label": {"en": "Name", "ko": "이름"}},
            {"name": "price", "type": "decimal", "label": {"en": "Price", "ko": "가격"}},
            {"name": "tags", "type": "array", "items": {"type": "string"}},
        ],
        "relationships": [{"predicate": "next", "target": "Item", "cardinality": "n:1"}],
    });
    server
        .write("POST", "/database/demo/ontology-advanced", class)
        .await;
    let rows = json!({"instances": [
        {"item_id": "a", "name": "Cup", "price": 1.50, "tags": ["red", "blue"]},
        {"item_id": "b", "name": "Pot", "price": 20, "tags": ["green"], "next": "Item/a"},
        {"item_id": "c", "name": "Pan"},
        {"item_id": "d", "price": "BIG", "tags": []},
    ]});
    let rows = rows
        .to_string()
        .replace("\"BIG\"", "12345678901234567890.125");
    let bulk = server
        .request("POST", "/databases/demo/instances/Item/bulk-create")
        .header("prefer", "wait=20")
        .header("content-type", "application/json")
        .body(rows);
    server.send(bulk).await.expect(201);
    server
}
