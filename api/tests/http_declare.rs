//! Declarations over HTTP: claims, generations, safe changes, and what reads show of them.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

mod http_support;

use http_support::{Answer, Server};
use serde_json::{Value, json};

const SHOP: &str = "/databases/shop";

fn owner(kind: &str, name: &str, uid: &str) -> Value {
    json!({"cluster": "prod", "kind": kind, "namespace": "team", "name": name, "uid": uid})
}

fn shelf(properties: Value) -> Value {
    json!({"id": "Shelf", "label": "Shelf", "properties": properties})
}

fn room() -> Value {
    json!({"name": "room", "type": "string"})
}

fn size() -> Value {
    json!({"name": "size", "type": "integer"})
}

/// A declaration of classes of `main` by the Ontology `catalog`.
fn catalog(generation: u64, definitions: &[Value]) -> Value {
    json!({
        "owner": owner("Ontology", "catalog", "u1"), "generation": generation,
        "classes": {"definitions": definitions},
    })
}

fn with(body: &Value, field: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[field] = value;
    body
}

async fn declare(server: &Server, body: Value) -> Answer {
    server.post(&format!("{SHOP}/declare"), body).await
}

async fn undeclare(server: &Server, body: Value) -> Answer {
    server.post(&format!("{SHOP}/undeclare"), body).await
}

/// The database `shop`, declared, with declared shelves, of which two have a room.
async fn shop() -> Server {
    let server = Server::start().await;
    let database = json!({
        "owner": owner("Database", "shop", "d1"), "generation": 1,
        "database": {"description": "first", "after_generation": 0},
    });
    let path = format!("{SHOP}/declare");
    server.write("POST", &path, database).await;
    let classes = catalog(1, &[shelf(json!([room(), size()]))]);
    let declared = server.write("POST", &path, classes).await;
    assert_eq!(declared.body["data"]["changed"], true);
    assert_eq!(declared.body["data"]["status"], "completed");
    let rows = json!({"instances": [{"room": "a"}, {"room": "b", "size": 2}, {"size": 3}]});
    let bulk = format!("{SHOP}/instances/Shelf/bulk-create");
    server.write("POST", &bulk, rows).await;
    server
}

#[tokio::test]
async fn reads_show_owners_and_repeated_declarations_write_nothing() {
    let server = shop().await;
    let database = server.get(SHOP).await.expect(200).body["data"].clone();
    assert_eq!(database["owner"]["kind"], "Database");
    assert_eq!(database["owner"]["generation"], 1);
    assert_eq!(database["data"]["owner"], database["owner"]);
    let class = server
        .get(&format!("{SHOP}/ontology/Shelf"))
        .await
        .expect(200);
    assert_eq!(class.body["data"]["owner"]["name"], "catalog");
    let listed = server
        .get(&format!("{SHOP}/ontology/list"))
        .await
        .expect(200);
    assert_eq!(listed.body["ontologies"][0]["owner"]["uid"], "u1");
    let main = server
        .get(&format!("{SHOP}/branches/main"))
        .await
        .expect(200);
    assert_eq!(main.body["data"]["owner"], Value::Null);
    let position = || async { server.get(SHOP).await.body["data"]["position"].clone() };
    let before = position().await;
    let same = catalog(1, &[shelf(json!([room(), size()]))]);
    let again = declare(&server, same.clone()).await.expect(200);
    assert_eq!(again.body["data"]["changed"], false);
    assert_eq!(position().await, before);
    declare(&server, with(&same, "generation", json!(2)))
        .await
        .expect(202);
    let stale = declare(&server, same).await.expect(409);
    assert_eq!(stale.code(), "stale_generation");
    assert_eq!(stale.body["detail"]["actual_generation"], 2);
}

#[tokio::test]
async fn an_unsafe_change_is_planned_refused_and_approved() {
    let server = shop().await;
    let change = catalog(2, &[shelf(json!([size()]))]);
    let planned = declare(&server, with(&change, "dry_run", json!(true)))
        .await
        .expect(200);
    let plan = &planned.body["data"];
    assert_eq!(
        (&plan["safe"], &plan["changed"]),
        (&json!(false), &json!(true))
    );
    let refused = declare(&server, change.clone()).await.expect(409);
    assert_eq!(refused.code(), "unsafe_change");
    let detail = &refused.body["detail"];
    assert_eq!(detail["hash"], plan["hash"], "one decision");
    assert_eq!(detail["findings"], plan["findings"]);
    assert_eq!(detail["findings"][0]["affected"], 2);
    assert_eq!(detail["findings_total"], 1);
    let create = format!("{SHOP}/instances/Shelf/create");
    server
        .write("POST", &create, json!({"data": {"room": "c"}}))
        .await;
    let approved = with(&change, "approve", plan["hash"].clone());
    let changed = declare(&server, approved).await.expect(409);
    assert_eq!(changed.body["detail"]["findings"][0]["affected"], 3);
    let approved = with(&change, "approve", changed.body["detail"]["hash"].clone());
    let path = format!("{SHOP}/declare");
    let done = server.write("POST", &path, approved).await;
    assert_eq!(
        done.body["data"]["changes"],
        json!([{"kind": "class", "name": "Shelf", "change": "modified"}])
    );
    let command = done.body["data"]["command_id"].as_str().unwrap();
    let status = server
        .get(&format!("/commands/{command}/status"))
        .await
        .expect(200);
    assert_eq!(status.body["status"], "COMPLETED");
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    let server = shop().await;
    let body = catalog(
        2,
        &[
            shelf(json!([room(), size()])),
            json!({"id": "New", "label": "New"}),
        ],
    );
    let send = || async {
        let request = server.request("POST", &format!("{SHOP}/declare"));
        let request = request.header("idempotency-key", "one").json(&body);
        server.send(request).await.expect(202)
    };
    let first = send().await;
    let second = send().await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(
        first.body["data"]["command_id"],
        second.body["data"]["command_id"]
    );
    assert_eq!(
        first.body["data"]["changes"],
        second.body["data"]["changes"]
    );
}

#[tokio::test]
async fn only_the_owner_declares_and_deletes() {
    let server = shop().await;
    let mine = shelf(json!([room(), size()]));
    let other = with(
        &catalog(1, &[mine]),
        "owner",
        owner("Ontology", "other", "u2"),
    );
    let refused = declare(&server, other.clone()).await.expect(409);
    assert_eq!(refused.code(), "owned");
    assert_eq!(refused.body["detail"]["owner"]["name"], "catalog");
    let end = json!({"owner": owner("Ontology", "other", "u2"), "generation": 1, "delete": true});
    let nothing = undeclare(&server, end.clone()).await;
    assert!(matches!(nothing.status, 200 | 202), "{}", nothing.text);
    server
        .get(&format!("{SHOP}/ontology/Shelf"))
        .await
        .expect(200);
    let taken = with(
        &with(&other, "override", json!(true)),
        "generation",
        json!(2),
    );
    declare(&server, taken).await.expect(202);
    let own = json!({"owner": owner("Ontology", "catalog", "u1"), "generation": 2, "delete": true});
    undeclare(&server, own.clone()).await.expect(202);
    let again = undeclare(&server, own).await.expect(200);
    assert_eq!(again.body["data"]["changed"], false);
    server
        .get(&format!("{SHOP}/ontology/Shelf"))
        .await
        .expect(200);
    let unsafe_end = with(&end, "generation", json!(3));
    let refused = undeclare(&server, unsafe_end.clone()).await.expect(409);
    assert_eq!(
        refused.body["detail"]["findings"][0]["code"],
        "class_deleted"
    );
    let approved = with(
        &unsafe_end,
        "approve",
        refused.body["detail"]["hash"].clone(),
    );
    let path = format!("{SHOP}/undeclare");
    server.write("POST", &path, approved).await;
    server
        .get(&format!("{SHOP}/ontology/Shelf"))
        .await
        .expect(404);
    let database =
        json!({"owner": owner("Database", "shop", "d1"), "generation": 1, "delete": true});
    server.write("POST", &path, database.clone()).await;
    let gone = server.get(SHOP).await.expect(404);
    assert_eq!(gone.body["detail"]["generation"], 1);
    let late = undeclare(&server, database).await.expect(404);
    assert_eq!(late.code(), "not_found");
    let unseen = json!({
        "owner": owner("Database", "shop", "d2"), "generation": 1,
        "database": {"after_generation": 0},
    });
    let refused = declare(&server, unseen.clone()).await.expect(409);
    assert_eq!(refused.code(), "deleted");
    let seen = with(&unseen, "database", json!({"after_generation": 1}));
    let path = format!("{SHOP}/declare");
    server.write("POST", &path, seen).await;
}

#[tokio::test]
async fn a_deleted_class_comes_back_and_every_store_shows_it() {
    let server = shop().await;
    let path = format!("{SHOP}/declare");
    let none = with(&catalog(2, &[]), "change_policy", json!("Unsafe"));
    server.write("POST", &path, none).await;
    server
        .get(&format!("{SHOP}/ontology/Shelf"))
        .await
        .expect(404);
    server
        .write("POST", &path, catalog(3, &[shelf(json!([room()]))]))
        .await;
    let class = server
        .get(&format!("{SHOP}/ontology/Shelf"))
        .await
        .expect(200);
    assert_eq!(class.body["data"]["event_sequence"], 3);
    let create = format!("{SHOP}/instances/Shelf/create");
    server
        .write("POST", &create, json!({"data": {"room": "new"}}))
        .await;
    let listed = server
        .get(&format!("{SHOP}/class/Shelf/instances"))
        .await
        .expect(200);
    assert_eq!(listed.body["total"], 1);
    let graph = server
        .post("/graph-query/shop", json!({"start_class": "Shelf"}))
        .await
        .expect(200);
    assert_eq!(graph.body["count"], 1);
    let position = class.body["data"]["position"].as_u64().unwrap();
    let past = server
        .get(&format!("{SHOP}/ontology/Shelf?as_of={position}"))
        .await
        .expect(200);
    assert_eq!(past.body["data"]["owner"], Value::Null);
}

#[tokio::test]
async fn a_description_can_be_changed_and_a_branch_declared() {
    let server = shop().await;
    let stale = server
        .put(
            &format!("{SHOP}?expected_seq=7"),
            json!({"description": "x"}),
        )
        .await;
    assert_eq!(stale.expect(409).code(), "optimistic_concurrency_conflict");
    let path = format!("{SHOP}?expected_seq=1");
    server
        .write("PUT", &path, json!({"description": "second"}))
        .await;
    let database = server.get(SHOP).await.expect(200);
    assert_eq!(database.body["data"]["description"], "second");
    assert_eq!(database.body["data"]["sequence"], 2);
    let branch = json!({
        "owner": owner("Branch", "x", "b1"), "generation": 1, "branch": {"name": "x"},
    });
    declare(&server, branch.clone()).await.expect(202);
    let read = server.get(&format!("{SHOP}/branches/x")).await.expect(200);
    assert_eq!(read.body["data"]["owner"]["kind"], "Branch");
    assert_eq!(read.body["data"]["from_branch"], "main");
    server
        .delete(&format!("{SHOP}/branches/x"))
        .await
        .expect(200);
    let lost = declare(&server, branch).await.expect(409);
    assert_eq!(lost.code(), "deleted");
}

#[tokio::test]
async fn without_an_owner_nothing_is_claimed() {
    let server = shop().await;
    let person =
        |label: &str| json!({"classes": {"definitions": [{"id": "Lamp", "label": label}]}});
    let first = declare(&server, person("Lamp")).await.expect(202);
    assert_eq!(first.body["data"]["changes"][0]["change"], "added");
    let second = declare(&server, person("Light")).await.expect(202);
    assert_eq!(second.body["data"]["changes"][0]["change"], "modified");
    let same = declare(&server, person("Light")).await.expect(200);
    assert_eq!(same.body["data"]["changed"], false);
    let class = server
        .get(&format!("{SHOP}/ontology/Lamp"))
        .await
        .expect(200);
    assert_eq!(class.body["data"]["owner"], Value::Null);
    let other = json!({"classes": {"definitions": [shelf(json!([room()]))]}});
    let refused = declare(&server, other).await.expect(409);
    assert_eq!(refused.code(), "owned");
    let equal = json!({"classes": {"definitions": [shelf(json!([room(), size()]))]}});
    let same = declare(&server, equal).await.expect(200);
    assert_eq!(same.body["data"]["changed"], false);
}

#[tokio::test]
async fn wrong_shapes_name_the_field() {
    let server = shop().await;
    let cases = [
        (
            with(&catalog(1, &[]), "generation", Value::Null),
            "generation",
        ),
        (
            json!({"owner": owner("Ontology", "c", "u"), "generation": 1}),
            "body",
        ),
        (with(&catalog(1, &[]), "database", json!({})), "body"),
        (
            with(&catalog(1, &[]), "owner", owner("", "c", "u")),
            "owner.kind",
        ),
        (
            catalog(2, &[shelf(json!([{"name": "room"}]))]),
            "classes.definitions[0].properties[0].type",
        ),
        (with(&catalog(1, &[]), "adopt", json!("Sometimes")), "adopt"),
    ];
    for (body, field) in cases {
        let refused = declare(&server, body).await.expect(422);
        assert!(
            refused.text.contains(&format!("\"{field}\"")),
            "{field}: {}",
            refused.text
        );
    }
    let missing = server
        .post("/databases/nowhere/declare", catalog(1, &[]))
        .await
        .expect(404);
    assert_eq!(missing.body["detail"]["database"], "nowhere");
    let elsewhere = json!({"branch": "nowhere", "definitions": []});
    let branch = declare(&server, with(&catalog(2, &[]), "classes", elsewhere))
        .await
        .expect(404);
    assert_eq!(branch.body["detail"]["branch"], "nowhere");
}

#[tokio::test]
async fn transactions_take_classes_and_instances_together() {
    let server = Server::start().await.with_demo().await;
    let path = "/databases/demo/transactions";
    let commands = json!({"commands": [
        {"type": "CREATE_INSTANCE", "class": "Chair", "id": "c1", "data": {"at": ["Table/t1"]}},
        {"type": "CREATE_ONTOLOGY_CLASS", "definition": {
            "id": "Chair", "label": "Chair", "relationships": [{"predicate": "at", "target": "Table"}]}},
        {"type": "CREATE_ONTOLOGY_CLASS", "definition": {
            "id": "Table", "label": "Table", "relationships": [{"predicate": "has", "target": "Chair"}]}},
        {"type": "CREATE_INSTANCE", "class": "Table", "id": "t1", "data": {}},
    ]});
    let done = server.write("POST", path, commands).await;
    assert_eq!(done.body["result"]["commands"].as_array().unwrap().len(), 4);
    let asked =
        json!({"start_class": "Chair", "hops": [{"predicate": "at", "target_class": "Table"}]});
    let found = server.post("/graph-query/demo", asked).await.expect(200);
    assert_eq!(found.body["count"], 2);
    let refused = server
        .post(path, json!({"commands": [
            {"type": "UPDATE_ONTOLOGY_CLASS", "class": "Chair", "definition": {"parent_class": "Table"},
             "expected_seq": 1},
            {"type": "UPDATE_ONTOLOGY_CLASS", "class": "Table", "definition": {"parent_class": "Chair"},
             "expected_seq": 1},
        ]}))
        .await
        .expect(422);
    assert_eq!(
        refused.body["detail"]["commands"].as_array().unwrap().len(),
        2
    );
    let shape = server
        .post(
            path,
            json!({"commands": [{"type": "CREATE_ONTOLOGY_CLASS", "class": "X",
                                         "definition": {"label": "X"}}]}),
        )
        .await
        .expect(422);
    assert!(shape.text.contains("commands[0].class"), "{}", shape.text);
}
