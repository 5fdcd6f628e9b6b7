//! Branch operations over HTTP: diff, merge, rebase, rollback, branches of branches.

#![allow(clippy::unwrap_used)]

mod http_branches {
    mod diff;
    mod merge;
}
mod http_support;

use http_support::{Server, product};
use serde_json::{Value, json};

const DEMO: &str = "/databases/demo/branches";

/// Three products on `main`, and a branch of it that changed everything it can.
async fn with_branch() -> Server {
    let server = Server::start().await.with_demo().await;
    for (id, price) in [("p1", "1.10"), ("p2", "2"), ("p3", "3")] {
        put_in(
            &server,
            "main",
            &format!(r#"{{"product_id":"{id}","name":"{id}","price":{price}}}"#),
        )
        .await;
    }
    make(&server, "feature/x", "main").await;
    change(&server, "feature/x", "p1", 1, json!({"name": "one"})).await;
    put_in(
        &server,
        "feature/x",
        r#"{"product_id":"p4","name":"p4","price":4.50}"#,
    )
    .await;
    delete(&server, "feature/x", "p2", 1).await;
    let mut class = product();
    let colour = json!({"name": "colour", "type": "string"});
    class["properties"].as_array_mut().unwrap().push(colour);
    let patch = json!({"properties": class["properties"]});
    server
        .put(
            "/databases/demo/ontology/Product?branch=feature/x&expected_seq=1",
            patch,
        )
        .await
        .expect(202);
    server
}

async fn make(server: &Server, branch: &str, from: &str) {
    let body = json!({"name": branch, "from_branch": from});
    server.post(DEMO, body).await.expect(200);
}

async fn put_in(server: &Server, branch: &str, data: &str) {
    let path = format!("/databases/demo/instances/Product/create?branch={branch}");
    let request = server
        .request("POST", &path)
        .header("content-type", "application/json");
    let body = format!(r#"{{"data":{data}}}"#);
    server.send(request.body(body)).await.expect(202);
}

async fn change(server: &Server, branch: &str, id: &str, seen: u64, data: Value) -> u64 {
    let path = format!(
        "/databases/demo/instances/Product/{id}/update?branch={branch}&expected_seq={seen}"
    );
    let answer = server.put(&path, json!({"data": data})).await.expect(202);
    answer.body["result"]["position"].as_u64().unwrap()
}

async fn delete(server: &Server, branch: &str, id: &str, seen: u64) {
    let path = format!(
        "/databases/demo/instances/Product/{id}/delete?branch={branch}&expected_seq={seen}"
    );
    server.delete(&path).await.expect(202);
}

/// Returns a product on a branch, once everything is projected: its sequence and its data.
async fn shown(server: &Server, branch: &str, id: &str) -> Option<(u64, Value)> {
    let end = server.get("/databases/demo").await.expect(200).body["data"]["data"]["position"]
        .as_u64()
        .unwrap();
    let path = format!(
        "/databases/demo/class/Product/instance/{id}?branch={branch}&at_least={end}&timeout=20"
    );
    let answer = server.get(&path).await;
    if answer.status == 404 {
        return None;
    }
    let data = &answer.expect(200).body["data"];
    Some((
        data["event_sequence"].as_u64().unwrap(),
        data["data"].clone(),
    ))
}

/// Returns kind, aggregate and properties of each change.
fn outline(answer: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let changes = answer["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|change| {
            let properties = change["properties"].as_array();
            let properties = properties.map(|all| all.iter().map(text).collect());
            (
                text(&change["change"]),
                text(&change["aggregate_id"]),
                properties.unwrap_or_default(),
            )
        })
        .collect()
}

fn entry(change: &str, aggregate: &str, properties: &[&str]) -> (String, String, Vec<String>) {
    let properties = properties.iter().map(|name| (*name).to_owned()).collect();
    (change.to_owned(), aggregate.to_owned(), properties)
}

#[tokio::test]
async fn a_rebased_branch_is_based_on_the_others_current_state() {
    let server = with_branch().await;
    make(&server, "feature/x/child", "feature/x").await;
    change(&server, "main", "p3", 1, json!({"name": "three"})).await;
    change(&server, "main", "p1", 1, json!({"price": 7})).await;
    let before = server.get("/databases/demo").await.body["data"]["data"]["position"].clone();
    let path = format!("{DEMO}/feature/x/rebase");
    let tried = server
        .post(&path, json!({"dry_run": true}))
        .await
        .expect(200);
    let request = server.request("POST", &path).header("prefer", "wait=20");
    let rebased = server.send(request).await.expect(200);
    assert_eq!(rebased.body["changes"], tried.body["changes"]);
    assert_eq!(rebased.body["merged"], true);

    let one = shown(&server, "feature/x", "p1").await.unwrap();
    assert_eq!(
        (&one.1["name"], &one.1["price"]),
        (&json!("one"), &json!(7))
    );
    assert_eq!(
        shown(&server, "feature/x", "p3").await.unwrap().1["name"],
        "three"
    );
    assert!(shown(&server, "feature/x", "p2").await.is_none());
    assert_eq!(
        shown(&server, "feature/x", "p4").await.unwrap().1["name"],
        "p4"
    );
    let list = "/databases/demo/class/Product/instances?branch=feature/x&search=three";
    assert_eq!(server.get(list).await.expect(200).body["total"], 1);
    // A branch that was based on it before is still based on the same position.
    assert_eq!(
        shown(&server, "feature/x/child", "p3").await.unwrap().1["name"],
        "p3"
    );
    assert_eq!(
        shown(&server, "feature/x/child", "p1").await.unwrap().1["name"],
        "one"
    );

    let since = server
        .get(&format!("{DEMO}/feature/x/diff?from_position={before}"))
        .await
        .expect(200);
    let expected = [
        entry("modified", "demo:feature/x:Product:p1", &["price"]),
        entry("modified", "demo:feature/x:Product:p3", &["name"]),
    ];
    assert_eq!(outline(&since.body), expected, "what the rebase changed");

    // It accepts writes as before, and its diff has only its own changes.
    change(&server, "feature/x", "p1", one.0, json!({"name": "uno"})).await;
    let diff = server
        .get(&format!("{DEMO}/feature/x/diff"))
        .await
        .expect(200);
    let expected = [
        entry("modified", "demo:feature/x:Product", &["properties.colour"]),
        entry("modified", "demo:feature/x:Product:p1", &["name"]),
        entry("deleted", "demo:feature/x:Product:p2", &[]),
        entry("added", "demo:feature/x:Product:p4", &[]),
    ];
    assert_eq!(outline(&diff.body), expected);
    let merged = server
        .post(&format!("{DEMO}/feature/x/merge"), json!({"into": "main"}))
        .await
        .expect(200);
    assert_eq!(merged.body["summary"], diff.body["summary"]);
    assert_eq!(shown(&server, "main", "p1").await.unwrap().1["name"], "uno");
}

#[tokio::test]
async fn a_rollback_restores_states_but_no_deleted_instances() {
    let server = with_branch().await;
    let then = server.get("/databases/demo").await.body["data"]["data"]["position"]
        .as_u64()
        .unwrap();
    change(&server, "main", "p1", 1, json!({"name": "changed"})).await;
    delete(&server, "main", "p2", 1).await;
    put_in(&server, "main", r#"{"product_id":"p9","name":"p9"}"#).await;
    let path = format!("{DEMO}/main/rollback");
    let tried = server
        .post(&path, json!({"to_position": then, "dry_run": true}))
        .await
        .expect(200);
    let request = server
        .request("POST", &path)
        .header("idempotency-key", "back")
        .header("prefer", "wait=20");
    let rolled = server
        .send(request.json(&json!({"to_position": then})))
        .await
        .expect(200);
    for field in ["changes", "summary", "stay_deleted"] {
        assert_eq!(rolled.body[field], tried.body[field], "{field}");
    }
    let expected = [
        entry("modified", "demo:main:Product:p1", &["name"]),
        entry("deleted", "demo:main:Product:p9", &[]),
    ];
    assert_eq!(outline(&rolled.body), expected);
    assert_eq!(rolled.body["stay_deleted"], json!(["demo:main:Product:p2"]));
    let (sequence, one) = shown(&server, "main", "p1").await.unwrap();
    assert_eq!((sequence, &one["name"]), (3, &json!("p1")));
    assert!(shown(&server, "main", "p2").await.is_none());
    assert!(shown(&server, "main", "p9").await.is_none());
    let request = server
        .request("POST", &path)
        .header("idempotency-key", "back")
        .header("prefer", "wait=20");
    let again = server
        .send(request.json(&json!({"to_position": then})))
        .await
        .expect(200);
    assert_eq!(again.text, rolled.text);
    let oms = json!({"to_position": then, "dry_run": true});
    let oms = server
        .post("oms:/version/demo/rollback", oms)
        .await
        .expect(200);
    assert_eq!(oms.body["changes"], json!([]));
}

#[tokio::test]
async fn branches_of_branches_merge_upwards_and_sideways() {
    let server = with_branch().await;
    make(&server, "feature/x/deep", "feature/x").await;
    make(&server, "other", "main").await;
    change(&server, "feature/x/deep", "p3", 1, json!({"name": "deep"})).await;
    change(&server, "other", "p3", 1, json!({"price": 33})).await;
    // The base of two leaves is their common position on main.
    let diff = server
        .get(&format!("{DEMO}/feature/x/deep/diff?against=other"))
        .await
        .expect(200);
    assert_eq!(
        diff.body["summary"],
        json!({"added": 1, "modified": 3, "deleted": 1})
    );
    let diff = server
        .get(&format!("{DEMO}/feature/x/deep/diff"))
        .await
        .expect(200);
    assert_eq!(
        (diff.body["from"].as_str(), outline(&diff.body).len()),
        (Some("feature/x"), 1)
    );
    for (source, into) in [
        ("feature/x/deep", "other"),
        ("other", "main"),
        ("feature/x/deep", "feature/x"),
        ("feature/x", "main"),
    ] {
        let path = format!("{DEMO}/{source}/merge");
        let merged = server.post(&path, json!({"into": into})).await.expect(200);
        assert_eq!(merged.body["merged"], true, "{source} into {into}");
    }
    let three = shown(&server, "main", "p3").await.unwrap().1;
    assert_eq!(
        (&three["name"], &three["price"]),
        (&json!("deep"), &json!(33))
    );
    assert_eq!(shown(&server, "main", "p1").await.unwrap().1["name"], "one");
    assert!(shown(&server, "main", "p2").await.is_none());
}

#[tokio::test]
async fn a_branch_may_have_the_name_of_a_verb() {
    let server = Server::start().await.with_demo().await;
    for name in ["diff", "feature/diff", "merge", "a/rollback"] {
        make(&server, name, "main").await;
    }
    for (path, name) in [
        ("diff", "diff"),
        ("merge", "merge"),
        ("feature%2Fdiff", "feature/diff"),
        ("a%2Frollback", "a/rollback"),
    ] {
        let found = server.get(&format!("{DEMO}/{path}")).await.expect(200);
        assert_eq!(found.body["name"], name);
        let diff = server.get(&format!("{DEMO}/{path}/diff")).await.expect(200);
        assert_eq!(diff.body["to"], name);
        let path = format!("{DEMO}/{path}/merge");
        server
            .post(&path, json!({"into": "main"}))
            .await
            .expect(200);
    }
    // A plain slash before the verb: the diff of `feature`, which does not exist.
    let found = server
        .get(&format!("{DEMO}/feature/diff"))
        .await
        .expect(404);
    assert_eq!(found.body["detail"]["branch"], "feature");
    server
        .get(&format!("{DEMO}/feature/diff/diff"))
        .await
        .expect(404);
    assert_eq!(
        server.delete(&format!("{DEMO}/a/rollback")).await.status,
        405
    );
    server
        .delete(&format!("{DEMO}/a%2Frollback"))
        .await
        .expect(200);
    server.delete(&format!("{DEMO}/diff")).await.expect(200);
}

#[tokio::test]
async fn branches_show_their_parent_and_their_own_writes() {
    let server = Server::start().await.with_demo().await;
    let create = "/databases/demo/instances/Customer/create";
    server
        .write(
            "POST",
            create,
            json!({"data": {"customer_id": "c1", "name": "Ann"}}),
        )
        .await;
    let made = server
        .post(
            "/databases/demo/branches",
            json!({"name": "feature/what-if"}),
        )
        .await;
    let made = made.expect(200);
    assert_eq!(made.body["status"], "success");
    assert_eq!(made.body["name"], "feature/what-if");
    server
        .post("oms:/branch/demo/create", json!({"branch_name": "a/diff"}))
        .await
        .expect(200);

    for path in [
        "/databases/demo/branches/feature/what-if",
        "/database/demo/branches/feature%2Fwhat-if",
        "oms:/branch/demo/feature/what-if/info",
        "oms:/branch/demo/feature%2Fwhat-if/info",
    ] {
        let read = server.get(path).await.expect(200);
        assert_eq!(read.body["data"]["name"], "feature/what-if", "{path}");
        assert_eq!(read.body["data"]["from_branch"], "main");
    }
    server
        .get("/databases/demo/branches/a%2Fdiff")
        .await
        .expect(200);
    server
        .get("/databases/demo/branches/a/diff")
        .await
        .expect(404);
    let listed = server.get("oms:/branch/demo/list").await.expect(200);
    assert_eq!(listed.body["count"], 3);
    assert_eq!(listed.body["branches"][2]["name"], "main");
    assert_eq!(listed.body["branches"][2]["current"], true);

    let update = "/databases/demo/instances/Customer/c1/update?expected_seq=1";
    server
        .write(
            "PUT",
            &format!("{update}&branch=feature/what-if"),
            json!({"data": {"name": "Bo"}}),
        )
        .await;
    server
        .write("PUT", update, json!({"data": {"name": "Cy"}}))
        .await;
    let read = "/databases/demo/class/Customer/instance/c1?branch=";
    for (branch, name) in [("main", "Cy"), ("feature/what-if", "Bo"), ("a/diff", "Ann")] {
        let answer = server.get(&format!("{read}{branch}")).await.expect(200);
        assert_eq!(answer.body["data"]["data"]["name"], name, "{branch}");
        assert_eq!(answer.body["data"]["branch"], branch);
    }
    server
        .delete("/databases/demo/branches/feature/what-if")
        .await
        .expect(200);
    assert_eq!(
        server
            .get(&format!("{read}feature/what-if"))
            .await
            .expect(404)
            .code(),
        "not_found"
    );
}
