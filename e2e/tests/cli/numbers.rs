//! Numbers keep their digits: no command rounds what is in the log.

use std::time::Duration;

use serde_json::value::RawValue;
use spice_client::{OnError, Write};

use crate::shell::Shell;

/// What a floating point number loses: trailing zeros, digits, being an integer.
const NUMBERS: [&str; 4] = [
    "1.10",
    "0.1234567890123456789",
    "1208925819614629174706176",
    "25.50",
];
/// Numbers for the sides of a conflict, and its decision.
const OURS: &str = "98765432109876543210.120";
const THEIRS: &str = "98765432109876543210.130";
const DECIDED: &str = "12345678901234567890.12";

async fn with_numbers() -> Shell {
    let shell = Shell::with_shop().await;
    let rows: Vec<String> = NUMBERS
        .iter()
        .enumerate()
        .map(|(n, number)| format!(r#"{{"product_id":"n{n}","price":{number}}}"#))
        .collect();
    let rows = format!("[{}]", rows.join(","));
    let write = Write::on("main").wait(Duration::from_mins(1));
    let client = shell.client();
    client
        .bulk_create_with("shop", "Product", &rows, OnError::Abort, &write)
        .await
        .unwrap();
    shell
}

async fn set(shell: &Shell, branch: &str, sequence: u64, price: &str) {
    let data = RawValue::from_string(format!(r#"{{"price":{price}}}"#)).unwrap();
    let write = Write::on(branch).wait(Duration::from_mins(1));
    let client = shell.client();
    client
        .update_instance("shop", "Product", "n0", &data, sequence, &write)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_keep_their_digits_in_exports_imports_and_output() {
    let shell = with_numbers().await;
    let csv = shell.run("export -c Product --format csv").await.ok();
    let table = shell.run("get instances Product").await.ok();
    let document = shell.run("get instances Product -o json").await.ok();
    for (n, number) in NUMBERS.iter().enumerate() {
        assert!(csv.contains(&format!("\nn{n},,{number},\n")), "{csv}");
        assert!(table.contains(&format!(" {number} ")), "{table}");
        let json = format!("\"price\":{number}");
        assert!(document.replace(' ', "").contains(&json), "{document}");
        let output = shell.run(&format!("describe instance Product/n{n}")).await;
        let output = output.ok();
        assert!(
            output.lines().any(|line| line.ends_with(number)),
            "{output}"
        );
    }

    // The exported rows equal the existing instances.
    std::fs::write(shell.path("products.csv"), &csv).unwrap();
    shell.run("branch create copy").await.ok();
    let again = shell
        .run("import products.csv -c Product -b copy -o json")
        .await
        .json();
    assert_eq!(again["unchanged"], 7, "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_keep_their_digits_in_diffs_merges_and_decisions() {
    let shell = with_numbers().await;
    shell.run("branch create side").await.ok();
    set(&shell, "side", 1, THEIRS).await;
    set(&shell, "main", 1, OURS).await;
    for format in ["table", "json"] {
        let output = shell.run(&format!("diff side -o {format}")).await.ok();
        assert!(
            output.contains("1.10") && output.contains(THEIRS),
            "{output}"
        );
        for dry in ["", "--dry-run"] {
            let refused = shell.run(&format!("merge side -o {format} {dry}")).await;
            assert_eq!(refused.code, 4, "{}", refused.err);
            for side in ["1.10", OURS, THEIRS] {
                assert!(refused.out.contains(side), "{side} in {}", refused.out);
            }
        }
    }
    let decision = format!("shop:main:Product:n0.price={DECIDED}");
    let line = format!("merge side --resolve {decision}");
    shell.run(&line).await.ok();
    for format in ["table", "json"] {
        let output = shell.run(&format!("history Product/n0 -o {format}")).await;
        let output = output.ok();
        for number in ["1.10", OURS, DECIDED] {
            assert!(output.contains(number), "{number} in {output}");
        }
    }
}
