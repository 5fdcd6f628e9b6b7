//! The refusals of merge, rebase, rollback, diff and history; and the history at oms.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::Server;
use serde_json::{Value, json};

const DEMO: &str = "/databases/demo/branches";

async fn with_branch() -> Server {
    let server = Server::start().await.with_demo().await;
    create(&server, "main", "p1").await;
    server.post(DEMO, json!({"name": "x"})).await.expect(200);
    create(&server, "x", "p2").await;
    server
}

async fn create(server: &Server, branch: &str, id: &str) -> u64 {
    let path = format!("/databases/demo/instances/Product/create?branch={branch}");
    let body = json!({"data": {"product_id": id, "name": id}, "metadata": {"message": format!("make {id}")}});
    let answer = server.post(&path, body).await.expect(202);
    answer.body["result"]["position"].as_u64().unwrap()
}

/// Both services refuse a wrong shape, each with its own status, and name the field.
async fn misshapen(server: &Server, gateway: &str, oms: Option<&str>, body: Value, field: &str) {
    let refused = server.post(gateway, body.clone()).await.expect(422);
    assert_eq!(refused.code(), "validation_failed");
    assert_eq!(
        refused.body["detail"]["errors"][0]["field"], field,
        "{}",
        refused.text
    );
    if let Some(oms) = oms {
        let refused = server.post(oms, body).await.expect(400);
        assert_eq!(refused.code(), "invalid_request");
        assert_eq!(refused.body["detail"]["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_shape_name_the_field() {
    let server = with_branch().await;
    let merge = format!("{DEMO}/x/merge");
    misshapen(&server, &merge, None, json!({}), "into").await;
    misshapen(
        &server,
        &merge,
        None,
        json!({"into": "main", "strategy": "mine"}),
        "strategy",
    )
    .await;
    misshapen(
        &server,
        &merge,
        None,
        json!({"into": "main", "dry": true}),
        "dry",
    )
    .await;
    misshapen(
        &server,
        &merge,
        None,
        json!({"into": "main", "dry_run": "yes"}),
        "dry_run",
    )
    .await;
    let rebase = format!("{DEMO}/x/rebase");
    misshapen(&server, &rebase, None, json!({"onto": 1}), "onto").await;
    let rollback = format!("{DEMO}/x/rollback");
    misshapen(&server, &rollback, None, json!({}), "to_position").await;
    misshapen(
        &server,
        &rollback,
        None,
        json!({"to_position": -1}),
        "to_position",
    )
    .await;

    let (gateway, oms) = (
        "/database/demo/merge/simulate",
        Some("oms:/version/demo/merge"),
    );
    let with = |resolution: Value| {
        json!({"source_branch": "x", "target_branch": "main",
               "resolutions": [{"aggregate_id": "demo:main:Product:p1", "take": "ours"}, resolution]})
    };
    let one = "demo:main:Product:p1";
    for (resolution, field) in [
        (json!({"take": "ours"}), "resolutions[1].aggregate_id"),
        (json!({"aggregate_id": one}), "resolutions[1].take"),
        (
            json!({"aggregate_id": one, "take": "mine"}),
            "resolutions[1].take",
        ),
        (
            json!({"aggregate_id": one, "value": 1}),
            "resolutions[1].property",
        ),
        (
            json!({"aggregate_id": one, "property": "name", "take": "ours", "value": null}),
            "resolutions[1].value",
        ),
        (
            json!({"aggregate_id": one, "property": "name", "values": 1}),
            "resolutions[1].values",
        ),
    ] {
        misshapen(&server, gateway, oms, with(resolution), field).await;
    }
    misshapen(
        &server,
        gateway,
        oms,
        json!({"source_branch": "x"}),
        "target_branch",
    )
    .await;
    let refused = server
        .post("oms:/version/demo/rollback", json!({}))
        .await
        .expect(400);
    assert_eq!(refused.body["detail"]["errors"][0]["field"], "to_position");
}

#[tokio::test]
async fn an_impossible_merge_is_refused_also_as_a_dry_run() {
    let server = with_branch().await;
    let one = json!([{"aggregate_id": "demo:main:Product:p1", "take": "ours"}]);
    let twice =
        json!([{"aggregate_id": "a", "take": "ours"}, {"aggregate_id": "a", "take": "theirs"}]);
    let cases = [
        ("none/merge", json!({"into": "main"}), 404, "not_found"),
        ("x/merge", json!({"into": "none"}), 404, "not_found"),
        ("x/merge", json!({"into": "x"}), 400, "invalid_request"),
        ("x/merge", json!({"into": "b d"}), 400, "invalid_name"),
        (
            "x/merge",
            json!({"into": "main", "resolutions": one}),
            400,
            "invalid_request",
        ),
        (
            "x/merge",
            json!({"into": "main", "resolutions": twice}),
            400,
            "invalid_request",
        ),
        ("none/rebase", json!({}), 404, "not_found"),
        ("x/rebase", json!({"onto": "none"}), 404, "not_found"),
        ("x/rebase", json!({"onto": "x"}), 400, "invalid_request"),
        ("main/rebase", json!({"onto": "x"}), 403, "forbidden"),
        ("none/rollback", json!({"to_position": 1}), 404, "not_found"),
        (
            "x/rollback",
            json!({"to_position": 1_000}),
            422,
            "validation_failed",
        ),
        (
            "x/rollback",
            json!({"to_position": 1}),
            422,
            "validation_failed",
        ),
    ];
    let end = server.get("/databases/demo").await.body["data"]["data"]["position"].clone();
    for (path, body, status, code) in cases {
        let path = format!("{DEMO}/{path}");
        let refused = server.post(&path, body.clone()).await.expect(status);
        assert_eq!(refused.code(), code, "{path} {body}");
        let mut dry = body;
        dry["dry_run"] = json!(true);
        let tried = server.post(&path, dry).await.expect(status);
        assert_eq!(tried.body, refused.body, "{path}");
    }
    server
        .post("/databases/none/branches/x/merge", json!({"into": "main"}))
        .await
        .expect(404);
    let text = server
        .request("POST", &format!("{DEMO}/x/merge"))
        .body("into=main");
    server.send(text).await.expect(415);
    let now = server.get("/databases/demo").await.body["data"]["data"]["position"].clone();
    assert_eq!(now, end, "nothing refused leaves a trace");

    // The same key for another merge is refused, not answered with the first.
    let send = |body: Value| {
        let request = server.request("POST", &format!("{DEMO}/x/merge"));
        server.send(request.header("idempotency-key", "k").json(&body))
    };
    send(json!({"into": "main"})).await.expect(200);
    let other = send(json!({"into": "main", "strategy": "ours"}))
        .await
        .expect(409);
    assert_eq!(other.code(), "event_id_reused");
    let tried = send(json!({"into": "main", "strategy": "ours", "dry_run": true})).await;
    assert_eq!(
        tried.expect(200).body["merged"],
        false,
        "what leaves no trace has no key"
    );
}

#[tokio::test]
async fn an_impossible_diff_is_refused() {
    let server = with_branch().await;
    let cases = [
        ("main/diff", 400, "invalid_request", "against"),
        ("x/diff?direct=true", 400, "invalid_query", "against"),
        (
            "x/diff?against=main&from_position=3",
            400,
            "invalid_query",
            "from_position",
        ),
        ("x/diff?against=b%20d", 400, "invalid_name", ""),
        ("x/diff?cursor=none", 400, "invalid_request", "cursor"),
        (
            "x/diff?cursor=OTk5OSAwIDAgMCBpOlByb2R1Y3QvcDE",
            400,
            "invalid_request",
            "cursor",
        ),
        ("x/diff?limit=0", 422, "validation_failed", ""),
        ("x/diff?limit=10001", 422, "validation_failed", ""),
        (
            "x/diff?from_position=100000",
            400,
            "invalid_request",
            "from_position",
        ),
        ("x/diff?as_of=100000", 400, "invalid_request", "as_of"),
        ("x/diff?with=main", 400, "invalid_query", "with"),
        ("x/diff?against=none", 404, "not_found", ""),
        ("none/diff", 404, "not_found", ""),
    ];
    for (path, status, code, field) in cases {
        let refused = server.get(&format!("{DEMO}/{path}")).await.expect(status);
        assert_eq!(refused.code(), code, "{path}");
        if !field.is_empty() {
            assert_eq!(refused.body["detail"]["field"], field, "{path}");
        }
    }
    let oms = server
        .get("oms:/version/demo/diff?from=main")
        .await
        .expect(400);
    assert_eq!(oms.body["detail"]["errors"][0]["field"], "to");
    let oms = server
        .get("oms:/version/demo/diff?from=main&from_ref=x&to=x")
        .await
        .expect(400);
    assert_eq!(oms.body["detail"]["field"], "from_ref");
}

#[tokio::test]
async fn the_history_of_a_branch_goes_down_to_its_parents() {
    let server = with_branch().await;
    create(&server, "main", "p3").await;
    let history = |query: &str| {
        let path = format!("oms:/version/demo/history{query}");
        let server = &server;
        async move { server.get(&path).await.expect(200).body["data"].clone() }
    };
    let messages = |data: &Value| -> Vec<String> {
        let entries = data["history"].as_array().unwrap();
        let text = |entry: &Value| entry["message"].as_str().unwrap().to_owned();
        entries.iter().map(text).collect()
    };
    let x = history("?branch=x").await;
    let begun = ["make p2", "CREATE_BRANCH demo:x", "make p1"];
    assert_eq!(messages(&x)[..3], begun);
    assert_eq!(x["count"], 7, "three classes and the database");
    assert!(x.get("cursor").is_none());
    assert!(!messages(&history("").await).contains(&"make p2".to_owned()));
    assert_eq!(messages(&history("").await)[0], "make p3");
    let newest = &x["history"][0];
    for field in ["position", "command_id", "occurred_at", "sequence"] {
        assert!(!newest[field].is_null(), "{field}: {newest}");
    }
    assert_eq!(newest["command_type"], "CREATE_INSTANCE");
    assert_eq!(newest["aggregate_id"], "demo:x:Product:p2");

    let mut pages = Vec::new();
    let mut query = "?branch=x&limit=2".to_owned();
    loop {
        let page = history(&query).await;
        pages.extend(page["history"].as_array().unwrap().clone());
        create(&server, "x", &format!("q{}", pages.len())).await;
        match page["cursor"].as_str() {
            Some(cursor) => query = format!("?branch=x&limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(Value::from(pages), x["history"]);

    server
        .post(&format!("{DEMO}/x/rebase"), json!({}))
        .await
        .expect(200);
    let rebased = messages(&history("?branch=x").await);
    assert_eq!(rebased[..2], ["REBASE_BRANCH demo:x", "make p3"]);
    server
        .post(
            "oms:/version/demo/merge",
            json!({"source_branch": "x", "target_branch": "main"}),
        )
        .await
        .expect(200);
    assert_eq!(messages(&history("").await)[0], "MERGE_BRANCH demo:main");
    let refused = server
        .get("oms:/version/demo/history?branch=none")
        .await
        .expect(404);
    assert_eq!(refused.code(), "not_found");
    server
        .get("oms:/version/demo/history?cursor=x")
        .await
        .expect(400);
    server
        .get("oms:/version/demo/history?limit=0")
        .await
        .expect(400);
}
