//! `spice import` as people use it: every good row once, every bad row in the rejects with its line
//! and the reason, and the same result after any interruption.
//!
//! `SPICE_IMPORT_ROWS` (6,000), `SPICE_KILL_ROUNDS` (8), `SPICE_KILL_SEED` (printed; random by
//! default).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod import {
    mod files;
    mod lines;
    pub(crate) mod rows;
    pub(crate) mod shop;
    mod waiting;
}
#[path = "kill/random.rs"]
mod random;

use std::time::Duration;

use import::{
    rows::{Items, rejects},
    shop::{DATABASE, Ended, MOMENT, Shop, signal},
};
use random::Random;
use serde_json::json;
use spice_e2e::embedded::setting;
use tokio::{io::AsyncWriteExt, time::sleep};

fn number(name: &str, usual: u64) -> u64 {
    let text = setting(name);
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn items() -> Items {
    Items::new(usize::try_from(number("SPICE_IMPORT_ROWS", 6_000)).unwrap())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_rows_are_imported_once_and_bad_rows_after_correction() {
    let shop = Shop::open().await;
    let items = items();
    let (rows, bad, good) = (
        items.rows.len(),
        items.bad_rows().len(),
        items.good_rows().count(),
    );
    let file = shop.write("items.csv", &items.text);

    let before = shop.position().await;
    let dry = shop.import(&file, &["--dry-run"]).await;
    assert_eq!(dry.code, Some(2), "{}", dry.errors);
    assert_eq!(shop.position().await, before, "a dry run sends nothing");
    assert!(shop.path("items.csv.dry-run.rejects.csv").exists());
    assert!(!shop.path("items.csv.rejects.csv").exists());

    let first = shop.import(&file, &[]).await;
    assert_eq!(first.code, Some(2), "{}", first.errors);
    assert_eq!(
        first.counts(),
        [rows, good, items.count_repeated(), bad].map(count)
    );
    let rejected = rejects(&shop.path("items.csv.rejects.csv"));
    items.assert_rejected(&rejected);
    shop.assert_good(&items).await;
    let end = shop.position().await;
    assert_eq!(first.summary["last_position"], end);
    assert!(!shop.path("items.csv.rejects.csv.state").exists());

    // Importing it again changes nothing.
    let again = shop.import(&file, &[]).await;
    let unchanged = good + items.count_repeated();
    assert_eq!(again.counts(), [rows, 0, unchanged, bad].map(count));
    assert_eq!(rejects(&shop.path("items.csv.rejects.csv")), rejected);
    assert_eq!(shop.position().await, end, "nothing is in the log twice");

    // The corrected rejects are imported as they are.
    let mended = shop.write("mended.csv", items.correct_all(&rejected));
    let last = shop.import(&mended, &[]).await;
    assert_eq!(last.code, Some(0), "{}", last.errors);
    assert_eq!(last.counts(), [bad, bad, 0, 0].map(count));
    assert!(last.summary["rejects_file"].is_null());
    let numbers = items.rows.iter().filter(|row| !row.repeats);
    shop.assert_holds(numbers.map(|row| row.number)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_repeatedly_ends_like_an_undisturbed_one() {
    let rounds = number("SPICE_KILL_ROUNDS", 8);
    let seed = number("SPICE_KILL_SEED", Random::any_seed());
    println!("SPICE_KILL_SEED={seed} SPICE_KILL_ROUNDS={rounds}");
    let mut random = Random::new(seed);
    let mut shop = Shop::open().await;
    let items = items();
    let file = shop.write("items.csv", &items.text);
    let arguments = ["--batch", "100"];
    let state = shop.path("items.csv.rejects.csv.state");
    for round in 1..=rounds {
        let mut child = shop.start(&file, &arguments).await;
        sleep(Duration::from_millis(random.between(10, 700))).await;
        let server_too = random.below(2) == 0;
        if server_too {
            shop.server.kill().await.unwrap();
        }
        child.kill().await.unwrap();
        println!(
            "round {round}: server killed: {server_too}, a journal: {}",
            state.exists()
        );
        if server_too {
            shop.restart().await;
        }
    }
    let ended = shop.import(&file, &arguments).await;
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    let (rows, bad, good) = (
        items.rows.len(),
        items.bad_rows().len(),
        items.good_rows().count(),
    );
    // Each row is counted once, with its first answer.
    assert_eq!(
        ended.counts(),
        [rows, good, items.count_repeated(), bad].map(count)
    );
    items.assert_rejected(&rejects(&shop.path("items.csv.rejects.csv")));
    shop.assert_good(&items).await;
    assert!(!state.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_outlives_its_server() {
    let mut random = Random::new(Random::any_seed());
    let mut shop = Shop::open().await;
    let items = items();
    let file = shop.write("items.csv", &items.text);
    let child = shop.start(&file, &["--batch", "100"]).await;
    for _ in 0..3 {
        sleep(Duration::from_millis(random.between(200, 700))).await;
        shop.server.kill().await.unwrap();
        shop.restart().await;
    }
    let ended = Ended::of(&child.wait_with_output().await.unwrap());
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    let (rows, bad, good) = (
        items.rows.len(),
        items.bad_rows().len(),
        items.good_rows().count(),
    );
    assert_eq!(
        ended.counts(),
        [rows, good, items.count_repeated(), bad].map(count)
    );
    items.assert_rejected(&rejects(&shop.path("items.csv.rejects.csv")));
    shop.assert_good(&items).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_import_resumes_where_it_stopped() {
    let shop = Shop::open().await;
    let items = items();
    let file = shop.write("items.csv", &items.text);
    let state = shop.path("items.csv.rejects.csv.state");
    let child = shop.start(&file, &["--batch", "50"]).await;
    while std::fs::read_to_string(&state).map_or(true, |text| text.contains("\"rows\":0,")) {
        sleep(MOMENT).await;
    }
    signal(&child, "-TERM").await;
    let stopped = Ended::of(&child.wait_with_output().await.unwrap());
    assert_eq!(stopped.code, Some(130), "{}", stopped.errors);
    let hint = "the same command resumes there";
    assert!(stopped.errors.contains(hint), "{}", stopped.errors);
    // Another batch size is the same import.
    let ended = shop.import(&file, &["--batch", "333"]).await;
    assert!(
        ended.errors.contains("resuming at line"),
        "{}",
        ended.errors
    );
    let (good, bad) = (items.good_rows().count(), items.bad_rows().len());
    let rows = items.rows.len();
    // It resumes before the first waiting row: later rows that are already imported count as
    // unchanged.
    let [all, created, unchanged, rejected] = ended.counts();
    assert_eq!(
        [all, created + unchanged, rejected],
        [rows, good + items.count_repeated(), bad].map(count)
    );
    items.assert_rejected(&rejects(&shop.path("items.csv.rejects.csv")));
    shop.assert_good(&items).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_input_is_reported_before_anything_is_sent() {
    let shop = Shop::open().await;
    let before = shop.position().await;
    let good = "sku,Name\ns-1,a\n";
    for (text, arguments, code, output) in [
        ("sku,nome\nx,y\n", &[][..], 2, "did you mean Name, name?"),
        (
            "sku;Name\nx;y\n",
            &["--delimiter", ","],
            2,
            "do you mean --delimiter ';'?",
        ),
        (
            "Items of 2026\n\nsku,Name\ns-1,a\n",
            &[],
            2,
            "line 3 looks like the column names: --head-line 3",
        ),
        (
            "Items\n\nsku,Name\n",
            &["--head-line", "2"],
            2,
            "line 2 is blank",
        ),
        (good, &["--head-line", "9"], 2, "has no line 9"),
        (
            "PK\u{3}\u{4}xl/",
            &[],
            2,
            "is an Excel workbook (.xlsx); open it and save",
        ),
        ("sku,Name\0\n", &[], 2, "zero bytes"),
        (
            good,
            &["--encoding", "utf-16"],
            2,
            "so its byte order is unknown",
        ),
        (
            "sku,Name,Name\nx,y,z\n",
            &[],
            2,
            "leave one out by its number, for example --skip-column 3",
        ),
        ("", &[], 2, "is empty"),
        (good, &["--map", "nome=name"], 2, "no column \"nome\""),
        (good, &["--key", "Name"], 2, "leave --key out"),
        (
            good,
            &["--rejects", "./file.csv"],
            2,
            "name another file with --rejects",
        ),
        (
            good,
            &["--state", "./file.csv"],
            2,
            "name another file with --state",
        ),
        (
            good,
            &["--rejects", "no/such/rejects.csv"],
            2,
            "its folder does not exist",
        ),
        (good, &["--branch", "nowhere"], 3, "nowhere"),
    ] {
        shop.write("file.csv", text);
        let ended = shop.import("file.csv".as_ref(), arguments).await;
        assert_eq!(
            ended.code,
            Some(code),
            "{text:?} {arguments:?}: {}",
            ended.errors
        );
        assert!(
            ended.errors.contains(output),
            "{text:?} {arguments:?}: {}",
            ended.errors
        );
    }
    let class = shop.start_class("Itme", "file.csv".as_ref(), &[]).await;
    let ended = Ended::of(&class.wait_with_output().await.unwrap());
    assert_eq!(ended.code, Some(3), "{}", ended.errors);
    assert!(ended.errors.contains("Item"), "{}", ended.errors);
    let missing = shop.import("missing.csv".as_ref(), &[]).await;
    assert_eq!(missing.code, Some(3), "{}", missing.errors);
    assert_eq!(shop.position().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_input_a_branch_content_ids_and_the_end_at_a_reject() {
    let shop = Shop::open().await;
    let client = shop.client();
    let note = json!({"id": "Note", "label": "Note", "properties": [
        {"name": "text", "type": "string"}, {"name": "number", "type": "integer"}]});
    client.create_class(DATABASE, &note).await.unwrap();
    client.create_branch(DATABASE, "spring").await.unwrap();

    // Without any key, equal rows are all kept; the same file twice has one effect.
    for created in [3, 0] {
        let arguments = ["--branch", "spring", "--delimiter", "tab", "--null", "-"];
        let mut child = shop.start_class("Note", "-".as_ref(), &arguments).await;
        let mut stdin = child.stdin.take().unwrap();
        stdin
            .write_all(b"\xef\xbb\xbfnumber\ttext\r\n07\ta\r\n7\ta\r\n-\tb\r\n")
            .await
            .unwrap();
        drop(stdin);
        let ended = Ended::of(&child.wait_with_output().await.unwrap());
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        assert_eq!(ended.counts(), [3, created, 3 - created, 0]);
        assert_eq!(ended.summary["equal_rows"], 1);
    }
    let notes = client.instances(DATABASE, "Note", "spring").await.unwrap();
    let mut data: Vec<String> = notes.iter().map(|it| it["data"].to_string()).collect();
    data.sort();
    let equal = r#"{"number":7,"text":"a"}"#;
    assert_eq!(data, [equal, equal, r#"{"text":"b"}"#]);
    assert!(
        client
            .instances(DATABASE, "Note", "main")
            .await
            .unwrap()
            .is_empty()
    );

    let file = shop.write("notes.csv", "number,text\n1,a\nx,b\n3,c\n");
    let child = shop
        .start_class("Note", &file, &["--on-error", "abort", "--key", "text"])
        .await;
    let ended = Ended::of(&child.wait_with_output().await.unwrap());
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    assert_eq!(ended.counts(), [2, 1, 0, 1], "what came before it is in");
    assert!(
        ended.errors.contains("stopped before line 4"),
        "{}",
        ended.errors
    );
    let notes = client.instances(DATABASE, "Note", "main").await.unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0]["instance_id"], "a");
    // The next start continues after the reject, and stops only at another.
    let file = shop.write("more.csv", "number,text\nx,p\n1,q\n2,r\n3,s\n");
    for counts in [[1, 0, 0, 1], [4, 3, 0, 1]] {
        let arguments = ["--on-error", "abort", "--key", "text", "--batch", "1"];
        let child = shop.start_class("Note", &file, &arguments).await;
        let ended = Ended::of(&child.wait_with_output().await.unwrap());
        assert_eq!(ended.code, Some(2), "{}", ended.errors);
        assert_eq!(ended.counts(), counts, "{}", ended.errors);
    }
    // A dry run does not touch the rejects, which someone may be correcting.
    let rejects = shop.path("more.csv.rejects.csv");
    let mended = std::fs::read(&rejects).unwrap();
    let child = shop.start_class("Note", &file, &["--dry-run"]).await;
    let ended = Ended::of(&child.wait_with_output().await.unwrap());
    assert_eq!(ended.counts(), [4, 3, 0, 1], "{}", ended.errors);
    assert_eq!(std::fs::read(&rejects).unwrap(), mended);
    assert!(!shop.path("more.csv.rejects.csv.old.1").exists());
}
