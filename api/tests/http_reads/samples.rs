//! Sample values.

use serde_json::{Value, json};

use crate::http_support::Server;

#[tokio::test]
async fn sample_values_are_counted_in_a_bounded_sample() {
    let server = Server::start().await.with_demo().await;
    let rows: Vec<Value> = (0..1_200)
        .map(|number| {
            let mut row = json!({"product_id": format!("p{number:04}"), "name": "same"});
            if number % 2 == 0 {
                row["price"] = json!(number % 3);
            }
            if number == 5 {
                row["name"] = json!("x".repeat(2_000));
            }
            row
        })
        .collect();
    let bulk = "/databases/demo/instances/Product/bulk-create";
    server.write("POST", bulk, json!({"instances": rows})).await;
    let path = "/databases/demo/class/Product/sample-values";
    let all = server
        .get(&format!("{path}?limit=2"))
        .await
        .expect(200)
        .body;
    assert_eq!(all["sampled"], 1_000);
    assert_eq!(all["sample_limit"], 1_000);
    assert_eq!(all["complete"], false);
    let named = |name: &str| {
        let mut properties = all["properties"].as_array().unwrap().iter();
        properties
            .find(|it| it["property"] == name)
            .unwrap()
            .clone()
    };
    let columns: Vec<&Value> = all["properties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["property"])
        .collect();
    assert_eq!(columns, ["product_id", "name", "price", "sku"]);
    let price = named("price");
    assert_eq!(price["type"], "decimal");
    assert_eq!(price["null_count"], 500);
    assert_eq!(price["distinct_count"], 3);
    assert_eq!(
        price["values"],
        json!([{"value": 0, "count": 167}, {"value": 2, "count": 167}])
    );
    assert_eq!(
        named("name")["values"],
        json!([{"value": "same", "count": 999}])
    );
    assert_eq!(named("name")["long_count"], 1);
    assert_eq!(named("sku")["null_count"], 1_000);
    assert_eq!(named("product_id")["distinct_count"], 1_000);

    let one = server
        .get(&format!("{path}?property=price"))
        .await
        .expect(200)
        .body;
    assert_eq!(one["properties"].as_array().unwrap().len(), 1);
    let unknown = server
        .get(&format!("{path}?property=colour"))
        .await
        .expect(400);
    assert_eq!(unknown.code(), "invalid_query");
    assert_eq!(
        unknown.body["detail"]["properties"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let few = "/databases/demo/class/Customer/sample-values";
    let few = server.get(few).await.expect(200).body;
    assert_eq!(
        (&few["sampled"], &few["complete"]),
        (&json!(0), &json!(true))
    );
}
