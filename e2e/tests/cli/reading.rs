//! Reading commands: tables for people, and JSON and YAML with the same content for programs.

use serde_json::{Value, json};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_printed_for_people_and_for_programs() {
    let shell = Shell::with_shop().await;
    let rows = shell.run("get databases").await.rows();
    assert_eq!(rows[0][0], "shop");
    for line in [
        "get db",
        "get ontologies",
        "get branches",
        "get instances Product",
        "get dead-letters",
    ] {
        let table = shell.run(line).await.ok();
        assert!(!table.contains('\u{1b}'), "{line}: {table:?}");
        let output = shell.run(&format!("{line} -o json")).await.json();
        let yaml: Value =
            serde_yaml_ng::from_str(&shell.run(&format!("{line} -o yaml")).await.ok()).unwrap();
        assert_eq!(output, yaml, "{line}");
        assert!(output.is_array(), "{line}");
    }
    let classes = shell.run("get classes").await.rows();
    let ids: Vec<&str> = classes.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(ids, ["Client", "Product"]);
    let one = shell.run("get class Product -o json").await.json();
    assert_eq!(one["properties"][2]["type"], "decimal");

    // Numbers are shown as they were written, and data does not control the terminal.
    let rows = shell
        .run("get instances Product --order-by -price")
        .await
        .rows();
    assert_eq!(rows[0], ["p1", "p1", "Desk", "12.5", "Client/c1", "1"]);
    assert_eq!(rows[1][2], "Lamp\\u{1b}[31m");
    let cheap = shell
        .run("get instances Product --filter price<10 --filter name~Ch% -o json")
        .await
        .json();
    assert_eq!(cheap.as_array().unwrap().len(), 1);
    assert_eq!(cheap[0]["instance_id"], "p2");
    let limited = shell.run("get instances -c Product --limit 2").await;
    assert!(limited.err.contains("2 of 3"), "{}", limited.err);
    assert_eq!(limited.rows().len(), 2);
    let found = shell
        .run("get instances Product --search desk")
        .await
        .rows();
    assert_eq!(found.len(), 1);
    let one = shell.run("get instance Product/p1 -o json").await.json();
    assert_eq!(one["data"]["owned_by"], "Client/c1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn describe_shows_one_thing_completely() {
    let shell = Shell::with_shop().await;
    let output = shell.run("describe database shop").await.ok();
    for part in ["Name:", "what is for sale", "Product", "3", "main", "Lag:"] {
        assert!(output.contains(part), "{part} in {output}");
    }
    let output = shell.run("describe class Product").await.ok();
    for part in [
        "product_id",
        "primary key, required",
        "min 0",
        "owned_by",
        "n:1",
    ] {
        assert!(output.contains(part), "{part} in {output}");
    }
    let output = shell.run("describe instance Product/p1").await.ok();
    for part in ["Product/p1", "12.5", "References", "Client/c1"] {
        assert!(output.contains(part), "{part} in {output}");
    }
    let command = shell.run("history Product/p1 -o json").await.json();
    let id = command[0]["command_id"].as_str().unwrap();
    let output = shell.run(&format!("describe command {id}")).await.ok();
    for part in ["COMPLETED", "History", "PENDING"] {
        assert!(output.contains(part), "{part} in {output}");
    }
    assert_eq!(
        shell.run(&format!("get command {id}")).await.rows()[0][1],
        "COMPLETED"
    );
    let branch = shell.run("describe branch main -o json").await.json();
    assert_eq!(branch["diff"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_is_queried_by_flags_and_by_file() {
    let shell = Shell::with_shop().await;
    let output = shell
        .run("query Product --where price>=3.5 --hop owned_by:Client -o json")
        .await
        .json();
    let ids = |output: &Value| {
        let nodes = output["nodes"].as_array().unwrap().iter();
        let mut ids: Vec<String> = nodes
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(
        ids(&output),
        ["Client/c1", "Client/c2", "Product/p1", "Product/p3"]
    );
    let against = shell
        .run("query Client --where client_id=c1 --hop ^owned_by:Product --where Product.price<10 -o json")
        .await
        .json();
    assert_eq!(ids(&against), ["Client/c1", "Product/p2"]);
    let query = json!({"start_class": "Product", "hops": [{"predicate": "owned_by", "target_class": "Client"}],
        "filters": {"price": {"gte": 3.5}}});
    let fed = shell
        .feed("query -f - -o yaml", &query.to_string())
        .await
        .ok();
    let fed: Value = serde_yaml_ng::from_str(&fed).unwrap();
    assert_eq!(ids(&fed), ids(&output));
    let table = shell
        .run("query Product --hop owned_by:Client --limit 1")
        .await;
    assert!(table.err.contains("--offset 1"), "{}", table.err);
    assert!(table.ok().contains("Product/p1  owned_by   Client/c1"));
    let error = shell
        .run("query Product --hop nonsense:Client")
        .await
        .fails(2);
    assert!(error.contains("owned_by"), "{error}");
}
