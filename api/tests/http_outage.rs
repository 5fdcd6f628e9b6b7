//! An unavailable store, and a defect: the client gets an error, and never an empty answer that
//! looks like success.

#![allow(clippy::unwrap_used, clippy::panic)]

mod http_support;

use std::{sync::Arc, time::Duration};

use http_support::Server;
use serde_json::json;
use spice_api::http::Settings;
use spice_core::port::{Store, graph::Graph};
use spice_testing::{
    clock::HandClock,
    double::{Call, Double, unavailable},
};

/// A graph that is unavailable for reads of instances, and defective for reads of classes.
fn disturb(graph: Arc<dyn Graph>) -> Arc<dyn Graph> {
    let hook = |call: Call<'_>| match call.method {
        "sinks" => Ok(()),
        "classes" => panic!("a defect"),
        _ => Err(unavailable(Store::Graph)),
    };
    Arc::new(Double::new(graph, hook))
}

#[tokio::test]
async fn an_unavailable_store_is_reported_and_a_defect_is_a_500_in_the_error_shape() {
    let server = Server::start_over(Settings::default(), true, disturb)
        .await
        .with_demo()
        .await;
    let create = "/databases/demo/instances/Product/create";
    let data = json!({"data": {"product_id": "p1", "name": "A"}});
    let made = server.write("POST", create, data).await;
    let position = made.body["result"]["position"].as_u64().unwrap();

    let query = server
        .post("/graph-query/demo", json!({"start_class": "Product"}))
        .await;
    let query = query.expect(503);
    assert_eq!(query.code(), "unavailable");
    assert_eq!(query.header("retry-after"), "1");
    for probe in ["//readyz", "/health", "oms://readyz"] {
        let answer = server.get(probe).await.expect(503);
        assert_eq!(answer.body["status"], "error");
        let checks = &answer.body["detail"]["checks"];
        assert_eq!(checks["log"], "ok");
        assert!(
            checks["graph"]
                .as_str()
                .unwrap()
                .contains("connection refused")
        );
    }
    server.get("//livez").await.expect(200);
    let listed = server
        .get("/database/demo/class/Product/instances")
        .await
        .expect(200);
    assert_eq!(listed.body["total"], 1);

    let defect = format!("/database/demo/class/Product/instances?as_of={position}");
    let defect = server.get(&defect).await.expect(500);
    assert_eq!(defect.code(), "internal");
    assert_eq!(defect.body["status"], "error");
    assert!(!defect.text.contains("a defect\""), "{}", defect.text);
    assert_eq!(defect.header("x-request-id").len(), 36);
    server.get("/databases").await.expect(200);
}

#[tokio::test]
async fn a_host_whose_clock_is_off_is_ready_and_says_so() {
    let mut server = Server::start().await;
    let on_time = server.get("//readyz").await.expect(200);
    assert!(on_time.body["data"].get("clock_skew_seconds").is_none());
    let clock = HandClock::default();
    clock.advance(Duration::from_hours(1));
    server.start_node(Arc::new(clock)).await;
    for path in ["//readyz", "//health"] {
        let off = server.get(path).await.expect(200);
        let seconds = off.body["data"]["clock_skew_seconds"].as_i64();
        assert!(
            seconds.is_some_and(|seconds| (3_500..=3_600).contains(&seconds)),
            "{}",
            off.text
        );
    }
}
