//! Names, labels and ids: equal in every form of Unicode, refused by field, and distinguished from
//! reserved names.
#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::keys::{encoded, ids, query, start, waiting};
use serde_json::{Value, json};
use spice_client::Read;

#[tokio::test(flavor = "multi_thread")]
async fn names_in_different_unicode_forms_are_equal() {
    let (server, client) = start().await;
    let (whole, apart) = ("이름", "\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}");
    let class = "\u{110b}\u{1161}\u{110b}\u{1175}";
    let key = "\u{110b}\u{1167}\u{11af}\u{1109}\u{116c}";
    let path = format!("/databases/demo/instances/{}/create", encoded(class));
    let made = server
        .write("POST", &path, json!({"data": {key: apart, "name": "a"}}))
        .await;
    assert_eq!(made.body["result"]["instance_id"], whole);
    for id in [whole, apart] {
        let read = client.instance("demo", class, id, &Read::default()).await;
        let read = read.unwrap();
        assert_eq!(
            (read.instance_id.as_str(), read.class_id.as_str()),
            (whole, "Kid")
        );
        let data: Value = serde_json::from_str(read.data.get()).unwrap();
        assert_eq!(data["key"], apart, "as it was written");
        let again = server.post(&path, json!({"data": {"key": id}})).await;
        assert_eq!(again.expect(409).code(), "already_exists");
        let refer =
            json!({"data": {"key": format!("to {}", id.len()), "next": format!("Kid/{id}")}});
        server
            .write("POST", "/databases/demo/instances/Kid/create", refer)
            .await;
        let ask = json!({"start_class": class, "filters": {key: id}});
        let answer = server.post("/graph-query/demo", ask).await.expect(200).body;
        assert_eq!(answer["count"], 1, "{answer}");
    }
    let list = [("order_by", key.to_owned())];
    let page = query(&server, "/databases/demo/class/Kid/instances", &list)
        .await
        .body;
    assert_eq!(page["total"], 3, "{page}");
    let unknown = server
        .post(&path, json!({"data": {"key": "x", apart: 1}}))
        .await
        .expect(400);
    assert_eq!(unknown.body["detail"]["labels"], json!([apart]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_id_is_reported_by_field() {
    let (server, _) = start().await;
    for service in [
        "/databases/demo/instances/Kid",
        "oms:/instances/demo/async/Kid",
    ] {
        for value in ["", " a", "a\t", "a\u{0}b", &"x".repeat(256)] {
            let path = format!("{service}/create");
            let refused = server.post(&path, json!({"data": {"key": value}})).await;
            let refused = refused.expect(422);
            let found = &refused.body["detail"]["errors"][0];
            assert_eq!(
                (&found["field"], &found["rule"]),
                (&json!("key"), &json!("primary_key"))
            );
            let rows = json!({"instances": [{"key": "fine"}, {"key": value}]});
            let refused = server
                .post(&format!("{service}/bulk-create"), rows)
                .await
                .expect(422);
            let row = &refused.body["detail"]["errors"][0];
            assert_eq!(
                (&row["row"], &row["errors"][0]["field"]),
                (&json!(2), &json!("key"))
            );
        }
    }
    let commands = json!({"commands": [
        {"type": "DELETE_INSTANCE", "class": "Kid", "id": " x", "expected_seq": 1}]});
    let refused = server
        .post("/databases/demo/transactions", commands)
        .await
        .expect(400);
    assert_eq!(refused.body["detail"]["field"], "commands[0].id");
    let refused = server
        .get("/databases/demo/class/Kid/instance/%20x")
        .await
        .expect(400);
    assert_eq!(refused.body["detail"]["field"], "instance_id");
    let money = json!({"id": "Cost", "label": "Cost", "properties": [
        {"name": "sum", "type": "money", "primaryKey": true}]});
    let refused = server
        .post("/databases/demo/ontology", money)
        .await
        .expect(422);
    let found = &refused.body["detail"]["errors"][0];
    assert_eq!(
        (&found["field"], &found["rule"]),
        (&json!("properties[0].primaryKey"), &json!("primary_key"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_names_are_distinguished_from_user_names() {
    let (server, client) = start().await;
    for class in ["list", "create", "schema", "lint", "instances", "ontology"] {
        let names = [
            "id",
            "class_id",
            "instance_id",
            "deleted",
            "branch",
            "position",
            "data",
            "version",
            "event_id",
            "metadata",
            "db_name",
            "created_at",
        ];
        let mut properties = vec![json!({"name": "key", "type": "string", "primaryKey": true})];
        properties.extend(names.map(|name| json!({"name": name, "type": "integer"})));
        let definition =
            json!({"id": class, "label": format!("{class} of"), "properties": properties});
        server
            .write("POST", "/databases/demo/ontology", definition)
            .await;
        let stored = client.class("demo", class, &Read::default()).await.unwrap();
        assert_eq!(stored["id"], class, "the class, not a call");
        for (key, value) in [("create", 1), ("count", 2)] {
            let mut data = json!({"key": key});
            for name in names {
                data[name] = value.into();
            }
            client
                .create_instance("demo", class, &data, &waiting())
                .await
                .unwrap();
        }
        let path = format!("/databases/demo/class/{class}/instances");
        for name in names {
            let parameters = [
                ("filter", json!({name: {"gte": 1}}).to_string()),
                ("order_by", format!("-{name}")),
            ];
            let page = query(&server, &path, &parameters).await.body;
            assert_eq!(
                ids(&page["instances"]),
                ["count", "create"],
                "{class}.{name}"
            );
            let parameters = [("filter", json!({name: 2, "_id": "count"}).to_string())];
            let page = query(&server, &path, &parameters).await.body;
            assert_eq!(ids(&page["instances"]), ["count"], "{class}.{name}");
            let ask = json!({"start_class": class, "filters": {name: 1}});
            let answer = server.post("/graph-query/demo", ask).await.expect(200).body;
            assert_eq!(answer["nodes"][0]["data"]["data"][name], 1);
        }
    }
    for branch in ["diff", "merge", "list", "create", "x/diff", "branch/x"] {
        let body = json!({"name": branch});
        server
            .post("/databases/demo/branches", body)
            .await
            .expect(200);
        let stored = client.branch("demo", branch).await.unwrap();
        assert_eq!(stored.name, branch);
        client.diff("demo", branch, None).await.unwrap();
        let part = encoded(branch);
        let stored = server.get(&format!("oms:/branch/demo/{part}/info")).await;
        assert_eq!(stored.expect(200).body["name"], branch);
    }
    for name in ["list", "create", "exists", "health", "databases"] {
        server
            .write("POST", "/databases", json!({"name": name}))
            .await;
        let stored = client.database(name, &Read::default()).await.unwrap();
        assert_eq!(stored.name, name);
        // A name with an encoded letter is never mistaken for a fixed part of a path.
        let part = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
        let class = json!({"id": "A", "label": "A"});
        server
            .write("POST", &format!("oms:/database/{part}/ontology"), class)
            .await;
        let classes = server
            .get(&format!("oms:/database/{part}/ontology/list"))
            .await;
        assert_eq!(classes.expect(200).body["total"], 1);
    }
}

/// A fixed part of a path hides a name only from the method that the fixed path has.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_fixed_part_hides_is_reached_by_other_methods() {
    let (server, _) = start().await;
    let class = json!({"id": "list", "label": "list"});
    for name in ["create", "list", "health"] {
        let database = json!({"name": name});
        server.write("POST", "/databases", database).await;
        let path = format!("/databases/{name}/ontology");
        server.write("POST", &path, class.clone()).await;
    }
    let page = server.get("/databases/create/ontology/list").await;
    assert_eq!(page.expect(200).body["total"], 1);
    let path = "/databases/create/ontology/list?expected_seq=1";
    server.write("PUT", path, json!({"label": "Lists"})).await;
    let path = "oms:/database/create/ontology/list?expected_seq=2";
    server.delete(path).await.expect(202);

    let ask = json!({"start_class": "list"});
    let answer = server.post("/graph-query/health", ask).await.expect(200);
    assert_eq!(answer.body["count"], 0);

    let described = server.get("oms:/databases/create").await.expect(200);
    assert_eq!(described.body["data"]["name"], "create");
    let listed = server.get("oms:/databases/list").await.expect(200);
    assert!(listed.body["data"]["databases"].is_array());
    for name in ["create", "list"] {
        let path = format!("oms:/databases/{name}");
        let refused = server.delete(&path).await.expect(400);
        assert_eq!(refused.body["detail"]["errors"][0]["field"], "expected_seq");
    }
}
