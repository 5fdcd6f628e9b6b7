//! Real files: other encodings, titles, delimiters at the end of lines, equal rows.

use std::{collections::BTreeMap, process::Stdio};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::shop::{DATABASE, Ended, MOMENT, Shop};

async fn open(class: Value) -> Shop {
    let shop = Shop::open().await;
    shop.client().create_class(DATABASE, &class).await.unwrap();
    shop
}

async fn run(shop: &Shop, class: &str, file: &str, arguments: &[&str]) -> Ended {
    let child = shop.start_class(class, file.as_ref(), arguments).await;
    Ended::of(&child.wait_with_output().await.unwrap())
}

/// The number of instances of each content.
async fn count_contents(shop: &Shop, class: &str) -> BTreeMap<String, usize> {
    let mut held = BTreeMap::new();
    for instance in shop
        .client()
        .instances(DATABASE, class, "main")
        .await
        .unwrap()
    {
        *held.entry(instance["data"].to_string()).or_default() += 1;
    }
    held
}

fn scan() -> Value {
    json!({"id": "Scan", "label": "Scan", "properties": [
        {"name": "item", "type": "string", "required": true},
        {"name": "count", "type": "integer"}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_rows_are_all_kept_through_kills_rejects_and_a_second_import() {
    let shop = open(scan()).await;
    // Of 900 rows, 7 contents; each hundredth row is bad.
    let mut text = String::from("item,count\n");
    for number in 0..900 {
        let count = match number % 100 {
            50 => "x".to_owned(),
            _ => (number % 7).to_string(),
        };
        text.push_str(&["tea,", count.as_str(), "\n"].concat());
    }
    shop.write("scans.csv", &text);
    let state = shop.path("scans.csv.rejects.csv.state");
    let mut kills = 0;
    loop {
        let mut child = shop
            .start_class("Scan", "scans.csv".as_ref(), &["--batch", "20"])
            .await;
        let before = std::fs::read_to_string(&state).unwrap_or_default();
        // It is killed after more progress than the previous run.
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            let now = std::fs::read_to_string(&state).unwrap_or_default();
            if kills < 3
                && now != before
                && now.contains("\"rows\":")
                && !now.contains("\"rows\":0,")
            {
                break None;
            }
            sleep(MOMENT).await;
        };
        if ended.is_none() {
            child.kill().await.unwrap();
            kills += 1;
            continue;
        }
        let ended = Ended::of(&child.wait_with_output().await.unwrap());
        assert_eq!(ended.counts(), [900, 891, 0, 9], "{}", ended.errors);
        assert_eq!(ended.summary["equal_rows"], 891 - 7);
        break;
    }
    let end = shop.position().await;
    let again = run(&shop, "Scan", "scans.csv", &["--batch", "33"]).await;
    assert_eq!(again.counts(), [900, 0, 891, 9], "{}", again.errors);
    assert_eq!(shop.position().await, end);

    // A corrected row equals others, and stays separate.
    let rejects = std::fs::read_to_string(shop.path("scans.csv.rejects.csv")).unwrap();
    shop.write("corrected.csv", rejects.replace("tea,x", "tea,3"));
    for created in [9, 0] {
        let corrected = run(&shop, "Scan", "corrected.csv", &[]).await;
        assert_eq!(
            corrected.counts(),
            [9, created, 9 - created, 0],
            "{}",
            corrected.errors
        );
    }
    let held: usize = count_contents(&shop, "Scan").await.values().sum();
    assert_eq!(held, 900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_kinds_of_files_are_imported_with_at_most_one_flag() {
    let shop = open(json!({"id": "Grant", "label": "Grant", "properties": [
        {"name": "state", "type": "string", "label": {"en": "State Name", "ko": "이름"}, "required": true},
        {"name": "total", "type": "string", "label": {"en": "TOTAL", "ko": "금액"}}]}))
    .await;
    let korean = encoding_rs::EUC_KR
        .encode("이름,금액\n서울,1\n부산,2\n")
        .0
        .into_owned();
    let wide: Vec<u8> = "\u{feff}이름\t금액\r\n서울\t1\r\n부산\t2\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (text, arguments, rows, left) in [
        // A delimiter at the end of each line, and a blank row at the end.
        (
            b"State Name,TOTAL,\nALABAMA,\"12,426\",\nALASKA,\"1,158\",\n,,\n".to_vec(),
            &[][..],
            2,
            "column 3 is left out: no name, and blank in each accepted row",
        ),
        (
            b"Grants of FY09,,\nBy state; all,,\n\nState Name,TOTAL,\nALABAMA,3,\n".to_vec(),
            &["--head-line", "4"],
            1,
            "3 lines above the column names were skipped",
        ),
        (
            b"sep=;\r\nState Name;TOTAL\r\nMAINE;1,5\r\n".to_vec(),
            &[],
            1,
            "1 line above the column names was skipped",
        ),
        (
            b"State Name;TOTAL;TOTAL\nIOWA;1;2\n".to_vec(),
            &["--skip-column", "3"],
            1,
            "column 3, TOTAL, is left out",
        ),
        (korean, &["--encoding", "cp949"], 2, ""),
        (wide, &[], 2, ""),
        // From macOS: the names in decomposed letters.
        (
            "\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7},\u{1100}\u{1173}\u{11b7}\u{110b}\u{1162}\u{11a8}\n대구,3\n".into(),
            &[],
            1,
            "",
        ),
    ] {
        let shown = String::from_utf8_lossy(&text).into_owned();
        shop.write("grants.csv", text);
        let ended = run(&shop, "Grant", "grants.csv", arguments).await;
        assert_eq!(ended.code, Some(0), "{shown}: {}", ended.errors);
        assert_eq!(ended.summary["rows"], rows, "{shown}");
        assert!(ended.errors.contains(left), "{shown}: {}", ended.errors);
    }
    let held = count_contents(&shop, "Grant").await;
    for (content, count) in [
        (json!({"state": "ALABAMA", "total": "12,426"}), 1),
        (json!({"state": "MAINE", "total": "1,5"}), 1),
        (json!({"state": "서울", "total": "1"}), 1),
        (json!({"state": "대구", "total": "3"}), 1),
    ] {
        assert_eq!(
            held.get(&content.to_string()),
            Some(&count),
            "{content}: {held:?}"
        );
    }

    // A file whose name has a different Unicode form.
    shop.write("\u{1100}\u{1161}.csv", "State Name\nOHIO\n");
    let ended = run(&shop, "Grant", "가.csv", &[]).await;
    assert_eq!(ended.counts(), [1, 1, 0, 0], "{}", ended.errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejects_are_always_utf_8_and_stay_rejected_until_corrected() {
    let shop = open(scan()).await;
    let mut text = encoding_rs::EUC_KR
        .encode("item,count\n찻주전자,1\n컵,둘\n")
        .0
        .into_owned();
    text.extend(b"\xB0\xA1\xFF,3\n\xC2\xF7,4\n");
    text.extend(encoding_rs::EUC_KR.encode(&"물,5\n".repeat(20)).0.iter());
    shop.write("scans.csv", text);
    let refused = run(&shop, "Scan", "scans.csv", &[]).await;
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.errors.contains("--encoding cp949 reads"),
        "{}",
        refused.errors
    );
    let ended = run(&shop, "Scan", "scans.csv", &["--encoding", "cp949"]).await;
    assert_eq!(ended.counts(), [24, 22, 0, 2], "{}", ended.errors);
    let rejects = std::fs::read_to_string(shop.path("scans.csv.rejects.csv")).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert!(lines[1].starts_with("컵,둘,"), "{rejects}");
    assert!(lines[2].starts_with("가\\xFF,3,"), "{rejects}");
    assert!(
        lines[2].contains(",4,") && lines[2].contains("(encoding)"),
        "{rejects}"
    );
    shop.write("again.csv", &rejects);
    let again = run(&shop, "Scan", "again.csv", &[]).await;
    assert_eq!(again.counts(), [2, 0, 0, 2], "{}", again.errors);
    let corrected = rejects.replace("둘", "2").replace("가\\xFF", "가방");
    shop.write("corrected.csv", corrected);
    let wrong = run(&shop, "Scan", "corrected.csv", &["--encoding", "cp949"]).await;
    assert!(wrong.errors.contains("UTF-8"), "{}", wrong.errors);
    let last = run(&shop, "Scan", "corrected.csv", &[]).await;
    assert_eq!(last.counts(), [2, 2, 0, 0], "{}", last.errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_format_of_a_file_is_reported_before_any_other_error() {
    let shop = open(scan()).await;
    let lines = b"{\"instance_id\": \"1\", \"class_id\": \"Scan\", \"data\": {}}\n".as_slice();
    let cases: [(&str, &[u8], &str); 7] = [
        ("scans.csv.gz", b"\x1F\x8B\x08\0", "is compressed (gzip)"),
        (
            "scans.ndjson.gz",
            b"\x1F\x8B\x08\0",
            "gzip -dc FILE | spice import - --format ndjson",
        ),
        ("scans.csv.zst", b"\x28\xB5\x2F\xFD", "is compressed (zstd)"),
        ("scans.zip", b"PK\x03\x04..scans.csv", "is a zip archive"),
        (
            "scans.txt",
            lines,
            "is NDJSON (one JSON object per line); use --format ndjson",
        ),
        ("scans.json", b"[{\"item\": \"tea\"}]", "is a JSON array"),
        (
            "scans.csv",
            b"item,count\n",
            "CSV has one class: name it with --class",
        ),
    ];
    for (name, bytes, message) in cases {
        shop.write(name, bytes);
        let file = || std::fs::File::open(shop.path(name)).unwrap();
        for (input, stdin) in [(name, Stdio::null()), ("-", file().into())] {
            let format = if input == "-" { "csv" } else { "" };
            let arguments = ["--format", format];
            let arguments = if format.is_empty() {
                &[]
            } else {
                &arguments[..]
            };
            let child = shop.start_any(input.as_ref(), arguments, stdin).await;
            let ended = Ended::of(&child.wait_with_output().await.unwrap());
            let message = match input {
                "-" => message.trim_end_matches(" --format ndjson"),
                _ => message,
            };
            assert_eq!(ended.code, Some(2), "{input} {name}: {}", ended.errors);
            assert!(
                ended.errors.contains(message),
                "{input} {name}: {}",
                ended.errors
            );
        }
    }
    assert!(!shop.path("scans.csv.rejects.csv").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_row_is_rejected_and_the_other_rows_are_imported() {
    let shop = open(scan()).await;
    let mut text = b"Scans of June;;\n\nitem;count;\n".to_vec();
    for row in 0..30 {
        match row {
            3 => text.extend(b"caf\xE9;3;\n"),
            5 => text.extend(b"tea\n"),
            7 => text.extend(b"tea;7;note\n"),
            9 => text.extend(b"tea;9;;8\n"),
            _ => text.extend(format!("item {row};{row};\n").bytes()),
        }
    }
    shop.write("scans.csv", text);
    let flags = ["--head-line", "3"];
    let ended = run(&shop, "Scan", "scans.csv", &flags).await;
    assert_eq!(ended.counts(), [30, 26, 0, 4], "{}", ended.errors);
    let path = shop.path("scans.csv.rejects.csv");
    let rejects = std::fs::read_to_string(&path).unwrap();
    let rows: Vec<Vec<&str>> = rejects
        .lines()
        .map(|row| row.split(';').collect())
        .collect();
    assert_eq!(rows[0], ["item", "count", "", "_id", "_line", "_reason"]);
    for (row, cells, line) in [
        (1, ["caf\\xE9", "3", ""], "7"),
        (2, ["tea", "", ""], "9"),
        (3, ["tea", "7", "note"], "11"),
        (4, ["tea", "9", ""], "13"),
    ] {
        assert_eq!(rows[row][..3], cells, "{rejects}");
        assert_eq!(rows[row][4], line, "{rejects}");
    }
    assert_eq!(rows[4].last(), Some(&"8"), "{rejects}");

    // The rejects have their names in the first line.
    let refused = run(&shop, "Scan", "scans.csv.rejects.csv", &flags).await;
    assert_eq!(refused.code, Some(2));
    let message = "which has its header in line 1; leave --head-line out";
    assert!(refused.errors.contains(message), "{}", refused.errors);
    // Unchanged, they are rejected again; corrected, they are imported.
    let again = ["--rejects", "again.csv"];
    let unchanged = run(&shop, "Scan", "scans.csv.rejects.csv", &again).await;
    assert_eq!(unchanged.counts(), [4, 0, 0, 4], "{}", unchanged.errors);
    let corrected = rejects
        .replace("caf\\xE9", "caf\u{e9}")
        .replace("tea;;;", "tea;5;;")
        .replace("7;note", "7;")
        .replace(";8\n", "\n");
    shop.write("corrected.csv", corrected);
    let corrected = run(&shop, "Scan", "corrected.csv", &["--head-line", "1"]).await;
    assert_eq!(corrected.counts(), [4, 4, 0, 0], "{}", corrected.errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_dumps_are_imported_and_blanks_mean_no_value() {
    let shop = open(json!({"id": "Log", "label": "Log", "properties": [
        {"name": "id", "type": "string", "primaryKey": true},
        {"name": "at", "type": "dateTime"},
        {"name": "open", "type": "boolean"},
        {"name": "name", "type": "string", "required": true}]}))
    .await;
    shop.write(
        "log.csv",
        "id,at,open,name\n1,2022-01-01 01:00:00,t,a\n2,2022-01-01 01:00:00+0900,N,b\n3,\\N,NULL,c\n4,-,ja,d\n5,,,\" \"\n6,,,\u{a0}\n",
    );
    let arguments = [
        "--null", "\\N", "--null", "NULL", "--null=-", "--true", "ja",
    ];
    let ended = run(&shop, "Log", "log.csv", &arguments).await;
    assert_eq!(ended.counts(), [6, 4, 0, 2], "{}", ended.errors);
    let held = count_contents(&shop, "Log").await;
    let expected = [
        json!({"at": "2022-01-01T01:00:00", "id": "1", "name": "a", "open": true}),
        json!({"at": "2022-01-01T01:00:00+09:00", "id": "2", "name": "b", "open": false}),
        json!({"id": "3", "name": "c"}),
        json!({"id": "4", "name": "d", "open": true}),
    ];
    let mut found: Vec<Value> = held
        .keys()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    found.sort_by_key(|it| it["id"].as_str().unwrap().to_owned());
    assert_eq!(found, expected);
    let rejects = std::fs::read_to_string(shop.path("log.csv.rejects.csv")).unwrap();
    assert_eq!(
        rejects.matches("name: is required (required)").count(),
        2,
        "{rejects}"
    );
}
