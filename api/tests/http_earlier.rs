//! The rest of the earlier system's surface (contract §12): other names and bodies for the newer
//! calls. Its query is in `http_query.rs`.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::things::filled;
use serde_json::{Value, json};

#[tokio::test]
async fn classes_and_versions_have_their_earlier_names() {
    let server = filled().await;
    let made = server
        .write(
            "POST",
            "/databases/demo/classes",
            json!({"id": "More", "label": "More"}),
        )
        .await;
    assert_eq!(made.expect(201).body["data"]["ontology_id"], "More");
    let again = server
        .post(
            "/databases/demo/classes",
            json!({"id": "More", "label": "More"}),
        )
        .await;
    assert_eq!(again.expect(409).code(), "already_exists");
    let again = server
        .post("/database/demo/ontology-advanced", json!({"label": 5}))
        .await;
    assert_eq!(again.expect(422).code(), "validation_failed");
    let listed = server
        .get("/databases/demo/ontology/list?limit=1&offset=1")
        .await
        .expect(200)
        .body;
    let classes = server
        .get("/databases/demo/classes?limit=1&offset=1")
        .await
        .expect(200)
        .body;
    assert_eq!(classes, listed, "the same list under an earlier name");
    let class = server
        .get("/databases/demo/classes/Thing")
        .await
        .expect(200)
        .body;
    assert_eq!(
        class,
        server.get("/databases/demo/ontology/Item").await.body
    );
    server.get("/databases/demo/classes/No").await.expect(404);
    let at_oms = server
        .get("oms:/database/demo/ontology?limit=1&offset=1")
        .await;
    assert_eq!(at_oms.expect(200).body, listed);

    let mut path = "/databases/demo/versions?limit=2".to_owned();
    let mut versions = Vec::new();
    loop {
        let page = server.get(&path).await.expect(200).body;
        assert_eq!(page["branch"], "main");
        assert_eq!(page["count"], page["versions"].as_array().unwrap().len());
        versions.extend(page["versions"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            None => break,
            Some(cursor) => path = format!("/databases/demo/versions?limit=2&cursor={cursor}"),
        }
    }
    let history = server
        .get("oms:/version/demo/history")
        .await
        .expect(200)
        .body;
    assert_eq!(Value::from(versions), history["data"]["history"]);
    server
        .get("/databases/demo/versions?branch=no")
        .await
        .expect(404);
}

#[tokio::test]
async fn labels_are_exported_and_removed() {
    let server = filled().await;
    server
        .write(
            "POST",
            "/databases/demo/classes",
            json!({"id": "Plain", "label": "Plain"}),
        )
        .await;
    let export = server
        .send(server.request("POST", "/database/demo/mappings/export"))
        .await
        .expect(200);
    assert_eq!(
        export.header("content-disposition"),
        "attachment; filename=demo_mappings.json"
    );
    assert_eq!(
        export.body,
        server.get("/databases/demo/mappings").await.body
    );

    let delete = |key: &str| {
        let request = server.request("DELETE", "/database/demo/mappings");
        request
            .header("prefer", "wait=20")
            .header("idempotency-key", key)
    };
    let gone = server.send(delete("one")).await.expect(200);
    assert_eq!(
        gone.body["data"]["count"], 1,
        "one class had labels: {}",
        gone.text
    );
    assert_eq!(gone.body["data"]["commands"][0]["class_id"], "Item");
    let class = server
        .get("/databases/demo/ontology/Item")
        .await
        .expect(200)
        .body;
    assert_eq!(class["data"]["label"], "Item");
    for member in class["data"]["properties"].as_array().unwrap() {
        assert_eq!(member["label"], member["name"], "{member}");
    }
    assert_eq!(class["data"]["relationships"][0]["label"], "next");
    assert_eq!(
        class["data"]["properties"][2]["type"], "decimal",
        "only labels change"
    );
    let again = server.send(delete("one")).await.expect(200);
    assert_eq!(
        again.body["data"]["commands"][0]["command_id"],
        gone.body["data"]["commands"][0]["command_id"]
    );
    let nothing = server.send(delete("two")).await.expect(200);
    assert_eq!(nothing.body["data"]["count"], 0);
    // The export brings them back.
    let mut labels = export.body["data"].clone();
    for class in labels["classes"].as_array_mut().unwrap() {
        class.as_object_mut().unwrap().remove("event_sequence");
    }
    server
        .write("POST", "/databases/demo/mappings/import", labels)
        .await;
    let class = server
        .get("/databases/demo/ontology/Item")
        .await
        .expect(200)
        .body;
    assert_eq!(class["data"]["label"]["ko"], "물건");
    server
        .send(server.request("DELETE", "/databases/nowhere/mappings"))
        .await
        .expect(404);
    server
        .send(server.request("DELETE", "/databases/demo/mappings?branch=no"))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_retried_label_deletion_keeps_later_labels() {
    let server = filled().await;
    let class = |id: &str, label: &str| json!({"id": id, "label": label});
    let ontology = "/databases/demo/ontology";
    server.write("POST", ontology, class("Same", "Same")).await;
    let delete = || {
        let request = server.request("DELETE", "/database/demo/mappings");
        request
            .header("prefer", "wait=20")
            .header("idempotency-key", "one")
    };
    let first = server.send(delete()).await.expect(200);
    server
        .write("POST", ontology, class("Another", "Early"))
        .await;
    server.write("POST", ontology, class("Zebra", "Late")).await;
    let label = json!({"classes": [{"class_id": "Same", "label": "Other"}]});
    server
        .write("POST", "/databases/demo/mappings/import", label)
        .await;
    let retried = server.send(delete()).await.expect(200);
    assert_eq!(retried.body["data"], first.body["data"]);
    assert_eq!(retried.header("idempotent-replayed"), "true");
    for (class, label) in [("Another", "Early"), ("Zebra", "Late"), ("Same", "Other")] {
        let found = server.get(&format!("{ontology}/{class}")).await.expect(200);
        assert_eq!(found.body["data"]["label"], label);
    }
}

#[tokio::test]
async fn earlier_merges_take_dry_run() {
    let server = filled().await;
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    let body = json!({"source_branch": "x", "target_branch": "main"});
    let mut dry = body.clone();
    dry["dry_run"] = true.into();
    for path in ["/database/demo/merge/resolve", "oms:/version/demo/merge"] {
        let dry_run = server.post(path, dry.clone()).await.expect(200);
        assert_eq!(dry_run.body["merged"], false, "{path}: {}", dry_run.text);
    }
    dry["dry_run"] = false.into();
    let refused = server.post("/database/demo/merge/simulate", dry).await;
    assert_eq!(
        refused.expect(422).body["detail"]["errors"][0]["field"],
        "dry_run"
    );
}

#[tokio::test]
async fn merges_take_their_earlier_bodies() {
    let server = filled().await;
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    for (branch, price) in [("x", 5), ("main", 6)] {
        let path =
            format!("/databases/demo/instances/Item/a/update?expected_seq=1&branch={branch}");
        server
            .write("PUT", &path, json!({"data": {"price": price}}))
            .await;
    }
    let body = json!({"source_branch": "x", "target_branch": "main", "strategy": "merge",
        "message": "take the prices of x", "author": "kim"});
    let simulated = server
        .post("/database/demo/merge/simulate", body.clone())
        .await
        .expect(200);
    let path = simulated.body["conflicts"][0]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(path, "demo:main:Item:a/price");
    let refused = server
        .post("/database/demo/merge/resolve", body.clone())
        .await;
    assert_eq!(refused.expect(409).code(), "merge_conflict");

    let with = |resolutions: Value| {
        let mut body = body.clone();
        body["resolutions"] = resolutions;
        body
    };
    for (resolution, field) in [
        (json!({"path": path}), "resolved_value"),
        (
            json!({"path": "demo:main:Item:a", "resolved_value": 1}),
            "path",
        ),
        (
            json!({"path": path, "resolution_type": "use_theirs", "resolved_value": 1}),
            "resolution_type",
        ),
        (
            json!({"resolution_type": "use_value", "resolved_value": 1}),
            "path",
        ),
        (
            json!({"path": path, "resolved_value": 1, "take": "ours"}),
            "take",
        ),
        (
            json!({"path": path, "resolved_value": 1, "property": "price"}),
            "property",
        ),
        (json!({"take": "ours"}), "aggregate_id"),
        (json!({"path": path, "value": 1}), "value"),
    ] {
        let answer = server
            .post("/database/demo/merge/resolve", with(json!([resolution])))
            .await
            .expect(422);
        let named = &answer.body["detail"]["errors"][0]["field"];
        assert_eq!(
            named,
            &format!("resolutions[0].{field}"),
            "{resolution}: {}",
            answer.text
        );
    }
    let odd = json!({"source_branch": "x", "target_branch": "main", "strategy": "squash"});
    server
        .post("/database/demo/merge/resolve", odd)
        .await
        .expect(422);

    let resolution = json!([{"path": path, "resolution_type": "use_value", "resolved_value": 7, "metadata": {}}]);
    let merged = server
        .write("POST", "/database/demo/merge/resolve", with(resolution))
        .await;
    assert_eq!(merged.body["merged"], true);
    let instance = server
        .get("/databases/demo/class/Item/instance/a")
        .await
        .expect(200)
        .body;
    assert_eq!(instance["data"]["data"]["price"], 7);
    let versions = server
        .get("/databases/demo/versions?limit=1")
        .await
        .expect(200)
        .body;
    assert_eq!(versions["versions"][0]["message"], "take the prices of x");
}

#[tokio::test]
async fn oms_has_its_earlier_paths() {
    let server = filled().await;
    let class = json!({"id": "New", "label": "New", "relationships": [{"predicate": "of", "target": "Nothing"}]});
    for (earlier, now, body) in [
        (
            "oms:/ontology/demo/analyze-network",
            "/databases/demo/relationship-network/analyze",
            None,
        ),
        (
            "oms:/ontology/demo/validate-relationships",
            "/databases/demo/validate-relationships",
            Some(&class),
        ),
        (
            "oms:/ontology/demo/detect-circular-references",
            "/databases/demo/check-circular-references",
            Some(&class),
        ),
        (
            "oms:/ontology/demo/relationship-paths/Item?end_entity=Item",
            "/databases/demo/relationship-paths?start_entity=Item&end_entity=Item&max_depth=5",
            None,
        ),
        (
            "oms:/ontology/demo/reachable-entities/물건",
            "/databases/demo/relationship-paths?start_entity=물건&max_depth=3",
            None,
        ),
        (
            "oms:/instance/demo/class/Item/instances?order_by=-price&limit=2",
            "/databases/demo/class/Item/instances?order_by=-price&limit=2",
            None,
        ),
        (
            "oms:/instance/demo/class/Item/instance/a",
            "/databases/demo/class/Item/instance/a",
            None,
        ),
        (
            "oms:/branch/demo/branch/main/info",
            "/databases/demo/branches/main",
            None,
        ),
        (
            "oms:/branch/demo/main/info",
            "/databases/demo/branches/main",
            None,
        ),
    ] {
        let [earlier_answer, answer] = match body {
            None => [server.get(earlier).await, server.get(now).await],
            Some(body) => [
                server.post(earlier, body.clone()).await,
                server.post(now, body.clone()).await,
            ],
        };
        assert_eq!(
            earlier_answer.status, 200,
            "{earlier}: {}",
            earlier_answer.text
        );
        assert_eq!(earlier_answer.body, answer.body, "{earlier}");
    }
}

#[tokio::test]
async fn oms_counts_and_refuses_under_its_earlier_paths() {
    let server = filled().await;
    let count = server
        .get("oms:/instance/demo/class/물건/count")
        .await
        .expect(200)
        .body;
    assert_eq!(
        count,
        json!({"status": "success", "class_id": "Item", "count": 4})
    );
    let position = server.get("/databases/demo").await.body["data"]["position"].clone();
    server
        .write(
            "DELETE",
            "/databases/demo/instances/Item/c/delete?expected_seq=1",
            json!({}),
        )
        .await;
    for (place, number) in [(String::new(), 3), (format!("?as_of={position}"), 4)] {
        let count = server
            .get(&format!("oms:/instance/demo/class/Item/count{place}"))
            .await
            .expect(200);
        assert_eq!(count.body["count"], number, "{place}");
    }
    for path in [
        "oms:/instance/demo/class/No/count",
        "oms:/instance/demo/class/Item/instance/no",
        "oms:/instance/nowhere/class/Item/instances",
        "oms:/ontology/nowhere/analyze-network",
        "oms:/branch/demo/branch/no/info",
        "oms:/branch/demo/branch/main",
        "/instance/demo/class/Item/count",
    ] {
        server.get(path).await.expect(404);
    }
    for path in [
        "oms:/ontology/demo/relationship-paths/No",
        "oms:/ontology/demo/reachable-entities/Item?end_entity=Item",
        "oms:/ontology/demo/reachable-entities/Item?max_depth=11",
    ] {
        assert_eq!(
            server.get(path).await.expect(400).code(),
            "invalid_query",
            "{path}"
        );
    }
}

#[tokio::test]
async fn branches_of_any_name_are_found_and_deleted_at_oms() {
    let server = filled().await;
    for name in ["branch", "branch/x", "x", "feature/info"] {
        server
            .post("oms:/branch/demo/create", json!({"branch_name": name}))
            .await
            .expect(200);
    }
    for (path, name) in [
        ("branch/branch/info", "branch"),
        ("branch/info", "branch"),
        ("branch/branch/x/info", "branch/x"),
        ("branch/branch%2Fx/info", "branch/x"),
        ("branch%2Fx/info", "branch/x"),
        ("branch/x/info", "x"),
        ("x/info", "x"),
        ("branch/feature/info/info", "feature/info"),
        ("feature/info/info", "feature/info"),
    ] {
        let answer = server.get(&format!("oms:/branch/demo/{path}")).await;
        assert_eq!(
            (answer.status, &answer.body["name"]),
            (200, &json!(name)),
            "{path}: {}",
            answer.text
        );
    }
    for name in ["branch/x", "feature/info", "branch"] {
        let path = format!("oms:/branch/demo/branch/{name}");
        server.delete(&path).await.expect(200);
        server.delete(&path).await.expect(404);
    }
    assert_eq!(
        server
            .delete("oms:/branch/demo/branch/main?force=true")
            .await
            .expect(403)
            .code(),
        "forbidden"
    );
    let left = server.get("oms:/branch/demo/list").await.expect(200);
    assert_eq!(left.body["count"], 2, "main and x: {}", left.text);
}
