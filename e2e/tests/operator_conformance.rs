//! The api does what the operator expects of it, like the model of the operator's own tests.

#![allow(clippy::unwrap_used)]

use spice_e2e::embedded::{Embedded, Options};
use spice_operator::{ApiClient, conformance, replay};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_does_what_the_operator_expects() {
    let spice = Embedded::start(Options::default()).await.unwrap();
    let api = ApiClient::new(&spice.url("gateway").unwrap()).unwrap();
    conformance::check(&api, "conformance").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_replays_do_what_the_operator_expects() {
    let spice = Embedded::start(Options::default()).await.unwrap();
    let gateway = spice.gateway().unwrap();
    gateway.create_database("replays").await.unwrap();
    let api = ApiClient::new(gateway.base()).unwrap();
    replay::conformance::check(&api, "replays").await.unwrap();
}
