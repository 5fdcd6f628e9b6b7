//! Labels and exports for other tools.

use std::collections::BTreeSet;

use oxrdf::{Graph, GraphName, Triple, graph::CanonicalizationAlgorithm};
use serde_json::{Value, json};

use crate::{ONTOLOGY, http_support::Server, pair, party, refused, server};

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
