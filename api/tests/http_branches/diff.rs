//! Diffs of branches.

use serde_json::{Value, json};

use crate::{DEMO, change, entry, outline, put_in, with_branch};

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
