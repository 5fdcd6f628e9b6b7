//! Inheritance, lint, inverse predicates, the network of classes, labels and exports, over HTTP.

#![allow(clippy::unwrap_used)]
// Tables are long, and clearer in one piece.
#![allow(clippy::too_many_lines)]

mod http_support;

use std::collections::BTreeSet;

use http_support::Server;
use oxrdf::{Graph, GraphName, Triple, graph::CanonicalizationAlgorithm};
use serde_json::{Value, json};

const ONTOLOGY: &str = "/databases/demo/ontology";

fn party() -> Value {
    json!({
        "id": "Party", "label": {"en": "Party", "ko": "당사자"}, "abstract": true,
        "properties": [
            {"name": "party_id", "type": "string", "primaryKey": true, "required": true},
            {"name": "name", "type": "string", "required": true, "label": {"en": "Name", "ko": "이름"}},
            {"name": "size", "type": "integer"},
        ],
        "relationships": [{"predicate": "friends", "target": "Party", "cardinality": "n:m"}],
    })
}

fn person() -> Value {
    json!({
        "id": "Person", "label": "Person", "parent_class": "Party",
        "properties": [{"name": "email", "type": "email"}],
    })
}

fn item() -> Value {
    json!({
        "id": "Item", "label": "Item",
        "properties": [{"name": "item_id", "type": "string", "primaryKey": true}],
        "relationships": [{
            "predicate": "owner", "target": "Party", "cardinality": "n:1",
            "inverse_predicate": "owns", "inverse_label": {"en": "Owns", "ko": "소유"},
        }],
    })
}

/// A database `demo` with parties, persons and their possessions.
async fn server() -> Server {
    let server = Server::start().await;
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    for class in [party(), person(), item()] {
        server.write("POST", ONTOLOGY, class).await;
    }
    let create = "/databases/demo/instances/Person/create";
    for (id, friends) in [("kim", json!([])), ("lee", json!(["Person/kim"]))] {
        let data = json!({"party_id": id, "이름": id, "size": 5, "friends": friends});
        server.write("POST", create, json!({"data": data})).await;
    }
    let create = "/databases/demo/instances/Item/create";
    for (id, owner) in [
        ("pen", "Person/kim"),
        ("cup", "Person/kim"),
        ("hat", "Person/lee"),
    ] {
        let data = json!({"item_id": id, "owner": owner});
        server.write("POST", create, json!({"data": data})).await;
    }
    server
}

/// The (field, rule) of each entry of a refusal.
fn refused(answer: &http_support::Answer) -> Vec<(String, String)> {
    assert_eq!(
        (answer.status, answer.code()),
        (422, "validation_failed"),
        "{}",
        answer.text
    );
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = answer.body["detail"]["errors"].as_array().unwrap();
    entries
        .iter()
        .map(|it| (text(it, "field"), text(it, "rule")))
        .collect()
}

fn pair(field: &str, rule: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), rule.to_owned())]
}

#[tokio::test]
async fn classes_inherit_and_contradictions_are_refused() {
    let server = server().await;
    let got = server
        .get("/databases/demo/class/Person/instance/lee")
        .await
        .expect(200);
    assert_eq!(
        got.body["data"]["data"]["name"], "lee",
        "by an inherited label"
    );
    let class = server.get(&format!("{ONTOLOGY}/Person")).await.expect(200);
    assert_eq!(
        class.body["data"]["properties"],
        person()["properties"],
        "as written"
    );

    let create = "/databases/demo/instances/Person/create";
    let nameless = server
        .post(create, json!({"data": {"party_id": "x"}}))
        .await;
    assert_eq!(refused(&nameless), pair("name", "required"));
    let stranger = json!({"data": {"party_id": "x", "name": "x", "friends": ["Item/pen"]}});
    assert_eq!(
        refused(&server.post(create, stranger).await),
        pair("friends[0]", "target")
    );
    for path in [
        "/databases/demo/instances/Party/create",
        "oms:/instances/demo/async/Party/create",
    ] {
        let made = server
            .post(path, json!({"data": {"party_id": "x", "name": "x"}}))
            .await;
        assert_eq!(refused(&made), pair("Party", "abstract"));
    }
    let bulk = json!({"instances": [{"party_id": "x", "name": "x"}]});
    let bulk = server
        .post("/databases/demo/instances/Party/bulk-create", bulk)
        .await
        .expect(422);
    assert!(bulk.text.contains("\"abstract\""), "{}", bulk.text);
    let commands = json!({"commands": [{"type": "CREATE_INSTANCE", "class": "Party", "data": {"party_id": "x", "name": "x"}}]});
    let all = server
        .post("/databases/demo/transactions", commands)
        .await
        .expect(422);
    assert!(all.text.contains("\"abstract\""), "{}", all.text);

    let child = |parent: &str, property: &str, kind: &str| json!({"id": "Child", "label": "Child", "parent_class": parent, "properties": [{"name": property, "type": kind}]});
    let orphan = server.post(ONTOLOGY, child("Nobody", "a", "string")).await;
    assert_eq!(refused(&orphan), pair("parent_class", "parent"));
    let other_type = server
        .post(ONTOLOGY, child("Person", "size", "string"))
        .await;
    assert_eq!(refused(&other_type), pair("size", "inherited"));
    let parent = server
        .put(
            &format!("{ONTOLOGY}/Party?expected_seq=1"),
            json!({"parent_class": "Person"}),
        )
        .await;
    let told = refused(&parent);
    assert!(
        told.contains(&("parent_class".to_owned(), "cycle".to_owned())),
        "{told:?}"
    );
    assert!(
        parent.text.contains("Party → Person → Party"),
        "{}",
        parent.text
    );
    let colliding = json!({"properties": [{"name": "party_id", "type": "string", "primaryKey": true}, {"name": "email", "type": "integer"}]});
    let colliding = server
        .put(&format!("{ONTOLOGY}/Party?expected_seq=1"), colliding)
        .await;
    assert_eq!(
        refused(&colliding),
        pair("email", "inherited"),
        "a class below it contradicts"
    );
    let mut keyed = party()["properties"].clone();
    keyed[1]["constraints"] = json!({"unique": true});
    let late = server
        .put(
            &format!("{ONTOLOGY}/Party?expected_seq=1"),
            json!({"properties": keyed}),
        )
        .await;
    assert_eq!(
        late.code(),
        "failed_precondition",
        "a class below it has instances: {}",
        late.text
    );

    let delete = server
        .delete(&format!("{ONTOLOGY}/Party?expected_seq=1"))
        .await;
    assert_eq!(delete.code(), "failed_precondition", "{}", delete.text);
    assert_eq!(delete.body["detail"]["parent_of"], "Person");
    server
        .write(
            "DELETE",
            &format!("{ONTOLOGY}/Party?expected_seq=1&force=true"),
            json!({}),
        )
        .await;
    let left = server
        .put(
            &format!("{ONTOLOGY}/Person?expected_seq=1"),
            json!({"description": "alone"}),
        )
        .await;
    assert_eq!(
        left.status, 202,
        "what was so before stands against nothing: {}",
        left.text
    );
}

#[tokio::test]
async fn queries_reach_kinds_and_go_back_by_the_inverse() {
    let server = server().await;
    let ids = |answer: &http_support::Answer| -> Vec<String> {
        let nodes = answer.body["nodes"].as_array().unwrap();
        let mut ids: Vec<String> = nodes
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let ask = async |start: &str, predicate: &str, target: &str, direction: &str| {
        let hop = json!({"predicate": predicate, "target_class": target, "direction": direction});
        server
            .post(
                "/graph-query/demo",
                json!({"start_class": start, "hops": [hop]}),
            )
            .await
    };
    let all = [
        "Item/cup",
        "Item/hat",
        "Item/pen",
        "Person/kim",
        "Person/lee",
    ];
    for (start, predicate, target, direction) in [
        ("Item", "owner", "Party", "out"),
        ("Item", "owner", "Person", "out"),
        ("Person", "owner", "Item", "in"),
        ("Person", "owns", "Item", "out"),
        ("Person", "소유", "Item", "out"),
        ("Item", "owns", "Person", "in"),
    ] {
        let answer = ask(start, predicate, target, direction).await.expect(200);
        assert_eq!(
            ids(&answer),
            all,
            "{start} {predicate} {target} {direction}"
        );
        let edges = answer.body["edges"].as_array().unwrap();
        assert_eq!(edges.len(), 3);
        assert!(edges.iter().all(|it| it["predicate"] == "owner"
            && it["from_node"].as_str().unwrap().starts_with("Item/")));
    }
    let friends = ask("Person", "friends", "Party", "in").await.expect(200);
    assert_eq!(
        ids(&friends),
        ["Person/kim", "Person/lee"],
        "an inherited relationship, held by a kind"
    );
    assert_eq!(
        ask("Item", "owns", "Person", "out").await.code(),
        "invalid_query"
    );
    assert_eq!(
        ask("Item", "owner", "Item", "out").await.code(),
        "invalid_query"
    );
    let way = server
        .get("/graph-query/demo/paths?source_class=Person&target_class=Item")
        .await
        .expect(200);
    assert_eq!(way.body["paths"][0]["hops"][0]["predicate"], "owner");
    assert_eq!(way.body["paths"][0]["hops"][0]["direction"], "in");
}

/// `code field severity affected/total` of each finding.
fn lines(answer: &http_support::Answer) -> Vec<String> {
    let findings = answer.body["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap();
            let (code, field, severity) = (text("code"), text("field"), text("severity"));
            format!(
                "{code} {field} {severity} {}/{}",
                it["affected"], it["total"]
            )
        })
        .collect()
}

#[tokio::test]
async fn lint_counts_what_a_change_would_break_and_writes_nothing() {
    let server = server().await;
    let before =
        server.get("/databases/demo").await.expect(200).body["data"]["data"]["position"].clone();
    let lint = async |class: &str, body: Value| {
        server.post(&format!("{ONTOLOGY}/{class}/lint"), body).await
    };
    let nothing = lint("Party", party()).await.expect(200);
    assert_eq!(
        nothing.body,
        json!({"class_id": "Party", "findings": [], "instances_checked": 0, "safe": true})
    );
    let patch = json!({"properties": [
        {"name": "party_id", "type": "string", "primaryKey": true, "required": true},
        {"name": "name", "type": "string", "required": true, "label": {"en": "Name", "ko": "이름"}},
        {"name": "born", "type": "date", "required": true},
    ]});
    let found = lint("Party", patch).await.expect(200);
    assert_eq!(
        lines(&found),
        [
            "property_removed size breaking 2/2",
            "required_added born breaking 2/2"
        ]
    );
    assert_eq!(found.body["instances_checked"], 2);
    assert_eq!(found.body["safe"], false);
    let samples = &found.body["findings"][0]["sample_instance_ids"];
    assert_eq!(samples, &json!(["Person/kim", "Person/lee"]));
    let gone = lint("Person", json!({"delete": true})).await.expect(200);
    let expected = [
        "class_deleted  breaking 2/2",
        "referred_to Item.owner breaking 3/3",
    ];
    assert_eq!(lines(&gone), expected);
    assert_eq!(gone.body["instances_checked"], 5);
    let root = lint("Party", json!({"delete": true})).await.expect(200);
    let told = lines(&root);
    assert!(
        told.contains(&"parent_of Person breaking 0/0".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"property_removed name breaking 2/2".to_owned()),
        "{told:?}"
    );
    let lost = lint(
        "Item",
        json!({"relationships": [{"predicate": "owner", "target": "Ghost", "cardinality": "n:1"}]}),
    )
    .await
    .expect(200);
    let told = lines(&lost);
    assert_eq!(told[0], "target_changed owner breaking 3/3");
    assert!(
        told.contains(&"target_missing owner warning 0/0".to_owned()),
        "{told:?}"
    );
    let moved = lint("Party", json!({"parent_class": "Person"}))
        .await
        .expect(200);
    assert!(
        lines(&moved)
            .iter()
            .any(|it| it.starts_with("contradiction parent_class breaking")),
        "{}",
        moved.text
    );
    let widened = lint(
        "Person",
        json!({"properties": [{"name": "email", "type": "string"}]}),
    )
    .await
    .expect(200);
    assert_eq!(lines(&widened), ["type_changed email info 0/0"]);
    assert_eq!(widened.body["safe"], true);

    let sequence =
        server.get("/databases/demo").await.expect(200).body["data"]["data"]["position"].clone();
    assert_eq!(sequence, before, "nothing is written");
    let past = server
        .post(
            &format!("{ONTOLOGY}/Person/lint?as_of=7"),
            json!({"delete": true}),
        )
        .await
        .expect(200);
    assert_eq!(
        past.body["instances_checked"], 0,
        "no instance at that position: {}",
        past.text
    );
    assert_eq!(lint("Nobody", json!({})).await.status, 404);
    assert_eq!(
        lint("Person", json!({"properties": 5})).await.code(),
        "validation_failed"
    );
    assert_eq!(
        lint("Person", json!({"delete": "yes"})).await.code(),
        "validation_failed"
    );
    assert_eq!(lint("Person", json!([])).await.code(), "validation_failed");
}

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

#[tokio::test]
async fn labels_are_exported_and_imported() {
    let server = server().await;
    let exported = server
        .get("/databases/demo/mappings")
        .await
        .expect(200)
        .body["data"]
        .clone();
    let classes = exported["classes"].as_array().unwrap();
    let party = classes.iter().find(|it| it["class_id"] == "Party").unwrap();
    assert_eq!(party["keys"]["ko"]["properties"]["이름"], "name");
    assert_eq!(party["event_sequence"], 1);
    let import = "/databases/demo/mappings/import";
    let same = server.post(import, exported.clone()).await.expect(200);
    assert_eq!(
        same.body["data"]["count"], 0,
        "nothing changes, nothing is written"
    );

    let wish = json!({"classes": [
        {"class_id": "Person", "label": {"en": "Person", "ko": "사람"}, "properties": {"email": "E-Mail"}, "event_sequence": 1},
        {"class_id": "Item", "relationships": {"owner": {"ko": "주인"}}},
    ]});
    let request = server
        .request("POST", import)
        .header("prefer", "wait=20")
        .header("idempotency-key", "labels")
        .json(&wish);
    let set = server.send(request).await.expect(200);
    assert_eq!(set.body["data"]["count"], 2, "{}", set.text);
    assert_eq!(set.body["data"]["commands"][0]["sequence"], 2);
    let request = server
        .request("GET", &format!("{ONTOLOGY}/list"))
        .header("accept-language", "ko");
    let listed = server.send(request).await.expect(200);
    let labels: Vec<&Value> = listed.body["ontologies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["class_label"])
        .collect();
    assert_eq!(labels, ["Item", "당사자", "사람"]);
    let data = json!({"data": {"party_id": "new", "이름": "n", "E-Mail": "a@b.kr"}});
    server
        .write("POST", "/databases/demo/instances/사람/create", data)
        .await;
    let request = server
        .request("GET", "/databases/demo/class/Person/instance/new")
        .header("accept-language", "ko");
    assert_eq!(
        server.send(request).await.expect(200).body["data"]["class_label"],
        "사람"
    );

    let one = |entry: Value| json!({"classes": [entry]});
    let unknown = server
        .post(
            import,
            one(json!({"class_id": "Person", "properties": {"fax": "Fax"}})),
        )
        .await;
    assert_eq!(refused(&unknown), pair("fax", "unknown"));
    let twice = one(json!({"class_id": "Item", "relationships": {"owner": "item_id"}}));
    let twice = server.post(import, twice).await;
    assert_eq!(refused(&twice)[0].1, "duplicate", "{}", twice.text);
    let inherited = one(json!({"class_id": "Person", "properties": {"email": "Name"}}));
    assert_eq!(
        refused(&server.post(import, inherited).await),
        pair("email", "duplicate")
    );
    let nobody = server
        .post(import, one(json!({"class_id": "Nobody"})))
        .await;
    assert_eq!(
        (nobody.status, nobody.body["detail"]["class_id"].as_str()),
        (404, Some("Nobody"))
    );
    let stale = one(json!({"class_id": "Person", "label": "X", "event_sequence": 1}));
    assert_eq!(
        server.post(import, stale).await.code(),
        "optimistic_concurrency_conflict"
    );
    assert_eq!(server.post(import, json!({"classes": 5})).await.status, 422);
}

#[tokio::test]
async fn a_repeated_import_gets_the_first_answer() {
    let server = server().await;
    let import = async |key: Option<&str>, label: &str| {
        let request = server.request("POST", "/databases/demo/mappings/import");
        let request = match key {
            None => request,
            Some(key) => request.header("idempotency-key", key),
        };
        let wish = json!({"classes": [
            {"class_id": "Party", "properties": {"name": {"en": "Name", "ko": "이름"}}},
            {"class_id": "Person", "label": label, "properties": {"email": {"ko": label}}},
            {"class_id": "Item", "relationships": {"owner": {"ko": "주인"}}},
        ]});
        server.send(request.json(&wish)).await
    };
    let first = import(Some("labels"), "Human").await.expect(202).body;
    let commands = first["data"]["commands"].as_array().unwrap().clone();
    let written: Vec<&Value> = commands.iter().map(|it| &it["class_id"]).collect();
    assert!(written.contains(&&json!("Person")) && written.contains(&&json!("Item")));
    let again = import(Some("labels"), "Human").await.expect(202).body;
    assert_eq!(again["data"], first["data"]);

    // A change by another client makes none of it new.
    let edited = import(None, "Being").await.expect(202).body;
    assert_eq!(edited["data"]["count"], 1);
    let again = import(Some("labels"), "Human").await.expect(202).body;
    assert_eq!(again["data"], first["data"]);
    let other = import(Some("labels"), "Being").await.expect(409);
    assert_eq!(other.code(), "event_id_reused");
}

#[tokio::test]
async fn exports_are_one_graph_that_other_parsers_read() {
    let server = Server::start().await;
    server
        .write("POST", "/databases", json!({"name": "demo"}))
        .await;
    let odd = json!({
        "id": "Odd:Thing", "label": {"en": "O\"dd\\ \n", "ko": "이상", "not a tag!": "x", "pt_BR": "y"}, "description": "d\u{1}e\u{7f}",
        "parent_class": "Party",
        "properties": [
            {"name": "name", "type": "string", "required": true, "constraints": {"minLength": 1}},
            {"name": "price", "type": "money"}, {"name": "ratio", "type": "xsd:double"}, {"name": "at", "type": "dateTime"},
            {"name": "tags", "type": "array", "items": "integer"}, {"name": "kind", "type": "enum", "constraints": {"enum": [1, "a"]}},
        ],
        "relationships": [
            {"predicate": "owner", "target": "Party", "cardinality": "n:1", "required": true, "inverse_predicate": "owns", "inverse_label": {"en": "owns"}},
            {"predicate": "friends", "target": "Odd:Thing", "cardinality": "n:m"},
        ],
    });
    for class in [party(), odd] {
        server.write("POST", ONTOLOGY, class).await;
    }
    for class in ["Party", "Odd:Thing"] {
        let turtle = server
            .get(&format!("{ONTOLOGY}/{class}/schema?format=owl"))
            .await
            .expect(200);
        assert!(turtle.header("content-type").starts_with("text/turtle"));
        let read: Result<Vec<Triple>, _> = oxttl::TurtleParser::new()
            .for_slice(turtle.text.as_bytes())
            .collect();
        let mut from_turtle: Graph = read
            .unwrap_or_else(|error| panic!("{error}: {}", turtle.text))
            .into_iter()
            .collect();
        let json = server
            .get(&format!("{ONTOLOGY}/{class}/schema?format=jsonld"))
            .await
            .expect(200);
        let mut from_json = Graph::new();
        for quad in oxjsonld::JsonLdParser::new().for_slice(json.text.as_bytes()) {
            let quad = quad.unwrap_or_else(|error| panic!("{error}: {}", json.text));
            assert_eq!(quad.graph_name, GraphName::DefaultGraph);
            from_json.insert(Triple::from(quad).as_ref());
        }
        from_turtle.canonicalize(CanonicalizationAlgorithm::Unstable);
        from_json.canonicalize(CanonicalizationAlgorithm::Unstable);
        let lines = |graph: &Graph| {
            graph
                .iter()
                .map(|it| it.to_string())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(
            lines(&from_turtle),
            lines(&from_json),
            "{}\n{}",
            turtle.text,
            json.text
        );
        let has = |line: &str| {
            assert!(
                lines(&from_turtle).contains(line),
                "{line} is not in\n{}",
                turtle.text
            );
        };
        let owl = "http://www.w3.org/2002/07/owl#";
        let rdfs = "http://www.w3.org/2000/01/rdf-schema#";
        if class == "Party" {
            has(&format!(
                "<urn:spice:demo:Party> <{rdfs}label> \"당사자\"@ko"
            ));
            has(&format!(
                "<urn:spice:demo:Party/size> <{rdfs}range> <http://www.w3.org/2001/XMLSchema#integer>"
            ));
            continue;
        }
        let thing = "<urn:spice:demo:Odd:Thing";
        has(&format!(
            "{thing}> <{rdfs}subClassOf> <urn:spice:demo:Party>"
        ));
        has(&format!("{thing}> <{rdfs}label> \"y\"@pt-br"));
        has(&format!("{thing}> <{rdfs}label> \"x\""));
        has(&format!("{thing}/owner> <{rdfs}domain> {thing}>"));
        has(&format!(
            "{thing}/owner> <{owl}inverseOf> <urn:spice:demo:Party/owns>"
        ));
        has(&format!(
            "{thing}/ratio> <{rdfs}range> <http://www.w3.org/2001/XMLSchema#double>"
        ));
        has(&format!(
            "{thing}/tags> <{rdfs}range> <http://www.w3.org/2001/XMLSchema#integer>"
        ));
        let all = lines(&from_turtle);
        assert!(
            !all.iter()
                .any(|it| it.starts_with(&format!("{thing}/name>"))),
            "the parent declares it"
        );
        let on = |property: &str| {
            all.iter()
                .filter(|it| it.ends_with(&format!("onProperty> <{property}>")))
                .count()
        };
        assert_eq!(
            on("urn:spice:demo:Party/name"),
            3,
            "its type, one at most, one at least"
        );
        // The inherited parts are as in the parent's own export.
        has(&format!(
            "<urn:spice:demo:Party/size> <{rdfs}domain> <urn:spice:demo:Party>"
        ));
        has(&format!(
            "<urn:spice:demo:Party/friends> <{rdfs}range> <urn:spice:demo:Party>"
        ));
        assert_eq!(on("urn:spice:demo:Odd:Thing/tags"), 0);
        assert_eq!(on("urn:spice:demo:Odd:Thing/owner"), 2);
    }
}

#[tokio::test]
async fn lint_reads_every_page_of_the_requested_branch() {
    let server = server().await;
    let branch = json!({"name": "wide"});
    server
        .post("/databases/demo/branches", branch)
        .await
        .expect(200);
    let rows: Vec<Value> = (0..2_100)
        .map(|row| json!({"item_id": format!("i{row}"), "owner": "Person/kim"}))
        .collect();
    let bulk = "/databases/demo/instances/Item/bulk-create?branch=wide";
    server.write("POST", bulk, json!({"instances": rows})).await;
    let lint = async |branch: &str| {
        let path = format!("{ONTOLOGY}/Item/lint?branch={branch}");
        let found = server
            .post(&path, json!({"relationships": []}))
            .await
            .expect(200);
        (
            lines(&found)[0].clone(),
            found.body["instances_checked"].clone(),
        )
    };
    let removed = |count: u32| format!("relationship_removed owner breaking {count}/{count}");
    assert_eq!(lint("wide").await, (removed(2_103), json!(2_103)));
    assert_eq!(lint("main").await, (removed(3), json!(3)));
}
