//! NDJSON: interrupted while it is read, files that are not NDJSON, and skipped lines.

use std::{process::Stdio, time::Duration};

use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    process::Child,
    time::{sleep, timeout},
};

use super::shop::{DATABASE, Ended, MOMENT, Shop, signal};

const SIGTERM: u32 = 15;

fn owner(code: &str) -> String {
    format!(
        "{}\n",
        json!({"instance_id": code, "class_id": "Owner", "data": {"code": code}})
    )
}

/// Waits until a process handles the signal to stop.
async fn wait_handles_signals(child: &Child) {
    let path = format!("/proc/{}/status", child.id().unwrap());
    loop {
        let status = std::fs::read_to_string(&path).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        if caught & (1 << (SIGTERM - 1)) != 0 {
            return;
        }
        sleep(MOMENT).await;
    }
}

/// The result of an import that is stopped while its open input sends nothing.
async fn wait_end(mut child: Child) -> Ended {
    let stdin = child.stdin.take();
    signal(&child, "-TERM").await;
    let ended = timeout(Duration::from_mins(1), child.wait_with_output()).await;
    drop(stdin);
    Ended::of(&ended.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_with_stalled_input_stops_at_a_signal() {
    let shop = Shop::open().await;
    let before = shop.position().await;
    let arguments = ["--format", "ndjson", "--batch", "1"];
    let mut child = shop.start_class("Owner", "-".as_ref(), &arguments).await;
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(owner("o-new").as_bytes()).await.unwrap();
    while shop.position().await == before {
        sleep(MOMENT).await;
    }
    let ended = wait_end(child).await;
    assert_eq!(ended.code, Some(130), "{}", ended.errors);
    let message = "stopped before line 2 after 1 rows (1 created";
    assert!(ended.errors.contains(message), "{}", ended.errors);

    // Also before there is anything to read.
    for format in ["csv", "ndjson"] {
        let child = shop
            .start_class("Owner", "-".as_ref(), &["--format", format])
            .await;
        wait_handles_signals(&child).await;
        let ended = wait_end(child).await;
        assert_eq!(ended.code, Some(130), "{format}: {}", ended.errors);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_not_ndjson_are_reported_before_anything_is_sent() {
    let shop = Shop::open().await;
    let before = shop.position().await;
    let good = owner("o-1").into_bytes();
    let wide: Vec<u8> = owner("o-1")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::create_dir(shop.path("folder.ndjson")).unwrap();
    let cases: [(&[u8], &[&str], &str); 7] = [
        (b"\x1f\x8b\x08\x00", &[], "is compressed (gzip)"),
        (b"PK\x03\x04xl/", &[], "is an Excel workbook (.xlsx)"),
        (&wide, &[], "--encoding utf-16le"),
        (
            b"{\"a\": \"\xc7\xd1\xb1\xdb\xc0\xcc\xb8\xa7\"}\n",
            &[],
            "is not UTF-8, as line 1 shows",
        ),
        (
            &good,
            &["--rejects", "./file.ndjson"],
            "name another file with --rejects",
        ),
        (
            &good,
            &["--rejects", "no/such/file.ndjson"],
            "its folder does not exist",
        ),
        (&good, &["--state", "state"], "--state is for CSV"),
    ];
    for (bytes, arguments, message) in cases {
        shop.write("file.ndjson", bytes);
        let child = shop
            .start_class("Owner", "file.ndjson".as_ref(), arguments)
            .await;
        let ended = Ended::of(&child.wait_with_output().await.unwrap());
        assert_eq!(ended.code, Some(2), "{message}: {}", ended.errors);
        assert!(
            ended.errors.contains(message),
            "{message}: {}",
            ended.errors
        );
    }
    for (file, code) in [("missing", 3), ("folder", 2)] {
        if file == "folder" {
            std::fs::create_dir(shop.path("folder.csv")).unwrap();
        }
        for ending in ["ndjson", "csv"] {
            let file = format!("{file}.{ending}");
            let child = shop.start_class("Owner", file.as_ref(), &[]).await;
            let ended = Ended::of(&child.wait_with_output().await.unwrap());
            assert_eq!(ended.code, Some(code), "{file}: {}", ended.errors);
        }
    }
    assert_eq!(shop.position().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ndjson_accepts_marks_encodings_and_blank_lines() {
    let shop = Shop::open().await;
    let text = |code: &str| format!("\u{feff}\n{}  \r\n\n{}\n", owner(code), owner("o-twice"));
    let wide: Vec<u8> = text("o-wide")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (narrow, unmarked) = (text("o-narrow"), wide[2..].to_vec());
    let cases: [(&[u8], &[&str], u64); 4] = [
        (narrow.as_bytes(), &[], 2),
        (&wide, &[], 1),
        (&unmarked, &["--encoding", "utf-16le"], 0),
        (b"", &[], 0),
    ];
    for (bytes, arguments, created) in cases {
        shop.write("file.ndjson", bytes);
        let child = shop
            .start_any("file.ndjson".as_ref(), arguments, Stdio::null())
            .await;
        let ended = Ended::of(&child.wait_with_output().await.unwrap());
        let (rows, blanks) = if bytes.is_empty() { (0, 0) } else { (2, 4) };
        let counts = [rows, created, rows - created, 0];
        assert_eq!(ended.counts(), counts, "{}", ended.errors);
        assert_eq!(ended.summary["blank_rows"], blanks);
        let message = ended.errors.contains("4 blank rows were skipped");
        assert_eq!(message, blanks > 0, "{}", ended.errors);
    }
    let owners = shop.client().instances(DATABASE, "Owner", "main").await;
    assert_eq!(owners.unwrap().len(), 6);
}
