//! `spice apply`.

use std::fs;

use serde_json::json;

use crate::shell::{SHOP, Shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_declared_is_created_once_configured_when_it_changes_and_else_left() {
    let shell = Shell::start().await;
    let rehearsed = shell.feed("apply -f - --dry-run", SHOP).await.ok();
    assert_eq!(
        rehearsed,
        "database/shop created (dry run)\nontology/client created (dry run)\nontology/product created (dry run)\n"
    );
    assert!(
        shell
            .client()
            .databases()
            .await
            .unwrap()
            .databases
            .is_empty(),
        "a rehearsal writes nothing"
    );
    let created = shell.feed("apply -f -", SHOP).await.ok();
    assert_eq!(created, rehearsed.replace(" (dry run)", ""));
    let again = shell.feed("apply -f - -o json", SHOP).await.json();
    let outcomes: Vec<_> = again
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["outcome"])
        .collect();
    assert_eq!(outcomes, [&json!("unchanged"); 3]);

    let wider = SHOP.replace("{name: name, type: string}", "{name: name, type: text}");
    fs::create_dir(shell.path("declared")).unwrap();
    fs::write(shell.path("declared/shop.yaml"), wider).unwrap();
    let told = shell.run("apply -f declared --dry-run").await.ok();
    assert!(
        told.contains("ontology/product configured (dry run)"),
        "{told}"
    );
    let told = shell.run("apply -f declared").await.ok();
    assert!(told.contains("database/shop unchanged\n"), "{told}");
    assert!(told.contains("ontology/product configured\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_applied_is_told_by_its_place() {
    let shell = Shell::start().await;
    let error = shell.feed("apply -f -", "kind: Nonsense").await.fails(2);
    assert!(error.contains("standard input"), "{error}");
    let error = shell.run("apply -f nowhere.yaml").await.fails(2);
    assert!(error.contains("nowhere.yaml"), "{error}");
    let (_, classes) = SHOP.split_once("---\n").unwrap();
    let waits = shell.feed("apply -f -", classes).await;
    assert_eq!(waits.code, 6, "{}{}", waits.out, waits.err);
    assert!(
        waits.out.contains("ontology/client waits: "),
        "{}",
        waits.out
    );
    // `--wait` alone waits, as with `kubectl`; a number says how long.
    let waits = shell.feed("apply -f - --wait 0", classes).await;
    assert_eq!(waits.code, 6, "{}{}", waits.out, waits.err);
    let done = shell.feed("apply --wait -f -", SHOP).await.ok();
    assert!(done.contains("database/shop created\n"), "{done}");
    let wrong = SHOP.replace("type: decimal", "type: nonsense");
    let refused = shell.feed("apply -f -", &wrong).await;
    assert_eq!(refused.code, 2, "{}{}", refused.out, refused.err);
    assert!(
        refused.out.contains("ontology/product refused: "),
        "{}",
        refused.out
    );
}
