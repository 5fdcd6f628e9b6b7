//! An export is imported into another database unchanged: the same instances of every type, with
//! their ids, with the real binary.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json, value::RawValue};
use spice_client::{Client, OnError, Read, Select, Write};
use spice_core::json::Json;

use crate::shell::Shell;

/// Classes: one with every type, a subclass, one without a key and with additional keys, one
/// without instances. A property has the name of an export column.
fn classes() -> Vec<Value> {
    let plain = [
        "string",
        "text",
        "integer",
        "decimal",
        "number",
        "float",
        "boolean",
        "date",
        "dateTime",
        "anyURI",
        "email",
        "phone",
        "money",
        "uuid",
        "ip",
        "json",
        "object",
        "coordinate",
        "address",
        "image",
        "file",
    ];
    let mut properties: Vec<Value> = plain
        .iter()
        .map(|it| json!({"name": it, "type": it}))
        .collect();
    properties.extend([
        json!({"name": "code", "type": "string", "primaryKey": true}),
        json!({"name": "grade", "type": "string", "default": "new"}),
        json!({"name": "size", "type": "enum", "constraints": {"enum": ["5", 5, "S"]}}),
        json!({"name": "tags", "type": "array", "items": "string"}),
        json!({"name": "marks", "type": "array", "items": {"type": "integer"}}),
        json!({"name": "owner", "type": "link", "linkTarget": "Base", "cardinality": "1:1"}),
        json!({"name": "parts", "type": "link", "linkTarget": "Every", "cardinality": "1:n"}),
    ]);
    vec![
        json!({"id": "Base", "label": "Base", "properties": [
            {"name": "code", "type": "string", "primaryKey": true},
            {"name": "zip", "type": "string", "label": {"en": "Postcode", "ko": "우편번호"}}]}),
        json!({"id": "Kid", "label": {"en": "Kid", "ko": "아이"}, "parent_class": "Base",
            "properties": [{"name": "size", "type": "integer"}]}),
        json!({"id": "Every", "label": "Every", "properties": properties}),
        json!({"id": "Loose", "label": "Loose", "metadata": {"additional_properties": true}, "properties": [
            {"name": "instance_id", "type": "string", "label": "_id"}, {"name": "note", "type": "json"}]}),
        json!({"id": "None", "label": "None", "properties": [{"name": "text", "type": "string"}]}),
    ]
}

/// The instances of the classes, with an id where no key determines it.
const INSTANCES: [(&str, &str, &[&str]); 3] = [
    (
        "Kid",
        r#"{"code":"k1","zip":"01234","size":5},{"code":"k2","zip":""},{"code":"k3","size":12345678901234567890123}"#,
        &[],
    ),
    (
        "Every",
        r#"{"code":"e1","grade":"old","string":"","text":" a\nb \"c\", d","integer":-0,"decimal":0.12345678901234567890,
            "number":1.10,"float":1e5,"boolean":false,"date":"2026-01-31","dateTime":"2026-01-31T12:00:00.120+09:00",
            "anyURI":"https://example.org/?a=b,c;d","email":"a+b@example.org","phone":"+82 10-1234-5678",
            "money":{"currency":"KRW","amount":"12.30"},"uuid":"123e4567-e89b-42d3-a456-426614174000","ip":"::1",
            "json":"5","object":{"a":[1.10,null,""]},"coordinate":{"lat":37.50,"lon":-127},"address":{"city":""},
            "image":"https://example.org/a;b","file":{"url":"https://example.org/a","size":5},
            "size":5,"tags":["a;b","","[x"],"marks":[1,-0],"owner":"Base/b1","parts":["Every/e1","Every/e2"]},
           {"code":"e2","string":"=1+1","text":"   ","json":5,"size":"5","tags":[],"parts":[]},
           {"code":"e3","string":"\"5\"","text":"NULL","json":{"a":"\u0000"}},{"code":"e4","json":"","string":"\u00a0"}"#,
        &[],
    ),
    (
        "Loose",
        r#"{"instance_id":"mine","note":[null]},{"more":5},{"more":"5","deep":{"a":[1.10]}},{}"#,
        &["L:1", "L-2", "L_3", "4"],
    ),
];

async fn declare(client: &Client, database: &str) {
    let wait = Write::default().wait(Duration::from_mins(1));
    client.create_database(database, "", &wait).await.unwrap();
    let write = Write::on("main").wait(Duration::from_mins(1));
    for class in classes() {
        client.create_class(database, &class, &write).await.unwrap();
    }
}

async fn fill(client: &Client) {
    let write = Write::on("main").wait(Duration::from_mins(1));
    for (class, rows, ids) in INSTANCES {
        let body = format!(
            "{{\"instances\":[{rows}],\"ids\":{},\"without_defaults\":true}}",
            json!(ids)
        );
        let done = client.bulk_create_body("first", class, body, OnError::Abort, &write);
        done.await.unwrap();
    }
}

/// The values of the instances of a class by id, as they were written.
async fn instances(
    client: &Client,
    database: &str,
    class: &str,
) -> BTreeMap<String, BTreeMap<String, Json>> {
    #[derive(serde::Deserialize)]
    struct Row {
        instance_id: String,
        data: BTreeMap<String, Json>,
    }
    let (read, all) = (Read::on("main"), Select::default());
    let page = client.instance_page::<Box<RawValue>>(database, class, &all, &read);
    let rows = page.await.unwrap().instances;
    let rows = rows
        .iter()
        .map(|row| serde_json::from_str::<Row>(row.get()).unwrap());
    // JSON has several notations for a text.
    let plain = |value: Json| {
        value
            .as_string()
            .map_or(value, |text| Json::from(json!(text)))
    };
    let plain = |data: BTreeMap<String, Json>| {
        let data = data.into_iter();
        data.map(|(name, value)| (name, plain(value))).collect()
    };
    rows.map(|row| (row.instance_id, plain(row.data))).collect()
}

async fn assert_same(client: &Client, other: &str) {
    for class in classes() {
        let class = class["id"].as_str().unwrap();
        let first = instances(client, "first", class).await;
        assert_eq!(
            instances(client, other, class).await,
            first,
            "{class} of {other}"
        );
        assert_eq!(first.is_empty(), ["Base", "None"].contains(&class));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_of_every_type_round_trips() {
    let shell = Shell::start().await;
    let client = shell.client();
    declare(&client, "first").await;
    declare(&client, "second").await;
    fill(&client).await;
    for class in classes() {
        let class = class["id"].as_str().unwrap();
        let output = shell
            .run(&format!(
                "export -d first -c {class} --format csv --to {class}.csv"
            ))
            .await;
        let count = instances(&client, "first", class).await.len() as u64;
        assert!(
            output.err.contains(&format!("{count} instances\n")),
            "{}",
            output.err
        );
        output.ok();
        let import = format!("import {class}.csv -d second -c {class} -o json");
        let summary = shell.run(&import).await.json();
        assert_eq!(
            (&summary["rows"], &summary["created"]),
            (&json!(count), &json!(count)),
            "{class}"
        );
        let again = shell.run(&import).await.json();
        assert_eq!(again["unchanged"], count, "{class}");
    }
    assert_same(&client, "second").await;
    let text = |name: &str| std::fs::read_to_string(shell.path(name)).unwrap();
    assert!(
        text("Kid.csv").starts_with("code,zip,size,_exact\nk1,01234,5,\n"),
        "{}",
        text("Kid.csv")
    );
    assert_eq!(text("None.csv"), "_id,text\n");
    let head = "__id,instance_id,note,deep,more,_exact\n";
    assert!(text("Loose.csv").starts_with(head), "{}", text("Loose.csv"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ndjson_of_every_class_round_trips() {
    let shell = Shell::start().await;
    let client = shell.client();
    declare(&client, "first").await;
    declare(&client, "second").await;
    fill(&client).await;
    shell.run("export -d first --to all.ndjson").await.ok();
    shell
        .run("export -d first -c Base --to none.ndjson")
        .await
        .ok();
    let none = shell
        .run("import none.ndjson -d second -o json")
        .await
        .json();
    assert_eq!(none["rows"], 0);
    let dry = shell
        .run("import all.ndjson -d second -o json --dry-run")
        .await
        .json();
    assert_eq!((&dry["rows"], &dry["rejected"]), (&json!(11), &json!(0)));
    assert!(instances(&client, "second", "Every").await.is_empty());
    let summary = shell
        .run("import all.ndjson -d second -o json --batch 2")
        .await
        .json();
    assert_eq!(
        (&summary["rows"], &summary["created"]),
        (&json!(11), &json!(11))
    );
    assert_same(&client, "second").await;
    let again = shell
        .run("import all.ndjson -d second -o json")
        .await
        .json();
    assert_eq!(
        (&again["created"], &again["unchanged"]),
        (&json!(0), &json!(11))
    );

    // A rejected row is reported, kept with its line and reason, and can be corrected.
    let text = std::fs::read_to_string(shell.path("all.ndjson")).unwrap();
    let broken = text
        .replace("01234\",\"size\":5", "01234\",\"size\":\"five\"")
        .replace("k1", "k9");
    std::fs::write(shell.path("broken.ndjson"), format!("{broken}no json\n")).unwrap();
    let ran = shell.run("import broken.ndjson -d second -o json").await;
    assert_eq!(ran.code, 2, "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&summary["rows"], &summary["rejected"]),
        (&json!(12), &json!(2)),
        "{}",
        ran.err
    );
    let rejects = std::fs::read_to_string(shell.path("broken.ndjson.rejects.ndjson")).unwrap();
    assert!(
        rejects.contains("must be an integer") && rejects.contains("is not JSON"),
        "{rejects}"
    );
    let mended = rejects.lines().next().unwrap().replace("\"five\"", "7");
    std::fs::write(shell.path("mended.ndjson"), mended).unwrap();
    let mended = shell
        .run("import mended.ndjson -d second -o json")
        .await
        .json();
    assert_eq!(mended["created"], 1, "{mended}");
    let error = shell
        .run("import all.ndjson -d second --null NULL")
        .await
        .fails(2);
    assert!(error.contains("--null is for CSV"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_is_shown_and_queried_with_inherited_members() {
    let shell = Shell::start().await;
    let client = shell.client();
    declare(&client, "first").await;
    fill(&client).await;
    let output = shell.run("describe class 아이 -d first").await.ok();
    for part in ["code", "primary key", "zip", "FROM", "Base", "size"] {
        assert!(output.contains(part), "{part} in {output}");
    }
    let document = shell
        .run("describe class Kid -d first -o json")
        .await
        .json();
    let names: Vec<&Value> = document["properties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["code", "zip", "size"]);
    assert_eq!(document["properties"][1]["inherited_from"], "Base");
    assert_eq!(document["properties"][2]["inherited_from"], Value::Null);
    // The type of an inherited property determines the meaning of a text; a label may be in any
    // language.
    for property in ["zip", "Postcode", "우편번호"] {
        let line = format!("get instances Kid -d first --filter {property}=01234 -o json");
        let found = shell.run(&line).await.json();
        assert_eq!(found[0]["instance_id"], "k1", "{property}");
        let ordered = format!("get instances Kid -d first --order-by=-{property} -o json");
        assert_eq!(
            shell.run(&ordered).await.json()[0]["instance_id"],
            "k1",
            "{property}"
        );
        let walked = format!("query Kid -d first --where {property}=01234 -o json");
        assert_eq!(
            shell.run(&walked).await.json()["nodes"][0]["id"],
            "Kid/k1",
            "{property}"
        );
        let line = format!("export -d first -c 아이 --filter {property}=01234 --format csv");
        assert_eq!(
            shell.run(&line).await.ok(),
            "code,zip,size\nk1,01234,5\n",
            "{property}"
        );
    }
    let limited = shell
        .run("get instances Kid -d first --limit 1 -o json")
        .await;
    assert!(limited.err.contains("1 of 3"), "{}", limited.err);
}
