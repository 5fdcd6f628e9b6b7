//! Branches on the command line: created, compared, merged with conflicts, rebased, rolled back.

use serde_json::{Value, json};
use spice_client::{Read, Write};

use crate::shell::Shell;

async fn set(shell: &Shell, branch: &str, id: &str, data: Value) -> u64 {
    let client = shell.client();
    let read = Read::on(branch);
    let now = client.instance("shop", "Product", id, &read).await.unwrap();
    let write = Write::on(branch).wait(std::time::Duration::from_secs(30));
    let done = client
        .update_instance("shop", "Product", id, &data, now.event_sequence, &write)
        .await
        .unwrap();
    done.position.unwrap()
}

async fn price(shell: &Shell, branch: &str, id: &str) -> Value {
    let read = Read::on(branch);
    let found = shell
        .client()
        .instance("shop", "Product", id, &read)
        .await
        .unwrap();
    let data: Value = serde_json::from_str(found.data.get()).unwrap();
    data["price"].clone()
}

async fn wait_shown(shell: &Shell) {
    let position = shell
        .client()
        .database("shop", &Read::default())
        .await
        .unwrap();
    let read = Read::default().at_least(position.details.position);
    shell.client().database("shop", &read).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_is_compared_and_merged_and_conflicts_are_decided() {
    let shell = Shell::with_shop().await;
    shell.run("branch create what-if/cheaper").await.ok();
    set(&shell, "what-if/cheaper", "p1", json!({"price": 10})).await;
    set(&shell, "what-if/cheaper", "p2", json!({"price": 2})).await;
    let diff = shell.run("diff what-if/cheaper").await;
    assert!(
        diff.err.contains("0 added, 2 modified, 0 deleted"),
        "{}",
        diff.err
    );
    let rows = diff.rows();
    assert_eq!(rows[0], ["modified", "Product/p1", "price", "12.5", "10"]);
    let output = shell
        .run("diff what-if/cheaper --against main -o json")
        .await
        .json();
    assert_eq!(output["summary"]["modified"], 2);
    let output = shell.run("describe branch what-if/cheaper").await.ok();
    assert!(output.contains("2 modified"), "{output}");

    // The same property on both sides: a table of conflicts, and the exit code for conflicts.
    set(&shell, "main", "p1", json!({"price": 11})).await;
    let refused = shell.run("merge what-if/cheaper").await;
    let row = refused.out.lines().nth(1).unwrap_or_default().to_owned();
    for cell in ["shop:main:Product:p1", "price", "12.5", "11", "10"] {
        assert!(row.contains(cell), "{cell} in {}", refused.out);
    }
    let error = refused.fails(4);
    assert!(error.contains("hint: --strategy"), "{error}");
    let rehearsed = shell.run("merge what-if/cheaper --dry-run -o json").await;
    assert_eq!(rehearsed.code, 4, "{}", rehearsed.err);
    let rehearsed: Value = serde_json::from_str(&rehearsed.out).unwrap();
    assert_eq!(rehearsed["merged"], false);
    assert_eq!(rehearsed["conflicts"].as_array().unwrap().len(), 1);
    wait_shown(&shell).await;
    assert_eq!(price(&shell, "main", "p2").await, 3, "nothing is merged");

    let merged = shell
        .run("merge what-if/cheaper --resolve shop:main:Product:p1.price=10.5")
        .await
        .ok();
    let rows: Vec<Vec<&str>> = merged
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for row in [
        ["modified", "Product/p1", "price", "11", "10.5"],
        ["modified", "Product/p2", "price", "3", "2"],
    ] {
        assert!(rows.contains(&row.to_vec()), "{merged}");
    }
    assert!(
        merged.contains("merged what-if/cheaper into main"),
        "{merged}"
    );
    wait_shown(&shell).await;
    assert_eq!(price(&shell, "main", "p1").await, 10.5);
    assert_eq!(price(&shell, "main", "p2").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_with_a_rule_is_decided_by_a_resolution_and_not_by_a_strategy() {
    let shell = Shell::with_shop().await;
    let client = shell.client();
    let class = json!({
        "id": "Order", "label": "Order",
        "properties": [{"name": "order_id", "type": "string", "primaryKey": true}],
        "relationships": [{"predicate": "placed_by", "target": "Client", "label": "placed by",
            "cardinality": "n:1", "integrity": "strict"}],
    });
    let main = Write::on("main");
    client.create_class("shop", &class, &main).await.unwrap();
    shell.run("branch create orders").await.ok();
    let order = json!({"order_id": "o1", "placed_by": "Client/c2"});
    let orders = Write::on("orders");
    let created = client.create_instance("shop", "Order", &order, &orders);
    created.await.unwrap();
    let deleted = client.delete_instance("shop", "Client", "c2", 1, &main);
    deleted.await.unwrap();

    for strategy in ["ours", "theirs"] {
        let line = format!("merge orders --strategy {strategy}");
        let error = shell.run(&line).await.fails(4);
        assert!(
            error.contains("hint: a strategy does not decide"),
            "{error}"
        );
    }
    let line = "merge orders --resolve shop:main:Order:o1.placed_by=\"Client/c1\"";
    let merged = shell.run(line).await.ok();
    assert!(merged.contains("1 added"), "{merged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_is_rebased_rolled_back_and_deleted_and_the_history_shows_it() {
    let shell = Shell::with_shop().await;
    shell.run("branch create feature").await.ok();
    let before = set(&shell, "main", "p1", json!({"price": 20})).await;
    set(&shell, "main", "p1", json!({"price": 21, "name": "Table"})).await;
    assert_eq!(price(&shell, "feature", "p1").await, 12.5);
    let output = shell.run("rebase feature").await.ok();
    assert!(output.contains("rebased feature onto main"), "{output}");
    wait_shown(&shell).await;
    assert_eq!(price(&shell, "feature", "p1").await, 21);

    let rehearsed = shell
        .run(&format!("rollback main --to {before} --dry-run"))
        .await
        .ok();
    assert!(
        rehearsed.contains("would have rolled main back"),
        "{rehearsed}"
    );
    shell
        .run(&format!("rollback main --to {before}"))
        .await
        .ok();
    wait_shown(&shell).await;
    assert_eq!(price(&shell, "main", "p1").await, 20);

    let rows = shell.run("history Product/p1").await.rows();
    let changes: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row.iter().rev().take(3).rev().map(String::as_str).collect())
        .collect();
    assert_eq!(changes[0], ["name", "Table", "Desk"], "{rows:?}");
    assert_eq!(changes[1], ["price", "21", "20"]);
    assert_eq!(changes[4], ["price", "12.5", "20"]);
    let past = shell
        .run(&format!("history Product/p1 --as-of {before} -o json"))
        .await
        .json();
    assert_eq!(past.as_array().unwrap().len(), 2);
    assert_eq!(past[0]["data"]["price"], 20);
    let then = shell
        .run(&format!("get instance Product/p1 --as-of {before} -o json"))
        .await
        .json();
    assert_eq!(then["data"]["price"], 20);

    shell.run("branch delete feature").await.ok();
    let error = shell.run("branch delete main").await.fails(5);
    assert!(error.contains("main"), "{error}");
}
