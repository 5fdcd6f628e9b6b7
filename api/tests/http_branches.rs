//! Branch operations over HTTP: diff, merge, rebase, rollback, branches of branches.

#![allow(clippy::unwrap_used)]

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
async fn a_diff_shows_the_changes_of_a_branch_since_the_common_position() {
    let server = with_branch().await;
    // A later change of main is not a change of the branch.
    change(&server, "main", "p3", 1, json!({"name": "three"})).await;
    let diff = server
        .get(&format!("{DEMO}/feature/x/diff"))
        .await
        .expect(200);
    let body = &diff.body;
    assert_eq!(
        (body["from"].as_str(), body["to"].as_str()),
        (Some("main"), Some("feature/x"))
    );
    let expected = [
        entry("modified", "demo:feature/x:Product", &["properties.colour"]),
        entry("modified", "demo:feature/x:Product:p1", &["name"]),
        entry("deleted", "demo:feature/x:Product:p2", &[]),
        entry("added", "demo:feature/x:Product:p4", &[]),
    ];
    assert_eq!(outline(body), expected);
    assert_eq!(
        body["summary"],
        json!({"added": 1, "modified": 2, "deleted": 1})
    );
    assert!(body["base_position"].is_u64() && body.get("cursor").is_none());
    let one = &body["changes"][1];
    assert_eq!(
        (one["class_id"].as_str(), one["instance_id"].as_str()),
        (Some("Product"), Some("p1"))
    );
    assert_eq!(
        (&one["before"]["name"], &one["after"]["name"]),
        (&json!("p1"), &json!("one"))
    );
    let (class, gone, new) = (
        &body["changes"][0],
        &body["changes"][2],
        &body["changes"][3],
    );
    assert!(class.get("instance_id").is_none());
    assert!(gone.get("after").is_none() && gone["before"]["name"] == "p2");
    assert!(new.get("before").is_none());
    // Values are the text as it was written.
    assert!(diff.text.contains(r#""price":1.10"#) && diff.text.contains(r#""price":4.50"#));

    for same in [
        "feature%2Fx/diff",
        "feature/x/diff?against=main",
        "feature/x/diff?limit=10000",
    ] {
        let same = server.get(&format!("{DEMO}/{same}")).await.expect(200);
        assert_eq!(same.text, diff.text);
    }
    for nowhere in [
        &format!("{DEMO}/feature/x/diff?class=Nope"),
        "oms:/version/demo/diff?from=main&to=feature/x&class=Nope",
    ] {
        let refused = server.get(nowhere).await.expect(404);
        assert!(
            refused.text.contains("there is no class Nope"),
            "{}",
            refused.text
        );
    }
    let older = server
        .get("/database/demo/branches/feature/x/diff")
        .await
        .expect(200);
    assert_eq!(older.text, diff.text);
    let oms = server
        .get("oms:/version/demo/diff?from=main&to=feature/x")
        .await
        .expect(200);
    assert_eq!(oms.text, diff.text);
    let oms = server
        .get("oms:/version/demo/diff?from_ref=main&to_ref=feature%2Fx")
        .await;
    assert_eq!(oms.expect(200).text, diff.text);

    let direct = server
        .get(&format!("{DEMO}/feature/x/diff?against=main&direct=true"))
        .await
        .expect(200);
    let other = entry("modified", "demo:feature/x:Product:p3", &["name"]);
    assert_eq!(direct.body["summary"]["modified"], 3);
    assert!(outline(&direct.body).contains(&other));
    // In the other direction: the changes of main since then.
    let main = server
        .get(&format!("{DEMO}/main/diff?against=feature/x"))
        .await
        .expect(200);
    assert_eq!(
        outline(&main.body),
        [entry("modified", "demo:main:Product:p3", &["name"])]
    );
}

#[tokio::test]
async fn a_diff_goes_page_by_page_by_class_and_back_in_time() {
    let server = with_branch().await;
    let path = format!("{DEMO}/feature/x/diff");
    let whole = server.get(&path).await.expect(200);
    let mut pages = Vec::new();
    let mut next = format!("{path}?limit=1");
    loop {
        let page = server.get(&next).await.expect(200);
        assert_eq!(
            page.body["summary"], whole.body["summary"],
            "all are counted"
        );
        assert_eq!(page.body["position"], whole.body["position"]);
        pages.extend(page.body["changes"].as_array().unwrap().clone());
        // A page continues where the first one began, whatever is written meanwhile.
        let new = format!("later{}", pages.len());
        put_in(
            &server,
            "feature/x",
            &format!(r#"{{"product_id":"{new}","name":"n"}}"#),
        )
        .await;
        match page.body["cursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(Value::from(pages), whole.body["changes"]);
    let now = server.get(&path).await.expect(200);
    assert_eq!(now.body["summary"]["added"], 5);
    let then = whole.body["position"].as_u64().unwrap();
    let then = server
        .get(&format!("{path}?as_of={then}"))
        .await
        .expect(200);
    assert_eq!(then.text, whole.text);

    let orders = server.get(&format!("{path}?class=Order")).await.expect(200);
    assert_eq!(
        orders.body["summary"],
        json!({"added": 0, "modified": 0, "deleted": 0})
    );
    let products = server
        .get(&format!("{path}?class=Product&limit=1"))
        .await
        .expect(200);
    assert_eq!(products.body["summary"], now.body["summary"]);

    let before = change(&server, "main", "p3", 1, json!({"name": "three"})).await;
    change(&server, "main", "p3", 2, json!({"name": "drei"})).await;
    let since = server
        .get(&format!("{DEMO}/main/diff?from_position={before}"))
        .await
        .expect(200);
    assert_eq!(
        outline(&since.body),
        [entry("modified", "demo:main:Product:p3", &["name"])]
    );
    assert_eq!(since.body["changes"][0]["before"]["name"], "three");
    assert_eq!(since.body["base_position"], before);
}

#[tokio::test]
async fn a_merge_does_exactly_what_its_dry_run_reported() {
    let server = with_branch().await;
    change(&server, "main", "p3", 1, json!({"name": "three"})).await;
    let path = format!("{DEMO}/feature/x/merge");
    let end =
        || async { server.get("/databases/demo").await.body["data"]["data"]["position"].clone() };
    let before = end().await;
    let tried = server
        .post(&path, json!({"into": "main", "dry_run": true}))
        .await
        .expect(200);
    assert_eq!(tried.body["merged"], false);
    assert!(tried.body.get("command_id").is_none());
    assert_eq!(tried.body["conflicts"], json!([]));
    let simulated = server
        .post(
            "/database/demo/merge/simulate",
            json!({"source_branch": "feature/x", "target_branch": "main"}),
        )
        .await
        .expect(200);
    assert_eq!(simulated.text, tried.text);
    assert_eq!(end().await, before, "a dry run leaves no trace");

    let merge = || async {
        let request = server
            .request("POST", &path)
            .header("idempotency-key", "once");
        let request = request
            .header("prefer", "wait=20")
            .json(&json!({"into": "main"}));
        server.send(request).await.expect(200)
    };
    let merged = merge().await;
    assert_eq!(merged.body["merged"], true);
    assert_eq!(merged.header("preference-applied"), "wait");
    assert!(merged.body["command_id"].is_string() && merged.body["position"].is_u64());
    assert_eq!(merged.body["changes"], tried.body["changes"]);
    assert_eq!(merged.body["summary"], tried.body["summary"]);
    let expected = [
        entry("modified", "demo:main:Product", &["properties.colour"]),
        entry("modified", "demo:main:Product:p1", &["name"]),
        entry("deleted", "demo:main:Product:p2", &[]),
        entry("added", "demo:main:Product:p4", &[]),
    ];
    assert_eq!(outline(&merged.body), expected);
    let after = end().await;
    // A retry gets the first answer, whatever happened after it.
    change(&server, "main", "p4", 1, json!({"name": "four"})).await;
    let again = merge().await;
    assert_eq!(again.text, merged.text);
    assert_ne!(end().await, after, "only the change in between");
    assert_eq!(end().await.as_u64().unwrap(), after.as_u64().unwrap() + 2);

    let (sequence, one) = shown(&server, "main", "p1").await.unwrap();
    assert_eq!((sequence, &one["name"]), (2, &json!("one")));
    assert!(shown(&server, "main", "p2").await.is_none());
    assert_eq!(
        shown(&server, "main", "p3").await.unwrap().1["name"],
        "three"
    );
    assert_eq!(
        shown(&server, "main", "p4").await.unwrap().1["name"],
        "four"
    );
    // Merged changes are no longer a difference, and a second merge does nothing.
    let diff = server
        .get(&format!("{DEMO}/feature/x/diff"))
        .await
        .expect(200);
    assert_eq!(diff.body["changes"], json!([]), "{}", diff.text);
    let more = server
        .post(&path, json!({"into": "main"}))
        .await
        .expect(200);
    assert_eq!(more.body["changes"], json!([]));
}

/// Both sides change the price of `p1`; the branch also changes its name.
async fn with_conflict() -> Server {
    let server = Server::start().await.with_demo().await;
    put_in(
        &server,
        "main",
        r#"{"product_id":"p1","name":"p1","price":1}"#,
    )
    .await;
    put_in(
        &server,
        "main",
        r#"{"product_id":"p2","name":"p2","price":2}"#,
    )
    .await;
    make(&server, "x", "main").await;
    change(&server, "x", "p1", 1, json!({"price": 10, "name": "ten"})).await;
    let path = "/databases/demo/instances/Product/p1/update?expected_seq=1";
    let request = server
        .request("PUT", path)
        .header("content-type", "application/json");
    server
        .send(request.body(r#"{"data":{"price":1.50}}"#))
        .await
        .expect(202);
    server
}

#[tokio::test]
async fn a_conflict_is_reported_and_resolved_by_strategy_or_resolution() {
    let server = with_conflict().await;
    let path = format!("{DEMO}/x/merge");
    let refused = server
        .post(&path, json!({"into": "main"}))
        .await
        .expect(409);
    assert_eq!(refused.code(), "merge_conflict");
    let conflicts = refused.body["detail"]["conflicts"].clone();
    let conflict = &conflicts[0];
    assert_eq!(conflicts.as_array().unwrap().len(), 1);
    assert_eq!(conflict["aggregate_id"], "demo:main:Product:p1");
    assert_eq!(conflict["property"], "price");
    assert_eq!(
        (&conflict["base"], &conflict["source"]),
        (&json!(1), &json!(10))
    );
    assert_eq!(
        shown(&server, "main", "p1").await.unwrap().0,
        2,
        "nothing was done"
    );
    // The dry run returns the same, and is not a failure.
    let tried = server
        .post(&path, json!({"into": "main", "dry_run": true}))
        .await
        .expect(200);
    assert_eq!(
        (
            &tried.body["merged"],
            tried.body["conflicts"].as_array().unwrap().len()
        ),
        (&json!(false), 1)
    );
    for field in ["aggregate_id", "property", "base", "source"] {
        assert_eq!(
            tried.body["conflicts"][0][field], conflict[field],
            "{field}"
        );
    }
    for told in [&tried.text, &refused.text] {
        assert!(told.contains(r#""target":1.50,"#), "{told}");
    }

    let one = "demo:main:Product:p1";
    let cases = [
        (json!({"strategy": "ours"}), json!(1.5)),
        (json!({"strategy": "theirs"}), json!(10)),
        (
            json!({"resolutions": [{"aggregate_id": one, "property": "price", "take": "ours"}]}),
            json!(1.5),
        ),
        (
            json!({"resolutions": [{"aggregate_id": one, "take": "theirs"}]}),
            json!(10),
        ),
        (
            json!({"resolutions": [{"aggregate_id": one, "property": "price", "value": 5.50}]}),
            json!(5.5),
        ),
        (
            json!({"resolutions": [{"aggregate_id": one, "property": "price", "value": null}]}),
            Value::Null,
        ),
        (
            json!({"strategy": "merge", "resolutions": [{"path": format!("{one}/price"),
                   "resolution_type": "use_value", "resolved_value": 5.50}]}),
            json!(5.5),
        ),
    ];
    for (mut body, price) in cases {
        body["into"] = json!("main");
        body["dry_run"] = json!(true);
        let tried = server.post(&path, body.clone()).await.expect(200);
        assert_eq!(tried.body["conflicts"], json!([]), "{body}");
        let after = &tried.body["changes"][0]["after"];
        assert_eq!(after["price"], price, "{body}");
        assert_eq!(
            after["name"], "ten",
            "what only one side changed is taken: {body}"
        );
    }
    let older = r#"{"source_branch":"x","target_branch":"main","resolutions":[
        {"aggregate_id":"demo:main:Product:p1","property":"price","value":5.50}]}"#;
    let request = server.request("POST", "/database/demo/merge/resolve");
    let request = request
        .header("content-type", "application/json")
        .header("prefer", "wait=20")
        .body(older);
    let merged = server.send(request).await.expect(200);
    assert_eq!(merged.body["merged"], true);
    assert!(
        merged.text.contains(r#""price":5.50"#),
        "the value keeps its text: {}",
        merged.text
    );
    let (sequence, shown) = shown(&server, "main", "p1").await.unwrap();
    assert_eq!((sequence, &shown["name"]), (3, &json!("ten")));
}

#[tokio::test]
async fn a_conflict_shows_each_number_as_written() {
    let server = with_conflict().await;
    let path = "/databases/demo/instances/Product/p1/update?branch=x&expected_seq=2";
    let request = server
        .request("PUT", path)
        .header("content-type", "application/json");
    let big = "1208925819614629174706176.10";
    let body = format!(r#"{{"data":{{"price":{big}}}}}"#);
    server.send(request.body(body)).await.expect(202);
    let merge = |body: String| {
        let request = server.request("POST", &format!("{DEMO}/x/merge"));
        let request = request.header("content-type", "application/json");
        server.send(request.header("prefer", "wait=20").body(body))
    };
    let refused = merge(r#"{"into":"main"}"#.to_owned()).await.expect(409);
    let tried = merge(r#"{"into":"main","dry_run":true}"#.to_owned()).await;
    let tried = tried.expect(200);
    let sides = format!(r#""base":1,"source":{big},"target":1.50,"message":"#);
    for told in [&refused.text, &tried.text] {
        assert!(told.contains(&sides), "{told}");
    }
    // Both return the same, and a client that echoes it writes a number.
    let conflicts = |answer: &str| {
        let (_, rest) = answer.split_once(r#""conflicts":["#).unwrap();
        rest.split_once(']').unwrap().0.to_owned()
    };
    assert_eq!(conflicts(&refused.text), conflicts(&tried.text));
    let resolution =
        format!(r#"{{"aggregate_id":"demo:main:Product:p1","property":"price","value":{big}}}"#);
    let body = format!(r#"{{"into":"main","resolutions":[{resolution}]}}"#);
    let merged = merge(body).await.expect(200);
    let written = format!(r#""price":{big}"#);
    assert!(merged.text.contains(&written), "{}", merged.text);
}

#[tokio::test]
async fn deleted_instances_stay_deleted() {
    let server = with_conflict().await;
    change(&server, "x", "p2", 1, json!({"name": "two"})).await;
    delete(&server, "main", "p2", 1).await;
    let path = format!("{DEMO}/x/merge");
    let refused = server
        .post(
            &path,
            json!({"into": "main", "resolutions": [
            {"aggregate_id": "demo:main:Product:p1", "take": "ours"}]}),
        )
        .await
        .expect(409);
    let conflict = &refused.body["detail"]["conflicts"][0];
    assert_eq!(conflict["aggregate_id"], "demo:main:Product:p2");
    assert!(conflict.get("property").is_none_or(Value::is_null));
    assert_eq!(conflict["target"], Value::Null);
    let body = json!({"into": "main", "strategy": "theirs"});
    let merged = server.post(&path, body).await.expect(200);
    assert_eq!(
        merged.body["stay_deleted"],
        json!(["demo:main:Product:p2"]),
        "{}",
        merged.text
    );
    assert!(shown(&server, "main", "p2").await.is_none());
    assert!(shown(&server, "x", "p2").await.is_some());
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
