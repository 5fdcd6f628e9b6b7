//! A class includes everything from all its parents, and the undeclared properties that it allows,
//! wherever a request names one of them.

#![allow(clippy::unwrap_used)]

mod http_support;

use http_support::{Answer, Server};
use serde_json::{Value, json};

const BASE: &str = "/databases/demo";

/// `Site` ← `Building` ← `Shop`; a `Shop` allows additional properties; a `Visit` leads to a `Site`.
fn classes() -> [Value; 4] {
    [
        json!({"id": "Site", "label": {"en": "Site", "ko": "장소"}, "properties": [
            {"name": "code", "type": "string", "primaryKey": true},
            {"name": "title", "type": "string", "label": {"en": "Title", "ko": "이름", "de": "Titel"}},
            {"name": "zip", "type": "integer", "label": {"ko": "우편번호", "de": "Postleitzahl"}},
        ], "relationships": [
            {"predicate": "near", "target": "Site", "cardinality": "n:m",
             "label": {"en": "Near", "ko": "근처"}},
        ]}),
        json!({"id": "Building", "label": "Building", "parent_class": "Site", "properties": [
            {"name": "floors", "type": "integer", "label": {"ko": "층"}},
        ]}),
        json!({"id": "Shop", "label": {"ko": "가게"}, "parent_class": "Building",
            "metadata": {"additional_properties": true},
            "properties": [{"name": "size", "type": "integer"}]}),
        json!({"id": "Visit", "label": "Visit", "properties": [
            {"name": "visit_id", "type": "string", "primaryKey": true},
        ], "relationships": [{"predicate": "at", "target": "Site", "cardinality": "n:1"}]}),
    ]
}

async fn server() -> Server {
    let server = Server::start().await;
    let name = json!({"name": "demo"});
    server.write("POST", "/databases", name).await;
    for class in classes() {
        server
            .write("POST", &format!("{BASE}/ontology"), class)
            .await;
    }
    let shops = json!({"instances": [
        {"code": "a", "이름": "Alpha", "우편번호": 12345, "층": 2, "size": 5, "rank": 1, "note": "red door"},
        {"code": "b", "Titel": "Beta", "Postleitzahl": 99999, "floors": 9, "size": 6, "rank": 10,
         "near": ["Shop/a"]},
        {"code": "c", "title": "Gamma", "zip": 5, "size": 7, "근처": ["Shop/a", "Shop/b"]},
    ]});
    let bulk = format!("{BASE}/instances/가게/bulk-create");
    server.write("POST", &bulk, shops).await;
    let visits = json!({"instances": [
        {"visit_id": "v1", "at": "Shop/a"}, {"visit_id": "v2", "at": "Shop/b"},
    ]});
    let bulk = format!("{BASE}/instances/Visit/bulk-create");
    server.write("POST", &bulk, visits).await;
    server
}

async fn list(server: &Server, parameters: &[(&str, &str)]) -> Answer {
    let request = server.request("GET", &format!("{BASE}/class/가게/instances"));
    server.send(request.query(parameters)).await
}

fn ids(listed: &Answer) -> Vec<&str> {
    let instances = listed.body["instances"].as_array().unwrap();
    let ids = instances.iter().map(|it| it["instance_id"].as_str());
    ids.map(Option::unwrap).collect()
}

#[tokio::test]
async fn lists_filter_and_order_by_inherited_and_additional_properties() {
    let server = server().await;
    let end = server.get(BASE).await.expect(200).body["data"]["position"].to_string();
    for (filter, expected) in [
        (json!({"zip": 12345}), vec!["a"]),
        (json!({"우편번호": {"gte": 12345}}), vec!["a", "b"]),
        (json!({"Postleitzahl": {"in": [5, 99999]}}), vec!["b", "c"]),
        (json!({"층": 2}), vec!["a"]),
        (json!({"Title": {"like": "%eta"}}), vec!["b"]),
        (json!({"이름": "Gamma", "code": "c"}), vec!["c"]),
        (json!({"근처": "Shop/b"}), vec!["c"]),
        (json!({"floors": {"exists": false}}), vec!["c"]),
        (json!({"rank": 10}), vec!["b"]),
        (json!({"rank": {"gt": 1}}), vec!["b"]),
        (json!({"rank": {"exists": true}}), vec!["a", "b"]),
        (json!({"note": {"like": "red%"}}), vec!["a"]),
        (json!({"note": "10"}), vec![]),
        (json!({"nothing": 1}), vec![]),
    ] {
        let text = filter.to_string();
        let now = list(&server, &[("filter", &text)]).await.expect(200);
        assert_eq!(ids(&now), expected, "{text}");
        let then = list(&server, &[("filter", &text), ("as_of", &end)])
            .await
            .expect(200);
        assert_eq!(ids(&then), expected, "{text} at {end}");
    }
    for (order, expected) in [
        ("zip", ["c", "a", "b"]),
        ("-우편번호", ["b", "a", "c"]),
        ("-Postleitzahl", ["b", "a", "c"]),
        ("층", ["a", "b", "c"]),
        ("Titel", ["a", "b", "c"]),
        ("-rank", ["b", "a", "c"]),
        ("rank", ["a", "b", "c"]),
    ] {
        let now = list(&server, &[("order_by", order)]).await.expect(200);
        assert_eq!(ids(&now), expected, "{order}");
        let then = list(&server, &[("order_by", order), ("as_of", &end)])
            .await
            .expect(200);
        assert_eq!(ids(&then), expected, "{order} at {end}");
    }
    for word in ["gamma", "alpha"] {
        let found = list(&server, &[("search", word)]).await.expect(200);
        assert_eq!(ids(&found).len(), 1, "{word}");
    }
    // A class that allows no other properties lists its own, including the inherited ones.
    let path = format!("{BASE}/class/Building/instances?filter={{\"rank\":1}}");
    let refused = server.get(&path).await.expect(400);
    let known = refused.body["detail"]["properties"].to_string();
    assert!(known.contains("zip") && known.contains("near"), "{known}");
}

#[tokio::test]
async fn graph_queries_know_inherited_and_additional_properties() {
    let server = server().await;
    let query = async |query: Value| server.post("/graph-query/demo", query).await.expect(200);
    let nodes = |answer: &Answer| -> Vec<String> {
        let nodes = answer.body["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect()
    };
    for (filters, hops, expected) in [
        (json!({"우편번호": 12345}), json!([]), vec!["Shop/a"]),
        (json!({"rank": {"gt": 1}}), json!([]), vec!["Shop/b"]),
        (
            json!({"Title": "Beta"}),
            json!([{"predicate": "근처", "target_class": "Shop", "target_filters": {"층": 2, "rank": 1}}]),
            vec!["Shop/b", "Shop/a"],
        ),
        (
            json!({"code": "c"}),
            json!([{"predicate": "Near", "target_class": "장소", "target_filters": {"Postleitzahl": 99999}}]),
            vec!["Shop/c", "Shop/b"],
        ),
    ] {
        let asked = json!({"start_class": "가게", "filters": filters, "hops": hops});
        let answer = query(asked.clone()).await;
        assert_eq!(nodes(&answer), expected, "{asked}");
    }
    // A hop to a class reaches instances of its subclasses, each with the name of its own class.
    let visited = query(
        json!({"start_class": "Visit", "filters": {"visit_id": "v1"},
        "hops": [{"predicate": "at", "target_class": "Site"}]}),
    )
    .await;
    let shop = &visited.body["nodes"][1];
    assert_eq!(shop["id"], "Shop/a");
    assert_eq!(shop["display"]["name"], "Alpha");
}

#[tokio::test]
async fn samples_and_schemas_show_inherited_and_additional_properties() {
    let server = server().await;
    let sampled = async |parameters: &[(&str, &str)]| {
        let request = server.request("GET", &format!("{BASE}/class/Shop/sample-values"));
        server.send(request.query(parameters)).await
    };
    let all = sampled(&[]).await.expect(200);
    let properties = all.body["properties"].as_array().unwrap();
    let names: Vec<&Value> = properties.iter().map(|it| &it["property"]).collect();
    let expected = [
        "code", "title", "zip", "floors", "size", "near", "rank", "note",
    ];
    assert_eq!(names, expected);
    for (name, property, distinct) in [("우편번호", "zip", 3), ("rank", "rank", 2)] {
        let one = sampled(&[("property", name)]).await.expect(200);
        let one = &one.body["properties"][0];
        assert_eq!(
            (&one["property"], &one["distinct_count"]),
            (&json!(property), &json!(distinct))
        );
    }
    sampled(&[("property", "not a name")]).await.expect(400);

    let schema = server
        .get(&format!("{BASE}/ontology/Shop/schema"))
        .await
        .expect(200);
    let names = |list: &str, key: &str| -> Vec<String> {
        let members = schema.body[list].as_array().unwrap().iter();
        members
            .map(|it| it[key].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("properties", "name"),
        ["code", "title", "zip", "floors", "size"]
    );
    assert_eq!(names("relationships", "predicate"), ["near"]);
    for (format, parts) in [
        (
            "owl",
            [
                "<urn:spice:demo:Site/zip> a owl:DatatypeProperty",
                "Building> rdfs:subClassOf <urn:spice:demo:Site>",
            ],
        ),
        (
            "jsonld",
            ["urn:spice:demo:Site/zip", "urn:spice:demo:Building/floors"],
        ),
    ] {
        let path = format!("{BASE}/ontology/Shop/schema?format={format}");
        let export = server.get(&path).await.expect(200);
        for part in parts {
            assert!(export.text.contains(part), "{part}: {}", export.text);
        }
    }
    let written = server
        .get(&format!("{BASE}/ontology/Shop"))
        .await
        .expect(200);
    assert_eq!(
        written.body["data"]["properties"],
        classes()[2]["properties"],
        "as written"
    );
}
