//! Lint counts the effects of a change.

use serde_json::{Value, json};

use crate::{ONTOLOGY, http_support::Answer, party, server};

/// `code field severity affected/total` of each finding.
fn lines(answer: &Answer) -> Vec<String> {
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
    let lines_of_findings = lines(&root);
    assert!(
        lines_of_findings.contains(&"parent_of Person breaking 0/0".to_owned()),
        "{lines_of_findings:?}"
    );
    assert!(
        lines_of_findings.contains(&"property_removed name breaking 2/2".to_owned()),
        "{lines_of_findings:?}"
    );
    let lost = lint(
        "Item",
        json!({"relationships": [{"predicate": "owner", "target": "Ghost", "cardinality": "n:1"}]}),
    )
    .await
    .expect(200);
    let lines_of_findings = lines(&lost);
    assert_eq!(lines_of_findings[0], "target_changed owner breaking 3/3");
    assert!(
        lines_of_findings.contains(&"target_missing owner warning 0/0".to_owned()),
        "{lines_of_findings:?}"
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
