//! Waits, statuses, probes and the shutdown: the answers while the projections are behind, when a
//! sink has parked an event, and when the process ends.

#![allow(clippy::unwrap_used)]

mod http_support;

use std::time::Duration;

use http_support::{Server, outcomes::record_as};
use serde_json::json;
use spice_api::http::Settings;
use spice_core::{
    handler,
    id::{LogPosition, StreamId},
    port::registry::Outcome,
};
use spice_testing::conformance::sinks::wipe;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

const EMPTY: &str = "/databases";

fn settings(event_sourcing: bool) -> Settings {
    Settings {
        event_sourcing,
        ..Settings::default()
    }
}

#[tokio::test]
async fn without_projections_a_command_is_pending_and_dependent_reads_time_out() {
    let mut server = Server::start_with(settings(true), false).await;
    let waited = server
        .request("POST", EMPTY)
        .header("prefer", "respond-async, wait=0");
    let made = server
        .send(waited.json(&json!({"name": "demo"})))
        .await
        .expect(202);
    assert_eq!(made.header("preference-applied"), "wait");
    let command = made.body["data"]["command_id"].as_str().unwrap().to_owned();
    let path = format!("/commands/{command}/status");
    let status = server.get(&path).await.expect(200);
    assert_eq!(status.body["status"], "PENDING");
    assert_eq!(status.body["history"][0]["status"], "PENDING");
    let result = &status.body["result"];
    assert_eq!(result["command_type"], "CREATE_DATABASE");
    assert_eq!(result["aggregate_id"], "demo");
    assert_eq!(result["progress"], 0);
    assert!(result["created_at"].is_string());

    let late = format!("/databases/demo?at_least={command}&timeout=0");
    let late = server.get(&late).await.expect(504);
    assert_eq!(late.code(), "timeout");
    assert_eq!(late.body["detail"]["position"], 2);
    assert_eq!(late.body["detail"]["parked_count"], 0);
    server
        .get("/databases/demo/ontology/list?as_of=2&timeout=0")
        .await
        .expect(504);

    server.start_workers();
    server
        .get(&format!("/databases/demo?at_least={command}"))
        .await
        .expect(200);
    let status = server.get(&format!("oms:{path}")).await.expect(200);
    assert_eq!(status.body["status"], "COMPLETED");
    assert_eq!(status.body["result"]["db_name"], "demo");
    assert_eq!(status.body["history"][1]["status"], "COMPLETED");
    assert!(status.body["completed_at"].is_string(), "{}", status.text);
}

#[tokio::test]
async fn with_event_sourcing_off_every_write_waits() {
    let server = Server::start_with(settings(false), true).await;
    let made = server
        .post(EMPTY, json!({"name": "demo"}))
        .await
        .expect(201);
    assert_eq!(made.body["status"], "created");
    assert_eq!(made.body["data"]["status"], "completed");
    let class = json!({"label": "Thing", "properties": [{"name": "n", "type": "integer"}]});
    server
        .post("oms:/database/demo/ontology", class)
        .await
        .expect(201);
    let create = "/database/demo/instances/Thing/create";
    let made = server
        .post(create, json!({"data": {"n": 1}}))
        .await
        .expect(201);
    assert_eq!(made.body["status"], "COMPLETED");
    let id = made.body["result"]["instance_id"].as_str().unwrap();
    server
        .get(&format!("/database/demo/class/Thing/instance/{id}"))
        .await
        .expect(200);
}

/// A status never goes back, not even when every sink is wiped.
#[tokio::test]
async fn a_status_only_moves_forward() {
    let mut server = Server::start().await;
    let made = server.write("POST", EMPTY, json!({"name": "demo"})).await;
    let command_id = made.body["data"]["command_id"].as_str().unwrap().to_owned();
    let other = server
        .post("/databases/demo/ontology", json!({"label": "Thing"}))
        .await
        .expect(202);
    let position = other.body["data"]["position"].as_u64().unwrap();
    let untold = other.body["data"]["command_id"]
        .as_str()
        .unwrap()
        .to_owned();
    server
        .get(&format!("/databases/demo?at_least={position}"))
        .await
        .expect(200);
    // The mark of one command covers all before it: only the last one's status is requested.
    let last = server
        .write("POST", "/databases/demo/ontology", json!({"label": "Last"}))
        .await;
    assert_eq!(last.status, 201);
    let status = server
        .get(&format!("/commands/{command_id}/status"))
        .await
        .expect(200);
    assert_eq!(status.body["status"], "COMPLETED");
    server.workers.take().unwrap().shutdown().await;
    let stream = StreamId::first("demo".parse().unwrap());
    wipe(&*server.ports.graph, &stream).await;
    wipe(&*server.ports.documents, &stream).await;
    for command in [&command_id, &untold] {
        let status = server
            .get(&format!("/commands/{command}/status"))
            .await
            .expect(200);
        assert_eq!(status.body["status"], "COMPLETED", "{}", status.text);
    }
}

/// A server without workers, and the position and the id of a projected command whose event this
/// handler parked.
async fn with_parked(handler: &'static str) -> (Server, u64, String) {
    let mut server = Server::start().await.with_demo().await;
    let create = "/databases/demo/instances/Customer/create";
    let made = server
        .post(create, json!({"data": {"customer_id": "c1"}}))
        .await
        .expect(202);
    let position = made.body["result"]["position"].as_u64().unwrap();
    let command = made.body["command_id"].as_str().unwrap().to_owned();
    server
        .get(&format!("/databases/demo?at_least={command}"))
        .await
        .expect(200);
    server.workers.take().unwrap().shutdown().await;
    record_as(&server, handler, position, Outcome::Parked).await;
    (server, position, command)
}

/// Clients do not wait for lineage, a mirror or egress.
#[tokio::test]
async fn an_event_parked_by_another_handler_changes_no_status_and_delays_no_read() {
    let (server, _, command) = with_parked("lineage_worker").await;

    let letters = server.get("/dead-letters").await.expect(200);
    assert_eq!(letters.body["data"]["count"], 1);
    let status = server
        .get(&format!("/commands/{command}/status"))
        .await
        .expect(200);
    assert_eq!(status.body["status"], "COMPLETED", "{}", status.text);
    server
        .get(&format!("/databases/demo?at_least={command}&timeout=0"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_parked_event_is_shown_by_status_reads_and_lists_and_can_be_discarded() {
    let (mut server, position, command) = with_parked(handler::INSTANCES).await;

    let status = server
        .get(&format!("/commands/{command}/status"))
        .await
        .expect(200);
    assert_eq!(status.body["status"], "RETRYING", "{}", status.text);
    assert_eq!(status.body["parked"], json!(["instance_worker"]));
    assert_eq!(status.body["error"], "the sink said no");
    assert_eq!(status.body["retry_count"], 2);
    for at_least in [command.clone(), position.to_string()] {
        let read = format!("/databases/demo?at_least={at_least}&timeout=0");
        let late = server.get(&read).await.expect(504);
        assert_eq!(late.body["detail"]["parked_count"], 1);
        assert_eq!(
            late.body["detail"]["parked"][0]["handler"],
            "instance_worker"
        );
        assert_eq!(
            late.body["detail"]["parked"][0]["aggregate_id"],
            "demo:main:Customer:c1"
        );
    }
    let listed = server.get("/dead-letters?database=demo").await.expect(200);
    assert_eq!(listed.body["data"]["count"], 1);
    assert_eq!(
        server.get("oms:/dead-letters").await.expect(200).body["data"]["count"],
        1
    );
    let one = format!("/dead-letters/demo/instance_worker/{position}");
    let letter = server.get(&one).await.expect(200);
    assert_eq!(letter.body["data"]["class"], "permanent");
    assert_eq!(
        letter.body["data"]["envelope"]["event_type"],
        "INSTANCE_CREATED"
    );

    let stream = StreamId::first("demo".parse().unwrap());
    server
        .send(server.request("POST", &format!("{one}/retry")))
        .await
        .expect(202);
    let retries = server.ports.registry.retries(&stream).await.unwrap();
    assert_eq!(
        retries,
        [(
            "instance_worker".to_owned(),
            "demo:main:Customer:c1".to_owned()
        )]
    );
    let given_up = server
        .post(&format!("{one}/discard"), json!({"reason": "known"}))
        .await
        .expect(202);
    let discarded = given_up.body["result"]["position"].as_u64().unwrap();
    let records = server
        .ports
        .log
        .read(&stream, LogPosition(discarded), 1)
        .await
        .unwrap();
    let envelope = spice_core::envelope::Envelope::from_line(&records[0].line).unwrap();
    assert_eq!(envelope.event_type.as_str(), "EVENT_DISCARDED");
    assert_eq!(envelope.data.to_value()["reason"], "known");
    assert_eq!(envelope.data.to_value()["event_position"], position);

    server.start_workers();
    let position = given_up.body["command_id"].as_str().unwrap();
    server
        .get(&format!("/databases/demo?at_least={position}"))
        .await
        .expect(200);
    let status = server
        .get(&format!("/commands/{command}/status"))
        .await
        .expect(200);
    assert_eq!(status.body["status"], "FAILED", "{}", status.text);
    assert_eq!(status.body["error"], "discarded from instance_worker");
    assert_eq!(server.get("/dead-letters").await.body["data"]["count"], 0);
}

#[tokio::test]
async fn probes_and_metrics_show_the_current_state() {
    let server = Server::start().await.with_demo().await;
    for (path, service) in [
        ("/health", "gateway"),
        ("oms://health", "oms"),
        ("oms:/health", "oms"),
    ] {
        let health = server.get(path).await.expect(200);
        assert_eq!(health.body["status"], "success");
        assert_eq!(health.body["data"]["service"], service);
        assert_eq!(health.body["data"]["status"], "healthy");
        assert!(health.body["data"]["version"].is_string());
    }
    server.get("//livez").await.expect(200);
    let ready = server.get("oms://readyz").await.expect(200);
    for store in ["log", "registry", "graph", "documents"] {
        assert_eq!(ready.body["data"]["checks"][store], "ok");
    }
    server
        .post(EMPTY, json!({"name": "demo"}))
        .await
        .expect(409);
    let metrics = server.get("//metrics").await.expect(200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
    for line in [
        r#"spice_http_requests_total{service="gateway",method="POST",route="/api/v1/databases",status="409"} 1"#,
        r#"spice_commands_total{outcome="accepted",code=""} 4"#,
        r#"spice_commands_total{outcome="refused",code="already_exists"} 1"#,
        r#"spice_http_request_duration_seconds_bucket{le="+Inf"}"#,
    ] {
        assert!(
            metrics.text.contains(line),
            "{line} is not in\n{}",
            metrics.text
        );
    }
}

#[tokio::test]
async fn open_connections_do_not_delay_the_shutdown() {
    let server = Server::start_with(settings(true), false).await;
    let address = server.gateway.trim_start_matches("http://").to_owned();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let mut stuck = TcpStream::connect(&address).await.unwrap();
    stuck
        .write_all(b"POST /api/v1/databases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        .await
        .unwrap();
    // The request is being processed once a later one on another connection is answered.
    server.get("//livez").await.expect(200);
    let begun = Instant::now();
    server.ending.cancel();
    for task in server.tasks {
        task.await.unwrap().unwrap();
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(TcpStream::connect(&address).await.is_err());
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}
