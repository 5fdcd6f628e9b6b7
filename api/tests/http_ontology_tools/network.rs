//! The network of classes.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{item, server};

#[tokio::test]
async fn the_network_of_classes_is_returned() {
    let server = server().await;
    let base = "/database/demo";
    let shelf = json!({"id": "Shelf", "label": "Shelf", "parent_class": "Item", "relationships": [
        {"predicate": "wall", "target": "Wall"}, {"predicate": "part_of", "target": "Shelf", "cardinality": "n:1", "required": true, "integrity": "strict"}]});
    let checked = server
        .post(&format!("{base}/validate-relationships"), shelf.clone())
        .await
        .expect(200);
    let summary = json!({"can_create": true, "total_issues": 1, "errors": 0, "warnings": 1});
    assert_eq!(
        checked.body["data"]["validation_summary"], summary,
        "{}",
        checked.text
    );
    assert_eq!(checked.body["data"]["issues"][0]["code"], "target_missing");
    let known = server
        .post(&format!("{base}/validate-relationships"), item())
        .await
        .expect(200);
    assert_eq!(
        known.body["data"]["validation_summary"]["can_create"],
        false
    );
    let cycles = format!("{base}/check-circular-references");
    let round = server.post(&cycles, shelf).await.expect(200);
    let summary = json!({"safe_to_create": false, "total_cycles": 2, "critical_cycles": 1});
    assert_eq!(
        round.body["data"]["cycle_summary"], summary,
        "{}",
        round.text
    );
    assert_eq!(round.body["data"]["cycles"][0]["path"], "Shelf → Shelf");
    let now = server
        .send(server.request("POST", &cycles))
        .await
        .expect(200);
    let summary = json!({"safe_to_create": true, "total_cycles": 1, "critical_cycles": 0});
    assert_eq!(now.body["data"]["cycle_summary"], summary);

    let network = server
        .get(&format!("{base}/relationship-network/analyze"))
        .await
        .expect(200);
    assert_eq!(network.body["statistics"]["total_ontologies"], 3);
    assert_eq!(network.body["statistics"]["total_relationships"], 2);
    assert_eq!(
        network.body["quality_metrics"]["inverse_coverage"],
        "1/2 (50%)"
    );
    assert_eq!(
        network.body["network_health"],
        json!({"score": 100, "grade": "Excellent"})
    );
    assert_eq!(
        network.body["components"],
        json!([{"classes": ["Item", "Party", "Person"], "size": 3}])
    );
    let posted = server
        .send(server.request("POST", &format!("{base}/relationship-network/analyze")))
        .await;
    assert_eq!(posted.expect(200).body, network.body);
    let past = server
        .get(&format!("{base}/relationship-network/analyze?as_of=1"))
        .await
        .expect(200);
    assert_eq!(past.body["statistics"]["total_ontologies"], 0);

    let paths = format!("{base}/relationship-paths");
    let request = server
        .request(
            "GET",
            &format!("{paths}?start_entity=Item&end_entity=당사자"),
        )
        .header("accept-language", "ko");
    let found = server.send(request).await.expect(200);
    assert_eq!(
        found.body["paths"][0]["path"], "Item → 당사자",
        "{}",
        found.text
    );
    assert_eq!(found.body["paths"][0]["predicates"], json!(["owner"]));
    let reached = server
        .get(&format!("{paths}?source_class=Person"))
        .await
        .expect(200);
    let ends: BTreeSet<&str> = reached.body["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["end"].as_str().unwrap())
        .collect();
    assert_eq!(
        ends,
        BTreeSet::from(["Item", "당사자"]),
        "labels without a wish are Korean first"
    );
    for (query, field) in [
        ("", "start_entity"),
        ("?start_entity=Nobody", "source_class"),
        ("?start_entity=Item&max_depth=11", "max_depth"),
        ("?start_entity=Item&path_type=weighted", "path_type"),
        ("?start_entity=Item&source_class=Item", "source_class"),
    ] {
        let wrong = server.get(&format!("{paths}{query}")).await;
        assert_eq!(
            (wrong.status, wrong.code()),
            (400, "invalid_query"),
            "{query}: {}",
            wrong.text
        );
        assert_eq!(wrong.body["detail"]["field"], field, "{query}");
    }
    for path in ["validate-relationships", "check-circular-references"] {
        let wrong = server
            .post(&format!("{base}/{path}"), json!({"label": 5}))
            .await;
        assert_eq!(
            (wrong.status, wrong.code()),
            (422, "validation_failed"),
            "{}",
            wrong.text
        );
        assert_eq!(
            server
                .post(&format!("/database/nowhere/{path}"), item())
                .await
                .status,
            404
        );
    }
    assert_eq!(
        server
            .get(&format!("{base}/mappings?branch=nope"))
            .await
            .status,
        404
    );
}
