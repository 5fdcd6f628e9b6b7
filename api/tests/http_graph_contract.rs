//! Contract §9 as tables: filters of every type, and every refusal with the field that it names.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::Server;
use serde_json::{Value, json};

/// A class with a property of every type.
fn everything() -> Value {
    let types = [
        ("s", "string"),
        ("t", "text"),
        ("i", "xsd:integer"),
        ("d", "decimal"),
        ("n", "number"),
        ("f", "float"),
        ("g", "double"),
        ("b", "boolean"),
        ("day", "date"),
        ("at", "dateTime"),
        ("u", "anyURI"),
        ("mail", "email"),
        ("tel", "phone"),
        ("m", "money"),
        ("id2", "uuid"),
        ("ip", "ip"),
        ("j", "json"),
        ("o", "object"),
        ("geo", "coordinate"),
        ("place", "address"),
        ("pic", "image"),
        ("doc", "file"),
    ];
    let mut properties = vec![
        json!({"name": "key", "type": "string", "primaryKey": true, "required": true}),
        json!({"name": "e", "type": "enum", "constraints": {"enum": ["s", "m"]}}),
        json!({"name": "list", "type": "array", "items": {"type": "string"}}),
        json!({"name": "owner", "type": "link", "linkTarget": "All", "cardinality": "n:1", "label": "Owned by"}),
    ];
    properties.extend(types.map(|(name, kind)| json!({"name": name, "type": kind})));
    json!({"id": "All", "label": "All", "properties": properties})
}

async fn world() -> Server {
    let server = Server::start().await;
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    server
        .write("POST", "/databases/demo/ontology", everything())
        .await;
    let instances = json!([
        {
            "key": "a", "s": "apple", "t": "one apple", "i": 9, "d": 1.10, "n": 1.5, "f": 0.5,
            "g": 2.5, "b": false, "day": "2026-01-09", "at": "2026-01-01T09:00:00+09:00",
            "u": "https://a.example/", "mail": "a@example.com", "tel": "+82-10-1234-5678",
            "m": {"amount": "9.00", "currency": "KRW"}, "e": "s",
            "id2": "0f8fad5b-d9cb-469f-a165-70867728950e", "ip": "10.0.0.1", "j": {"x": 1},
            "o": {"x": 1}, "list": ["red", "blue"], "geo": {"lat": 37.5, "lon": 127.0},
            "place": {"city": "Seoul"}, "pic": "https://a.example/a.png",
            "doc": {"url": "https://a.example/a.pdf"}, "owner": "All/b",
        },
        {
            "key": "b", "s": "banana", "t": "two bananas", "i": 10, "d": 1.2, "n": 15, "f": 5,
            "g": 25, "b": true, "day": "2026-01-10", "at": "2026-01-01T00:00:01Z",
            "u": "https://b.example/", "mail": "b@example.com", "tel": "+82-10-1234-5679",
            "m": {"amount": "10", "currency": "KRW"}, "e": "m",
            "id2": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "ip": "10.0.0.2", "j": "text",
            "o": {"x": 2}, "list": ["green"], "geo": {"lat": 35.1, "lon": 129.0},
            "place": {"city": "Busan"}, "pic": "https://b.example/b.png",
            "doc": {"url": "https://b.example/b.pdf"}, "owner": "All/a",
        },
        {"key": "c"},
    ]);
    let path = "/databases/demo/instances/All/bulk-create";
    server
        .write("POST", path, json!({"instances": instances}))
        .await;
    server
}

async fn found(server: &Server, filters: &Value) -> Vec<String> {
    let query = json!({"start_class": "All", "filters": filters});
    let answer = server.post("/graph-query/demo", query).await.expect(200);
    let nodes = answer.body["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["display"]["primary_key"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn filters_of_every_type_agree_in_queries_lists_and_past_reads() {
    let server = world().await;
    let seoul = json!({"lat": 37.5, "lon": 127.0});
    let krw = |amount: &str| json!({"amount": amount, "currency": "KRW"});
    let rows = [
        (json!({"s": "apple"}), "a"),
        (json!({"s": {"gt": "apple"}}), "b"),
        (json!({"s": {"like": "%an%"}}), "b"),
        (json!({"s": {"like": "_pple"}}), "a"),
        (json!({"s": {"like": "APPLE"}}), ""),
        (json!({"s": {"in": ["apple", "banana", "cherry"]}}), "ab"),
        (json!({"s": {"in": []}}), ""),
        (json!({"s": {"exists": false}}), "c"),
        (json!({"t": {"like": "one%"}}), "a"),
        (json!({"i": {"gte": 9, "lt": 10}}), "a"),
        (json!({"i": {"gt": 9}}), "b"),
        (json!({"i": {"lte": 9.5}}), "a"),
        (json!({"i": {"in": [10]}}), "b"),
        (json!({"d": 1.1}), "a"),
        (json!({"d": {"gt": 1.1}}), "b"),
        (json!({"n": {"lt": 2}}), "a"),
        (json!({"f": {"gte": 5.0}}), "b"),
        (json!({"g": {"eq": 25}}), "b"),
        (json!({"b": true}), "b"),
        (json!({"b": {"lt": true}}), "a"),
        (json!({"day": {"lt": "2026-01-10"}}), "a"),
        (json!({"at": "2026-01-01T00:00:00Z"}), "a"),
        (json!({"at": {"gt": "2026-01-01T00:00:00"}}), "b"),
        (json!({"at": {"gte": "2026-01-01"}}), "ab"),
        (json!({"u": {"like": "https://a%"}}), "a"),
        (json!({"mail": "b@example.com"}), "b"),
        (json!({"tel": {"like": "%5678"}}), "a"),
        (json!({"m": krw("9")}), "a"),
        (json!({"m": {"gt": krw("9.5")}}), "b"),
        (json!({"m": {"gt": {"amount": "1", "currency": "EUR"}}}), ""),
        (json!({"e": "m"}), "b"),
        (json!({"id2": "7C9E6679-7425-40DE-944B-E07FC1F90AE7"}), "b"),
        (json!({"ip": {"gt": "10.0.0.1"}}), "b"),
        (json!({"j": {"x": 1}}), "a"),
        (json!({"j": "text"}), "b"),
        (json!({"o": {"x": 2}}), "b"),
        (json!({"list": "red"}), "a"),
        (json!({"list": ["red", "blue"]}), "a"),
        (json!({"list": {"in": ["green", "blue"]}}), "ab"),
        (json!({"list": {"like": "gr%"}}), "b"),
        (json!({"geo": seoul}), "a"),
        (json!({"place": {"city": "Busan"}}), "b"),
        (json!({"pic": "https://a.example/a.png"}), "a"),
        (json!({"doc": {"exists": true}}), "ab"),
        (json!({"owner": "All/b"}), "a"),
        (json!({"Owned by": {"like": "All/_"}}), "ab"),
        (json!({"instance_id": {"gt": "a"}}), "bc"),
        (
            json!({"key": {"in": ["a", "c"]}, "s": {"exists": true}}),
            "a",
        ),
        (json!({}), "abc"),
    ];
    let database = server.get("/databases/demo").await.expect(200).body;
    let position = database["data"]["position"].as_u64().unwrap();
    for (filters, wanted) in rows {
        assert_eq!(found(&server, &filters).await.concat(), wanted, "{filters}");
        for past in ["", &format!("&as_of={position}")] {
            let path = format!("/databases/demo/class/All/instances?order_by=key{past}");
            let request = server.request("GET", &path);
            let request = request.query(&[("filter", filters.to_string())]);
            let listed = server.send(request).await.expect(200);
            let ids: String = listed.body["instances"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["instance_id"].as_str().unwrap())
                .collect();
            assert_eq!(ids, wanted, "{filters}{past}");
        }
        let hop = json!([{"predicate": "owner", "target_class": "All", "target_filters": filters}]);
        let query = json!({"start_class": "All", "hops": hop});
        let joined = server.post("/graph-query/demo", query).await.expect(200);
        let edges = joined.body["edges"].as_array().unwrap().len();
        let owned = wanted.replace('c', "");
        assert_eq!(edges, owned.len(), "{filters} on the target");
    }
}

#[tokio::test]
async fn an_impossible_query_is_refused_with_the_known_names() {
    let server = world().await;
    let hop = json!({"predicate": "owner", "target_class": "All"});
    let with = |key: &str, value: Value| {
        let mut query = json!({"start_class": "All", "hops": [hop]});
        query[key] = value;
        query
    };
    let hops = |key: &str, value: Value| {
        let mut changed = hop.clone();
        changed[key] = value;
        with("hops", json!([hop, changed]))
    };
    let rows = [
        (with("start_class", json!("None")), "start_class", "classes"),
        (
            hops("target_class", json!("None")),
            "hops[1].target_class",
            "classes",
        ),
        (
            hops("predicate", json!("none")),
            "hops[1].predicate",
            "predicates",
        ),
        (
            hops("predicate", json!("s")),
            "hops[1].predicate",
            "predicates",
        ),
        (
            hops("target_filters", json!({"none": 1})),
            "hops[1].target_filters",
            "properties",
        ),
        (with("hops", json!(vec![&hop; 11])), "hops", "maximum"),
        (with("limit", json!(1_001)), "limit", "maximum"),
        (with("limit", json!(0)), "limit", "minimum"),
        (with("max_nodes", json!(0)), "max_nodes", "minimum"),
        (with("max_edges", json!(10_000_000)), "max_edges", "maximum"),
        (with("max_paths", json!(2_001)), "max_paths", "maximum"),
        (
            with("path_depth_limit", json!(11)),
            "path_depth_limit",
            "maximum",
        ),
        (with("filters", json!({"none": 1})), "", "properties"),
        (with("filters", json!({"i": "9"})), "", "value"),
        (with("filters", json!({"i": {"near": 9}})), "", "property"),
        (with("filters", json!({"i": {"like": "9"}})), "", "property"),
        (with("filters", json!({"geo": {"gt": 1}})), "", "property"),
        (with("filters", json!({"s": null})), "", "property"),
        (
            with("filters", json!({"s": {"exists": "yes"}})),
            "",
            "property",
        ),
    ];
    for (query, field, named) in rows {
        let refused = server.post("/graph-query/demo", query.clone()).await;
        assert_eq!(refused.status, 400, "{query}: {}", refused.text);
        assert_eq!(refused.code(), "invalid_query", "{query}");
        let detail = &refused.body["detail"];
        if !field.is_empty() {
            assert_eq!(detail["field"], field, "{query}: {}", refused.text);
        }
        assert!(!detail[named].is_null(), "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn provenance_and_audit_name_the_fact_and_its_command() {
    let server = world().await;
    let update = "/databases/demo/instances/All/a/update?expected_seq=1";
    let made = server
        .write("PUT", update, json!({"data": {"s": "avocado"}}))
        .await;
    let (command, position) = (&made.body["command_id"], &made.body["result"]["position"]);
    let mut query = json!({"start_class": "All", "filters": {"key": "a"}});
    let plain = server
        .post("/graph-query/demo", query.clone())
        .await
        .expect(200);
    for absent in ["provenance", "audit"] {
        assert!(plain.body["nodes"][0].get(absent).is_none());
    }
    query["include_provenance"] = json!(true);
    query["include_audit"] = json!(true);
    let page = server
        .post("/graph-query/demo", query)
        .await
        .expect(200)
        .body;
    assert_eq!(page["warnings"], json!([]));
    let provenance = &page["nodes"][0]["provenance"];
    assert_eq!(provenance["command_id"], *command);
    assert_eq!(provenance["position"], *position);
    assert_eq!(provenance["event_type"], "INSTANCE_UPDATED");
    assert_eq!(provenance["event_sequence"], 2);
    let audit = &page["nodes"][0]["audit"];
    assert_eq!(audit["command_id"], *command);
    assert_eq!(audit["command_type"], "UPDATE_INSTANCE");
    assert_eq!(audit["occurred_at"], provenance["occurred_at"]);
    assert!(audit.get("actor").is_some());
}
