//! The client and the api have the same calls.

use std::collections::BTreeSet;

use serde_json::Value;
use spice_client::calls;

use crate::shell::Shell;

/// A path without the names in braces.
fn strip_names(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_the_client_is_in_the_openapi_document() {
    let shell = Shell::start().await;
    let request = shell.client();
    let request = request
        .request(reqwest::Method::GET, "/openapi.json")
        .unwrap();
    let document: Value = request.fetch().await.unwrap();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.insert(format!("{} {}", method.to_uppercase(), strip_names(path)));
        }
    }
    let missing: Vec<String> = calls::ALL
        .iter()
        .map(|call| format!("{} {}", call.method, strip_names(call.path)))
        .filter(|call| !described.contains(call))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing:?} are not among {described:#?}"
    );
}
