//! A store that is away, and a defect: the client is told so, and never gets an empty answer that
//! looks like success.

#![allow(clippy::unwrap_used, clippy::panic)]

mod http_support;

use std::sync::Arc;

use async_trait::async_trait;
use http_support::Server;
use serde_json::json;
use spice_api::http::Settings;
use spice_core::{
    error::StoreError,
    id::{BranchGeneration, InstanceRef, LogPosition, StreamId},
    lineage::View,
    name::{ClassName, PropertyName},
    port::{
        StoreResult,
        graph::{Applied, Entity, Graph, Page, Sink, Version},
    },
    query::Filter,
};

/// A graph that is away for reads of instances, and defective for those of classes.
struct Disturbed(Arc<dyn Graph>);

fn away<T>() -> StoreResult<T> {
    Err(StoreError::Unavailable {
        store: "graph",
        reason: "connection refused".to_owned(),
    })
}

#[async_trait]
impl Graph for Disturbed {
    async fn sink(&self, stream: &StreamId) -> StoreResult<Sink> {
        self.0.sink(stream).await
    }

    async fn apply(
        &self,
        _: &StreamId,
        _: &str,
        _: LogPosition,
        _: LogPosition,
        _: &[Version],
    ) -> StoreResult<Applied> {
        away()
    }

    async fn get(&self, _: &View, _: &[Entity]) -> StoreResult<Vec<Option<Version>>> {
        away()
    }

    async fn scan(
        &self,
        _: &View,
        _: &ClassName,
        _: &[Filter],
        _: Option<&str>,
        _: usize,
    ) -> StoreResult<Page> {
        away()
    }

    async fn classes(&self, _: &View) -> StoreResult<Vec<Version>> {
        panic!("a defect")
    }

    async fn referrers(
        &self,
        _: &View,
        _: &ClassName,
        _: &PropertyName,
        _: &[InstanceRef],
        _: Option<&str>,
        _: usize,
    ) -> StoreResult<Page> {
        away()
    }

    async fn history_before(
        &self,
        _: &View,
        _: &Entity,
        _: LogPosition,
        _: usize,
    ) -> StoreResult<Vec<Version>> {
        away()
    }

    async fn latest(
        &self,
        _: &StreamId,
        _: BranchGeneration,
        _: Option<&Entity>,
        _: usize,
    ) -> StoreResult<Vec<Version>> {
        away()
    }

    async fn remove(&self, _: &StreamId, _: BranchGeneration, _: &[Entity]) -> StoreResult<()> {
        away()
    }

    async fn reset(&self, _: &StreamId) -> StoreResult<Sink> {
        away()
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_a_defect_is_a_500_in_the_error_shape() {
    let disturb = |graph| Arc::new(Disturbed(graph)) as Arc<dyn Graph>;
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
