//! The earlier system's query: conditions by label or id, over the lists of the newer calls.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Server, things::filled};
use serde_json::{Value, json};

const QUERY: &str = "/databases/demo/query";

/// Returns the ids that a query finds, in order.
async fn ids(server: &Server, query: Value) -> Vec<String> {
    let answer = server.post(QUERY, query.clone()).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    let results = answer.body["results"].as_array().unwrap();
    assert_eq!(answer.body["total"], results.len(), "{query}");
    assert_eq!(answer.body["query"], query);
    let id = |row: &Value| {
        row["@id"]
            .as_str()
            .unwrap()
            .strip_prefix("Item/")
            .unwrap()
            .to_owned()
    };
    results.iter().map(id).collect()
}

#[tokio::test]
async fn a_query_has_every_operator_by_label_or_id() {
    let server = filled().await;
    let cases = [
        ("eq", json!(20), "b"),
        ("eq", json!(20.0), "b"),
        ("ne", json!(20), "a d"),
        ("gt", json!(1.5), "b d"),
        ("ge", json!(1.5), "a b d"),
        ("lt", json!(20), "a"),
        ("le", json!(20), "a b"),
        ("in", json!([1.50, 20]), "a b"),
        ("in", json!([]), ""),
        ("not_in", json!([1.50, 20]), "d"),
        ("not_in", json!([]), "a b d"),
        ("is_null", Value::Null, "c"),
        ("is_not_null", Value::Null, "a b d"),
    ];
    for (operator, value, found) in cases {
        for (key, class, field) in [
            ("class_id", "Item", "price"),
            ("class_label", "물건", "가격"),
            ("class_label", "Thing", "Price"),
            ("class_id", "Thing", "Price"),
        ] {
            let filter = json!({"field": field, "operator": operator, "value": value});
            let query = json!({key: class, "filters": [filter]});
            assert_eq!(
                ids(&server, query).await.join(" "),
                found,
                "{operator} {value} {field}"
            );
        }
    }
    let by = |field: &str, operator: &str, value: Value| json!({"class_id": "Item", "filters": [{"field": field, "operator": operator, "value": value}]});
    assert_eq!(
        ids(&server, by("name", "like", json!("P%"))).await,
        ["b", "c"]
    );
    assert_eq!(
        ids(&server, by("name", "ne", json!("Pot"))).await,
        ["a", "c"]
    );
    assert_eq!(ids(&server, by("tags", "eq", json!("red"))).await, ["a"]);
    assert_eq!(
        ids(&server, by("tags", "ne", json!("red"))).await,
        ["b", "d"]
    );
    assert_eq!(ids(&server, by("next", "eq", json!("Item/a"))).await, ["b"]);
    assert_eq!(
        ids(&server, by("instance_id", "not_in", json!(["a", "b"]))).await,
        ["c", "d"]
    );
    let between = json!({"class_id": "Item", "filters": [
        {"field": "price", "operator": "ge", "value": 1},
        {"field": "price", "operator": "lt", "value": 20},
        {"field": "name", "operator": "is_not_null"},
    ]});
    assert_eq!(ids(&server, between).await, ["a"]);
    let list = "/databases/demo/class/Item/instances?filter=";
    for (filter, total) in [
        ("{\"price\":{\"ne\":20}}", 2),
        ("{\"price\":{\"not_in\":[20]}}", 2),
    ] {
        let page = server.get(&format!("{list}{filter}")).await.expect(200);
        assert_eq!(page.body["total"], total, "{filter}");
    }
    let graph = json!({"start_class": "Item", "filters": {"price": {"ne": 20}}});
    assert_eq!(
        server
            .post("/graph-query/demo", graph)
            .await
            .expect(200)
            .body["count"],
        2
    );
}

#[tokio::test]
async fn a_query_returns_the_selection_under_the_requested_names() {
    let server = filled().await;
    let answer = server
        .post(
            QUERY,
            json!({"class_label": "물건", "select": ["가격", "name", "instance_id"], "limit": 2}),
        )
        .await
        .expect(200);
    assert!(
        answer
            .text
            .contains(r#"{"@id":"Item/a","@type":"Item","가격":1.5"#),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["results"][0]["instance_id"], "a");
    assert_eq!(answer.body["results"][0]["name"], "Cup");
    assert_eq!(
        answer.body["total"], 4,
        "all of them, not those of the page"
    );
    assert_eq!(answer.body["results"].as_array().unwrap().len(), 2);
    let absent = json!({"class_id": "Item", "select": ["price"], "filters": [{"field": "price", "operator": "is_null"}]});
    let absent = server.post(QUERY, absent).await.expect(200);
    assert_eq!(
        absent.body["results"],
        json!([{"@id": "Item/c", "@type": "Item", "price": null}])
    );

    let whole = server
        .post(QUERY, json!({"class_id": "Item"}))
        .await
        .expect(200);
    assert!(
        whole.text.contains("\"price\":12345678901234567890.125"),
        "{}",
        whole.text
    );
    assert_eq!(whole.body["results"][1]["next"], "Item/a");
    let labelled = server
        .request("POST", QUERY)
        .header("accept-language", "en")
        .json(&json!({"class_label": "Thing"}));
    let labelled = server.send(labelled).await.expect(200);
    assert_eq!(
        labelled.body["results"][0]["Price"], 1.5,
        "{}",
        labelled.text
    );
    assert_eq!(labelled.body["results"][0]["tags"], json!(["red", "blue"]));
    assert!(labelled.body["results"][0].get("price").is_none());
}

#[tokio::test]
async fn a_query_is_ordered_paged_and_read_at_a_branch_and_a_position() {
    let server = filled().await;
    let ordered = |direction: &str| json!({"class_id": "Item", "order_by": "가격", "order_direction": direction});
    assert_eq!(ids(&server, ordered("asc")).await, ["a", "b", "d", "c"]);
    assert_eq!(ids(&server, ordered("desc")).await, ["d", "b", "a", "c"]);
    let by_id = json!({"class_id": "Item", "order_direction": "desc"});
    assert_eq!(ids(&server, by_id).await, ["d", "c", "b", "a"]);
    let mut seen = Vec::new();
    for offset in [0, 2, 4] {
        let page = json!({"class_id": "Item", "limit": 2, "offset": offset, "order_by": "name"});
        let page = server.post(QUERY, page).await.expect(200).body;
        assert_eq!(
            (&page["total"], &page["limit"], &page["offset"]),
            (&json!(4), &json!(2), &json!(offset))
        );
        seen.extend(
            page["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["@id"].clone()),
        );
    }
    assert_eq!(seen, ["Item/a", "Item/c", "Item/b", "Item/d"]);

    let position = server.get("/databases/demo").await.body["data"]["position"].clone();
    server
        .write("POST", "/databases/demo/branches", json!({"name": "x"}))
        .await;
    let update = "/databases/demo/instances/Item/c/update?expected_seq=1";
    server
        .write("PUT", update, json!({"data": {"price": 3}}))
        .await;
    let priced =
        json!({"class_id": "Item", "filters": [{"field": "price", "operator": "is_null"}]});
    for (place, total) in [
        ("", 0),
        ("?branch=x", 1),
        (&*format!("?as_of={position}"), 1),
    ] {
        let answer = server
            .post(&format!("{QUERY}{place}"), priced.clone())
            .await
            .expect(200);
        assert_eq!(answer.body["total"], total, "{place}");
    }
}

fn filter(filter: &Value) -> Value {
    json!({"class_id": "Item", "filters": [filter]})
}

async fn refuse(cases: &[(Value, &str)], status: u16, code: &str) {
    let server = filled().await;
    for (query, field) in cases {
        let answer = server.post(QUERY, query.clone()).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
        assert_eq!(answer.code(), code, "{query}");
        let detail = &answer.body["detail"];
        let errors = &detail["errors"][0]["field"];
        let named = [errors, &detail["field"], &detail["property"]];
        assert!(
            named.iter().any(|it| it == field),
            "{query}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_query_of_the_wrong_shape_names_the_field() {
    let cases = [
        (json!({}), "class_label"),
        (json!({"class_id": "Item", "filter": {}}), "filter"),
        (json!({"class_id": "Item", "limit": 0}), "limit"),
        (json!({"class_id": "Item", "limit": 1001}), "limit"),
        (json!({"class_id": "Item", "limit": -1}), "limit"),
        (json!({"class_id": "Item", "offset": 100_001}), "offset"),
        (json!({"class_id": "Item", "order_by": ""}), "order_by"),
        (
            json!({"class_id": "Item", "order_direction": "up"}),
            "order_direction",
        ),
        (filter(&json!({"field": "price"})), "filters[0].operator"),
        (
            filter(&json!({"field": "price", "operator": "=", "value": 1})),
            "filters[0].operator",
        ),
        (
            filter(&json!({"field": "price", "operator": "eq"})),
            "filters[0].value",
        ),
        (
            filter(&json!({"field": "price", "operator": "ne", "value": null})),
            "filters[0].value",
        ),
        (
            filter(&json!({"field": "price", "operator": "is_null", "value": 1})),
            "filters[0].value",
        ),
    ];
    refuse(&cases, 422, "validation_failed").await;
}

#[tokio::test]
async fn an_unsupported_query_is_explained() {
    let cases = [
        (json!({"class_id": "Nothing"}), "class_id"),
        (json!({"class_label": "Nothing"}), "class_label"),
        (
            filter(&json!({"field": "colour", "operator": "eq", "value": 1})),
            "colour",
        ),
        (
            filter(&json!({"field": "price", "operator": "eq", "value": "1"})),
            "price",
        ),
        (
            filter(&json!({"field": "price", "operator": "in", "value": 1})),
            "price",
        ),
        (
            filter(&json!({"field": "price", "operator": "not_in", "value": [null]})),
            "price",
        ),
        (
            filter(&json!({"field": "price", "operator": "like", "value": "1%"})),
            "price",
        ),
        (json!({"class_id": "Item", "order_by": "tags"}), "tags"),
        (json!({"class_id": "Item", "order_by": "-price"}), "-price"),
        (json!({"class_id": "Item", "select": ["colour"]}), "colour"),
    ];
    refuse(&cases, 400, "invalid_query").await;
    let server = filled().await;
    let two = json!({"class_id": "Item", "class_label": "Item"});
    server.post(QUERY, two).await.expect(200);
    server
        .post("/databases/nowhere/query", json!({"class_id": "Item"}))
        .await
        .expect(404);
    server
        .post(&format!("{QUERY}?branch=no"), json!({"class_id": "Item"}))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_refused_value_is_shown_with_all_its_digits() {
    let server = filled().await;
    for digits in ["12345678901234567890123", "0.12345678901234567890"] {
        let body = format!(
            r#"{{"class_id":"Item","filters":[{{"field":"price","operator":"is_null","value":{digits}}}]}}"#
        );
        let answer = server
            .send(
                server
                    .request("POST", QUERY)
                    .header("content-type", "application/json")
                    .body(body),
            )
            .await
            .expect(422);
        assert!(answer.text.contains(digits), "{}", answer.text);
    }
}
