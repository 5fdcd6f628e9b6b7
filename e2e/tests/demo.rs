//! The demo as in the README, and its declarations kept applied.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use spice_e2e::embedded::{Embedded, Options};
use tokio::time::{Instant, sleep};

const BRANCH: &str = "what-if/denver-closed";
const PATIENCE: Duration = Duration::from_mins(1);

/// Rows of a file without its header, as the test counts them.
fn rows(file: &str) -> Vec<Vec<String>> {
    let path = spice_e2e::workspace()
        .join("manifests/demo/data")
        .join(file);
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// The expected result of the two-hop query: airports of Colorado with arrivals, and the arrivals.
fn arrivals(but: &str) -> (usize, usize) {
    let airports = rows("airports.csv");
    let in_colorado = |code: &str| airports.iter().any(|row| row[0] == code && row[3] == "CO");
    let routes = rows("routes.csv");
    let mut codes: Vec<&str> = routes
        .iter()
        .map(|row| row[2].as_str())
        .filter(|code| *code != but && in_colorado(code))
        .collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    (codes.len(), count)
}

#[test]
fn the_readme_shows_the_command_that_is_tested_here() {
    let readme = fs::read_to_string(spice_e2e::workspace().join("README.md")).unwrap();
    assert!(
        readme.contains("cargo run --release --bin spice -- demo"),
        "the first command"
    );
    assert!(readme.contains("./test"), "the second command");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_declares_loads_branches_and_answers() {
    let options = Options {
        command: "demo",
        ready_within: Duration::from_mins(3),
        ..Options::default()
    };
    let mut spice = Embedded::start(options).await.unwrap();
    let said = spice.stdout_lines().join("\n");
    println!("{said}");
    for file in ["countries.csv", "states.csv", "airports.csv", "routes.csv"] {
        let count = rows(file).len().to_string();
        assert!(said.contains(&count), "{count} rows of {file} are told");
    }
    let (airports, routes) = arrivals("");
    let (airports_left, routes_left) = arrivals("DEN");
    assert!(routes > routes_left && routes_left > 0);
    assert_table_row(&said, "main", airports, routes);
    assert_table_row(&said, BRANCH, airports_left, routes_left);

    // The printed URLs answer with the same data.
    let client = spice.gateway().unwrap();
    let text = include_str!("../../manifests/demo/data/query.json");
    let query: Value = serde_json::from_str(text).unwrap();
    for (branch, airports, routes) in [
        ("main", airports, routes),
        (BRANCH, airports_left, routes_left),
    ] {
        let answer = client.graph_query("flights", branch, &query).await.unwrap();
        assert_eq!(of_type(&answer, "State"), 1);
        assert_eq!(of_type(&answer, "Airport"), airports, "{branch}");
        assert_eq!(of_type(&answer, "Route"), routes, "{branch}");
        assert_eq!(answer["warnings"], json!([]));
    }
    let health = spice.oms().unwrap().get("/health").await.unwrap();
    assert_eq!(health["data"]["status"], "healthy");
    let (status, took) = spice.terminate(Duration::from_secs(5)).await.unwrap();
    assert!(status.success(), "{status} after {took:?}");
}

fn assert_table_row(said: &str, branch: &str, airports: usize, routes: usize) {
    let expected = [branch.to_owned(), airports.to_string(), routes.to_string()];
    let is_row = |line: &str| {
        line.split_whitespace()
            .eq(expected.iter().map(String::as_str))
    };
    assert!(said.lines().any(is_row), "no line {expected:?} in\n{said}");
}

fn of_type(answer: &Value, class: &str) -> usize {
    answer["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["type"] == class)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_the_same_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let demo = spice_e2e::workspace().join("manifests/demo");
    for file in ["database.yaml", "ontology.yaml"] {
        fs::copy(demo.join(file), folder.path().join(file)).unwrap();
    }
    let options = Options {
        arguments: vec!["--apply".into(), folder.path().display().to_string()],
        ..Options::default()
    };
    let mut spice = Embedded::start(options).await.unwrap();
    wait_class(&spice, "Route").await;
    let first = position(&spice).await;

    // A file that is written again without a change, and a new process. The marker, which is
    // applied last, shows that the pass is over; it is a command and its domain event.
    let ontology = folder.path().join("ontology.yaml");
    rewrite(&ontology, |text| format!("# the same\n{text}"));
    declare_class(folder.path(), "MarkerOne");
    wait_class(&spice, "MarkerOne").await;
    assert_eq!(position(&spice).await, first + 2, "{}", spice.errors());
    spice.terminate(Duration::from_secs(5)).await.unwrap();
    declare_class(folder.path(), "MarkerTwo");
    spice.restart().await.unwrap();
    wait_class(&spice, "MarkerTwo").await;
    assert_eq!(position(&spice).await, first + 4, "{}", spice.errors());

    // A real change is one command for one class.
    let narrow = "{name: city, type: string}";
    rewrite(&ontology, |text| {
        text.replace(narrow, "{name: city, type: text}")
    });
    declare_class(folder.path(), "MarkerThree");
    wait_class(&spice, "MarkerThree").await;
    assert_eq!(position(&spice).await, first + 8, "{}", spice.errors());
    let client = spice.gateway().unwrap();
    let airport = client
        .get("/api/v1/databases/flights/ontology/Airport")
        .await
        .unwrap();
    let properties = airport["data"]["properties"].as_array().unwrap();
    assert!(
        properties.contains(&json!({"name": "city", "type": "text"})),
        "{airport}"
    );
}

async fn position(spice: &Embedded) -> u64 {
    let answer = spice
        .gateway()
        .unwrap()
        .get("/api/v1/databases/flights")
        .await
        .unwrap();
    answer["data"]["position"].as_u64().unwrap()
}

async fn wait_class(spice: &Embedded, class: &str) {
    let client = spice.gateway().unwrap();
    let path = format!("/api/v1/databases/flights/ontology/{class}");
    let deadline = Instant::now() + PATIENCE;
    while client.get(&path).await.is_err() {
        assert!(
            Instant::now() < deadline,
            "{class} is not applied:\n{}",
            spice.errors()
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Declares one more class, in a file that is read last.
fn declare_class(folder: &Path, class: &str) {
    let text = format!(
        "apiVersion: spiceharvester.dev/v1alpha1\nkind: Ontology\nmetadata: {{name: {}}}\nspec: {{databaseRef: {{name: flights}}, classes: [{{name: {class}}}]}}\n",
        class.to_lowercase()
    );
    let path = folder.join(format!("z-{class}.yaml"));
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

/// Writes a file as an editor does: next to it, then over it.
fn rewrite(path: &Path, change: impl Fn(String) -> String) {
    let beside = path.with_extension("new");
    fs::write(&beside, change(fs::read_to_string(path).unwrap())).unwrap();
    fs::rename(beside, path).unwrap();
}
