//! Strict references to later rows, in both formats.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::shop::{DATABASE, Ended, MOMENT, Shop};

const FORMATS: [&str; 2] = ["csv", "ndjson"];

async fn open() -> Shop {
    let shop = Shop::open().await;
    let client = shop.client();
    let strict = |target: &str| json!([{"predicate": "next", "target": target, "cardinality": "n:1", "integrity": "strict"}]);
    let code = json!([{"name": "code", "type": "string", "primaryKey": true}]);
    for class in [
        json!({"id": "Node", "label": "Node", "properties": code, "relationships": strict("Node")}),
        json!({"id": "Leaf", "label": "Leaf", "properties": code, "relationships": strict("Node")}),
    ] {
        client.create_class(DATABASE, &class).await.unwrap();
    }
    shop
}

/// A file of nodes, each with its reference.
fn file(format: &str, rows: &[(String, Option<String>)]) -> String {
    let reference = |next: &Option<String>| next.as_ref().map(|next| format!("Node/{next}"));
    if format == "csv" {
        let rows = rows
            .iter()
            .map(|(code, next)| format!("{code},{}\n", reference(next).unwrap_or_default()));
        return format!("code,next\n{}", rows.collect::<String>());
    }
    let rows = rows
        .iter()
        .map(|(code, next)| line("Node", code, reference(next)));
    rows.collect()
}

fn line(class: &str, code: &str, next: Option<String>) -> String {
    let mut data = json!({"code": code});
    if let Some(next) = next {
        data["next"] = Value::from(next);
    }
    format!(
        "{}\n",
        json!({"instance_id": code, "class_id": class, "data": data})
    )
}

/// The line of the file for a reject.
fn number(format: &str, reject: &str) -> Option<u64> {
    if format == "csv" {
        return reject.split(',').nth(2)?.parse().ok();
    }
    let reject: Value = serde_json::from_str(reject).unwrap();
    reject["_line"].as_u64()
}

async fn run(shop: &Shop, file: &str, arguments: &[&str]) -> Ended {
    let child = shop.start_class("Node", file.as_ref(), arguments).await;
    Ended::of(&child.wait_with_output().await.unwrap())
}

async fn count(shop: &Shop, class: &str) -> usize {
    let instances = shop.client().instances(DATABASE, class, "main").await;
    instances.unwrap().len()
}

/// A chain of references down the file; in addition, two rows that refer to each other, two that
/// refer to missing rows, and two whose codes cannot be ids.
fn rows(prefix: &str, chain: usize) -> Vec<(String, Option<String>)> {
    let row = |code: &str, next: &str| (format!("{prefix}{code}"), Some(format!("{prefix}{next}")));
    let long = "x".repeat(2_000);
    let mut rows = vec![
        (long.clone(), None),
        row("dangling", "nowhere"),
        row("behind", "dangling"),
        row("one", "two"),
    ];
    for number in 1..chain {
        rows.push(row(&number.to_string(), &(number + 1).to_string()));
    }
    rows.push((format!("{prefix}{chain}"), None));
    rows.push(row("two", "one"));
    rows.push((long, None));
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_may_come_before_their_targets_and_dangling_rows_are_rejected() {
    let shop = open().await;
    let mut held = 0;
    for format in FORMATS {
        for (batch, chain) in [(Some("1"), 3), (Some("20"), 60), (None, 1_500)] {
            let prefix = format!("{format}-{chain}-");
            let name = format!("{prefix}.{format}");
            shop.write(&name, file(format, &rows(&prefix, chain)));
            let arguments: Vec<&str> = batch.into_iter().flat_map(|it| ["--batch", it]).collect();
            let (good, all) = (chain as u64 + 2, chain as u64 + 6);
            for created in [good, 0] {
                let ended = run(&shop, &name, &arguments).await;
                assert_eq!(ended.code, Some(2), "{name}: {}", ended.errors);
                let counts = [all, created, good - created, 4];
                assert_eq!(ended.counts(), counts, "{name}: {}", ended.errors);
            }
            held += chain + 2;
            assert_eq!(count(&shop, "Node").await, held, "{name}");

            // The rejects contain the reason, and can be imported unchanged once the target exists.
            let rejects = format!("{name}.rejects.{format}");
            let text = std::fs::read_to_string(shop.path(&rejects)).unwrap();
            let lines = text.lines().filter(|line| line.contains("(integrity)"));
            let lines: Vec<&str> = lines.collect();
            assert_eq!(lines.len(), 2, "{text}");
            assert!(
                lines[0].contains("dangling") && lines[1].contains("behind"),
                "{text}"
            );
            let lines: Vec<u64> = text.lines().filter_map(|it| number(format, it)).collect();
            assert_eq!(lines.len(), 4, "{text}");
            assert!(lines.is_sorted(), "in the order of the file: {text}");
            let target = json!({"code": format!("{prefix}nowhere")});
            let created = shop.client().bulk_create(DATABASE, "Node", &[target]).await;
            created.unwrap();
            let ended = run(&shop, &rejects, &arguments).await;
            assert_eq!(ended.counts(), [4, 2, 0, 2], "{name}: {}", ended.errors);
            held += 3;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_class_come_before_the_class_that_they_refer_to() {
    let shop = open().await;
    for (round, batch) in ["1", "500"].into_iter().enumerate() {
        let mut text = String::new();
        for number in 0..10 {
            let next = format!("Node/n{round}-{number}");
            // The same line twice is the same instance.
            let line = line("Leaf", &format!("l{round}-{number}"), Some(next));
            text.push_str(&line.repeat(2));
        }
        for number in (0..10).rev() {
            text.push_str(&line("Node", &format!("n{round}-{number}"), None));
        }
        shop.write("file.ndjson", text);
        let arguments = ["--batch", batch];
        let child = shop
            .start_any("file.ndjson".as_ref(), &arguments, Stdio::null())
            .await;
        let ended = Ended::of(&child.wait_with_output().await.unwrap());
        assert_eq!(ended.counts(), [30, 20, 10, 0], "{}", ended.errors);
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        assert_eq!(count(&shop, "Leaf").await, 10 * (round + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_while_rows_wait_loses_no_row() {
    let shop = open().await;
    for format in FORMATS {
        // The row in line 100 waits for the last.
        let mut rows: Vec<_> = (0..1_200)
            .map(|it| (format!("{format}{it}"), None))
            .collect();
        rows[100].1 = Some(format!("{format}1199"));
        rows[101].1 = Some(format!("{format}nowhere"));
        let name = format!("nodes.{format}");
        shop.write(&name, file(format, &rows));
        let state = shop.path("nodes.csv.rejects.csv.state");
        let mut kills = 0;
        let ended = loop {
            let before = shop.position().await;
            let mut child = shop
                .start_class("Node", name.as_ref(), &["--batch", "20"])
                .await;
            while kills < 3
                && child.try_wait().unwrap().is_none()
                && shop.position().await < before + 200
            {
                sleep(MOMENT).await;
            }
            if kills == 3 || child.try_wait().unwrap().is_some() {
                break Ended::of(&child.wait_with_output().await.unwrap());
            }
            child.kill().await.unwrap();
            kills += 1;
            if let Ok(journal) = std::fs::read_to_string(&state) {
                let journal: Value = serde_json::from_str(&journal).unwrap();
                let rows = journal["counts"]["rows"].as_u64().unwrap();
                assert!(
                    rows <= 100,
                    "it goes on before the row that waits: {journal}"
                );
            }
        };
        println!("{format}: killed {kills} times");
        assert_eq!(ended.code, Some(2), "{}", ended.errors);
        let [all, created, unchanged, rejected] = ended.counts();
        assert_eq!([all, created + unchanged, rejected], [1_200, 1_199, 1]);
        assert_eq!(unchanged == 0, format == "csv" || kills == 0);
        let held = 1_199 * (1 + usize::from(format == "ndjson"));
        assert_eq!(count(&shop, "Node").await, held);
        assert!(!state.exists());
    }
}
