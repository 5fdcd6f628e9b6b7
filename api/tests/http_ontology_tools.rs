//! Inheritance, lint, inverse predicates, the network of classes, labels and exports, over HTTP.

#![allow(clippy::unwrap_used)]
// Tables are long, and clearer in one piece.
#![allow(clippy::too_many_lines)]

mod http_ontology_tools {
    mod exchange;
    mod lint;
    mod network;
}
mod http_support;

use http_support::Server;
use serde_json::{Value, json};

const ONTOLOGY: &str = "/databases/demo/ontology";

fn party() -> Value {
    json!({
        "id": "Party", "label": {"en": "Party", "ko": "당사자"}, "abstract": true,
        "properties": [
            {"name": "party_id", "type": "string", "primaryKey": true, "required": true},
            {"name": "name", "type": "string", "required": true, "label": {"en": "Name", "ko": "이름"}},
            {"name": "size", "type": "integer"},
        ],
        "relationships": [{"predicate": "friends", "target": "Party", "cardinality": "n:m"}],
    })
}

fn person() -> Value {
    json!({
        "id": "Person", "label": "Person", "parent_class": "Party",
        "properties": [{"name": "email", "type": "email"}],
    })
}

fn item() -> Value {
    json!({
        "id": "Item", "label": "Item",
        "properties": [{"name": "item_id", "type": "string", "primaryKey": true}],
        "relationships": [{
            "predicate": "owner", "target": "Party", "cardinality": "n:1",
            "inverse_predicate": "owns", "inverse_label": {"en": "Owns", "ko": "소유"},
        }],
    })
}

/// A database `demo` with parties, persons and their possessions.
async fn server() -> Server {
    let server = Server::start().await;
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    for class in [party(), person(), item()] {
        server.write("POST", ONTOLOGY, class).await;
    }
    let create = "/databases/demo/instances/Person/create";
    for (id, friends) in [("kim", json!([])), ("lee", json!(["Person/kim"]))] {
        let data = json!({"party_id": id, "이름": id, "size": 5, "friends": friends});
        server.write("POST", create, json!({"data": data})).await;
    }
    let create = "/databases/demo/instances/Item/create";
    for (id, owner) in [
        ("pen", "Person/kim"),
        ("cup", "Person/kim"),
        ("hat", "Person/lee"),
    ] {
        let data = json!({"item_id": id, "owner": owner});
        server.write("POST", create, json!({"data": data})).await;
    }
    server
}

/// The (field, rule) of each entry of a refusal.
fn refused(answer: &http_support::Answer) -> Vec<(String, String)> {
    assert_eq!(
        (answer.status, answer.code()),
        (422, "validation_failed"),
        "{}",
        answer.text
    );
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = answer.body["detail"]["errors"].as_array().unwrap();
    entries
        .iter()
        .map(|it| (text(it, "field"), text(it, "rule")))
        .collect()
}

fn pair(field: &str, rule: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), rule.to_owned())]
}

#[tokio::test]
async fn classes_inherit_and_contradictions_are_refused() {
    let server = server().await;
    let got = server
        .get("/databases/demo/class/Person/instance/lee")
        .await
        .expect(200);
    assert_eq!(
        got.body["data"]["data"]["name"], "lee",
        "by an inherited label"
    );
    let class = server.get(&format!("{ONTOLOGY}/Person")).await.expect(200);
    assert_eq!(
        class.body["data"]["properties"],
        person()["properties"],
        "as written"
    );

    let create = "/databases/demo/instances/Person/create";
    let nameless = server
        .post(create, json!({"data": {"party_id": "x"}}))
        .await;
    assert_eq!(refused(&nameless), pair("name", "required"));
    let stranger = json!({"data": {"party_id": "x", "name": "x", "friends": ["Item/pen"]}});
    assert_eq!(
        refused(&server.post(create, stranger).await),
        pair("friends[0]", "target")
    );
    for path in [
        "/databases/demo/instances/Party/create",
        "oms:/instances/demo/async/Party/create",
    ] {
        let made = server
            .post(path, json!({"data": {"party_id": "x", "name": "x"}}))
            .await;
        assert_eq!(refused(&made), pair("Party", "abstract"));
    }
    let bulk = json!({"instances": [{"party_id": "x", "name": "x"}]});
    let bulk = server
        .post("/databases/demo/instances/Party/bulk-create", bulk)
        .await
        .expect(422);
    assert!(bulk.text.contains("\"abstract\""), "{}", bulk.text);
    let commands = json!({"commands": [{"type": "CREATE_INSTANCE", "class": "Party", "data": {"party_id": "x", "name": "x"}}]});
    let all = server
        .post("/databases/demo/transactions", commands)
        .await
        .expect(422);
    assert!(all.text.contains("\"abstract\""), "{}", all.text);

    let child = |parent: &str, property: &str, kind: &str| json!({"id": "Child", "label": "Child", "parent_class": parent, "properties": [{"name": property, "type": kind}]});
    let orphan = server.post(ONTOLOGY, child("Nobody", "a", "string")).await;
    assert_eq!(refused(&orphan), pair("parent_class", "parent"));
    let other_type = server
        .post(ONTOLOGY, child("Person", "size", "string"))
        .await;
    assert_eq!(refused(&other_type), pair("size", "inherited"));
    let parent = server
        .put(
            &format!("{ONTOLOGY}/Party?expected_seq=1"),
            json!({"parent_class": "Person"}),
        )
        .await;
    let errors = refused(&parent);
    assert!(
        errors.contains(&("parent_class".to_owned(), "cycle".to_owned())),
        "{errors:?}"
    );
    assert!(
        parent.text.contains("Party → Person → Party"),
        "{}",
        parent.text
    );
    let colliding = json!({"properties": [{"name": "party_id", "type": "string", "primaryKey": true}, {"name": "email", "type": "integer"}]});
    let colliding = server
        .put(&format!("{ONTOLOGY}/Party?expected_seq=1"), colliding)
        .await;
    assert_eq!(
        refused(&colliding),
        pair("email", "inherited"),
        "a class below it contradicts"
    );
    let mut keyed = party()["properties"].clone();
    keyed[1]["constraints"] = json!({"unique": true});
    let late = server
        .put(
            &format!("{ONTOLOGY}/Party?expected_seq=1"),
            json!({"properties": keyed}),
        )
        .await;
    assert_eq!(
        late.code(),
        "failed_precondition",
        "a class below it has instances: {}",
        late.text
    );

    let delete = server
        .delete(&format!("{ONTOLOGY}/Party?expected_seq=1"))
        .await;
    assert_eq!(delete.code(), "failed_precondition", "{}", delete.text);
    assert_eq!(delete.body["detail"]["parent_of"], "Person");
    server
        .write(
            "DELETE",
            &format!("{ONTOLOGY}/Party?expected_seq=1&force=true"),
            json!({}),
        )
        .await;
    let left = server
        .put(
            &format!("{ONTOLOGY}/Person?expected_seq=1"),
            json!({"description": "alone"}),
        )
        .await;
    assert_eq!(
        left.status, 202,
        "what was so before stands against nothing: {}",
        left.text
    );
}

#[tokio::test]
async fn queries_reach_kinds_and_go_back_by_the_inverse() {
    let server = server().await;
    let ids = |answer: &http_support::Answer| -> Vec<String> {
        let nodes = answer.body["nodes"].as_array().unwrap();
        let mut ids: Vec<String> = nodes
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let ask = async |start: &str, predicate: &str, target: &str, direction: &str| {
        let hop = json!({"predicate": predicate, "target_class": target, "direction": direction});
        server
            .post(
                "/graph-query/demo",
                json!({"start_class": start, "hops": [hop]}),
            )
            .await
    };
    let all = [
        "Item/cup",
        "Item/hat",
        "Item/pen",
        "Person/kim",
        "Person/lee",
    ];
    for (start, predicate, target, direction) in [
        ("Item", "owner", "Party", "out"),
        ("Item", "owner", "Person", "out"),
        ("Person", "owner", "Item", "in"),
        ("Person", "owns", "Item", "out"),
        ("Person", "소유", "Item", "out"),
        ("Item", "owns", "Person", "in"),
    ] {
        let answer = ask(start, predicate, target, direction).await.expect(200);
        assert_eq!(
            ids(&answer),
            all,
            "{start} {predicate} {target} {direction}"
        );
        let edges = answer.body["edges"].as_array().unwrap();
        assert_eq!(edges.len(), 3);
        assert!(edges.iter().all(|it| it["predicate"] == "owner"
            && it["from_node"].as_str().unwrap().starts_with("Item/")));
    }
    let friends = ask("Person", "friends", "Party", "in").await.expect(200);
    assert_eq!(
        ids(&friends),
        ["Person/kim", "Person/lee"],
        "an inherited relationship, held by a kind"
    );
    assert_eq!(
        ask("Item", "owns", "Person", "out").await.code(),
        "invalid_query"
    );
    assert_eq!(
        ask("Item", "owner", "Item", "out").await.code(),
        "invalid_query"
    );
    let way = server
        .get("/graph-query/demo/paths?source_class=Person&target_class=Item")
        .await
        .expect(200);
    assert_eq!(way.body["paths"][0]["hops"][0]["predicate"], "owner");
    assert_eq!(way.body["paths"][0]["hops"][0]["direction"], "in");
}
