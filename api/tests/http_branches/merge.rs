//! Merges of branches, and their conflicts.

use serde_json::{Value, json};

use crate::{
    DEMO, change, delete, entry, http_support::Server, make, outline, put_in, shown, with_branch,
};

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
    for text in [&tried.text, &refused.text] {
        assert!(text.contains(r#""target":1.50,"#), "{text}");
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
    for text in [&refused.text, &tried.text] {
        assert!(text.contains(&sides), "{text}");
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
